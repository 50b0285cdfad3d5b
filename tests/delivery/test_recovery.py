"""A deployed system whose tables are spoilt and lost, and brought back."""

from pathlib import Path

import pytest

from scripts.cli.errors import UserError
from scripts.ledger.audit.report import audit_deployment
from scripts.ledger.log_reader import scan
from scripts.monitor import metrics_audit
from scripts.operate import customer_erase, pausing
from scripts.operate.shop_users import ShopUsers
from scripts.recovery import backup, refund_lost, replay_orders, restore
from services.libs.store.dynamodb_items import Item, to_item
from services.libs.store.event_store import EventStore
from services.shared.customer_lifecycle import customer_stream
from services.shared.events.customer import CustomerErased
from tests.integration.world import World, eventually


def test_a_system_is_restored_goes_on_with_open_orders_and_takes_new_ones(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sku = world.new_sku(stock=10)
    confirmed, _, _ = world.run(world.order({sku: 2}), world.order({sku: 1}, pays=False), world.order({sku: 99}))
    open_order = world.order({sku: 3})
    forgotten = ShopUsers(world.target, world.deployment).sign_up(f"forgotten-{sku}").customer_id
    with world.paused("payment-service"):
        order_id = _placed(world, open_order)
        backup.back_up(world.target, tmp_path / "backup")
        arn = _dynamodb_backup(world)
    customer_erase.erase(world.target, forgotten, None, world.target.environment)
    _, lost, refused = world.run(open_order, world.order({sku: 1}), world.order({sku: 20}))
    _spoil(world, sku, confirmed.order_id)
    with pytest.raises(UserError, match="differences stayed"):
        audit_deployment(world.target)
    with pytest.raises(UserError, match=r"nothing was restored: .*order-service.* may be writing"):
        _restore(world, tmp_path / "backup")

    pausing.pause(world.target)
    with pytest.raises(UserError, match="They would be lost, so nothing was changed"):
        _restore(world, tmp_path / "backup")
    with pytest.raises(UserError, match="1 differences"):
        _restore(world, tmp_path / "backup", replaces=True)
    assert f"money {lost.order_id} no charge: no such order was accepted charged" in _printed(capsys)
    refund_lost.refund_lost_orders(world.target, dry_run=False)
    _restore(world, tmp_path / "backup")  # raises unless the audit is clean
    assert world.stock(sku) == (8, 3, 5)

    _empty(world, world.deployment.tables.event_store, "stream_id", "version")
    _empty(world, world.deployment.tables.inventory, "item_id")
    restore.restore_tables(world.target, arn, replace=False, from_elsewhere=False)
    assert world.stock(sku) == (8, 3, 5)
    with pytest.raises(UserError, match="can be restored to a time from"):
        restore.restore_tables(world.target, "5m", replace=False, from_elsewhere=False)
    pausing.resume(world.target)

    (went_on,) = world.wait(order_id)
    assert went_on.events[-1] == "OrderConfirmed"
    assert world.charge(order_id)["status"] == "charged"
    assert world.charge(lost.order_id)["status"] == "refunded"
    assert world.stock(sku) == (5, 0, 5)
    world.seed(sku, 25)
    replay_orders.replay_lost_orders(world.target, "1h", dry_run=False)
    assert [history.events[-1] for history in world.wait(lost.order_id, refused.order_id)] == [
        "OrderCancelled",  # its charge was given back
        "OrderConfirmed",  # there is enough now
    ]
    (new,) = world.run(world.order({sku: 1}))
    assert new.events[-1] == "OrderConfirmed"
    assert world.stock(sku) == (4, 0, 4)
    store = EventStore(world.target.client("dynamodb"), world.deployment.store_tables)
    assert store.read(customer_stream(forgotten))[-1].find(CustomerErased), "the backups are from before"
    audit_deployment(world.target)
    metrics_audit.audit_metrics(world.target, rebuild=False)


def _restore(world: World, folder: Path, *, replaces: bool = False) -> None:
    restore.restore_tables(world.target, str(folder), replace=replaces, from_elsewhere=False)


def _placed(world: World, order: dict[str, object]) -> str:
    """Place an order whose payment waits."""
    order_id = str(order["orderId"])
    world.orders.place([order])
    eventually(lambda: world.orders.histories([order_id])[order_id].commits, "a reservation")
    return order_id


def _dynamodb_backup(world: World) -> str:
    table = world.deployment.tables.event_store
    created = world.target.client("dynamodb").create_backup(TableName=table, BackupName="one")
    return created["BackupDetails"]["BackupArn"]


def _spoil(world: World, sku: str, order_id: str) -> None:
    """Lose a commit, count wrong, and sell what is not there."""
    client = world.target.client("dynamodb")
    commit = to_item({"stream_id": f"order#{order_id}", "version": 2})
    client.delete_item(TableName=world.deployment.tables.event_store, Key=commit)
    series, at = "orders_processed_total|status=success|error_type=none", "2026-01-01T00:00:00.000Z"
    stray = to_item({"id": "counters#stray", series: 5, "writes": 1, "updated_at": at})
    client.put_item(TableName=world.deployment.tables.metrics, Item=stray)
    client.update_item(
        TableName=world.deployment.tables.inventory,
        Key=to_item({"item_id": sku}),
        UpdateExpression="SET stock = :many, available = :many",
        ExpressionAttributeValues=to_item({":many": 1000}),
    )


def _empty(world: World, table: str, *keys: str) -> None:
    client = world.target.client("dynamodb")
    items: list[Item] = list(scan(client, table))
    for item in items:
        client.delete_item(TableName=table, Key={key: item[key] for key in keys})


def _printed(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())

"""The audit on a deployment that has worked, and on one that was tampered with."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from scripts.cli.errors import UserError
from scripts.ledger import deadlines
from scripts.ledger.audit.report import audit_deployment
from scripts.operate import pausing
from scripts.recovery import repair
from services.libs.store.dynamodb_items import to_item
from services.libs.store.event_store import EventStore
from services.order_service.domain import PlacedOrder, decide
from services.shared.causes import Cause
from tests.integration.world import World, eventually

_PAYMENT_TIMEOUT = timedelta(minutes=15)


def test_a_tampered_inventory_is_found_and_repaired_while_the_writers_are_paused(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    sku = world.new_sku(stock=10)
    world.run(world.order({sku: 3}), world.order({sku: 1}, pays=False))
    audit_deployment(world.target)
    _tamper(world, sku)

    with pytest.raises(UserError, match="differences stayed"):
        audit_deployment(world.target)
    assert sku in capsys.readouterr().out.partition("Differences")[2]
    with pytest.raises(UserError, match=r"nothing was repaired: .*order-service.* may be writing"):
        repair.repair_tables(world.target)
    assert world.stock(sku) == (99, 5, 1)

    pausing.pause(world.target)
    try:
        repair.repair_tables(world.target)
    finally:
        pausing.resume(world.target)

    assert world.stock(sku) == (7, 0, 7)
    audit_deployment(world.target)
    (history,) = world.run(world.order({sku: 1}))
    assert history.events[-1] == "OrderConfirmed"


def test_an_order_that_was_open_before_deadlines_were_written_expires_after_a_repair(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The upgrade of a deployment whose event store had an index of what is due."""
    monkeypatch.setattr(deadlines, "_AHEAD", timedelta())
    sku = world.new_sku(stock=10)

    pausing.pause(world.target)
    try:
        order_id = _place_as_before(world, sku)
        _lose_the_payment_request(world)
        world.sweep()
        assert _events(world, order_id) == ["OrderValidated", "PaymentRequested"]
        repair.repair_tables(world.target)
    finally:
        pausing.resume(world.target)
    assert "deadlines written: 1;" in capsys.readouterr().out
    world.sweep()

    eventually(lambda: "RefundProcessed" in _events(world, order_id), "an order that has expired")
    assert world.stock(sku) == (10, 0, 10)
    audit_deployment(world.target)


def _lose_the_payment_request(world: World) -> None:
    """It would be paid for, once the services may go on."""
    url = world.deployment.queues["payment"].url
    eventually(lambda: world.waiting(url), "a payment request")
    world.target.client("sqs").purge_queue(QueueUrl=url)


def _place_as_before(world: World, sku: str) -> str:
    """Commit an order half an hour ago, in the form that items had then, and take the deadline away."""
    client, deployment = world.target.client("dynamodb"), world.deployment
    order = PlacedOrder(f"order-{uuid4().hex[:12]}", "customer-1", {sku: 3})
    cause = Cause("event-1", "correlation-1", datetime.now(UTC) - timedelta(minutes=30))
    store = EventStore(client, deployment.store_tables)
    store.append(decide(order, world.inventory.read([sku]), cause, _PAYMENT_TIMEOUT))
    client.update_item(
        TableName=deployment.tables.event_store,
        Key=to_item({"stream_id": order.stream_id, "version": 1}),
        UpdateExpression="SET due_shard = :shard REMOVE stock_move",
        ExpressionAttributeValues=to_item({":shard": "3"}),
    )
    for item in client.scan(TableName=deployment.tables.deadline)["Items"]:
        if order.stream_id in str(item):
            key = {name: item[name] for name in ("minute_shard", "group_id")}
            client.delete_item(TableName=deployment.tables.deadline, Key=key)
    return order.order_id


def _events(world: World, order_id: str) -> list[str]:
    return world.orders.histories([order_id])[order_id].events


def _tamper(world: World, sku: str) -> None:
    world.target.client("dynamodb").update_item(
        TableName=world.deployment.tables.inventory,
        Key=to_item({"item_id": sku}),
        UpdateExpression="SET stock = :stock, reserved = :reserved, available = :available",
        ExpressionAttributeValues=to_item({":stock": 99, ":reserved": 5, ":available": 1}),
    )

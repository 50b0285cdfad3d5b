"""Backup, restore, repair and replay of orders that go on after their sale."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.audit import auditor
from scripts.ledger.audit.auditor import Auditor
from scripts.operate.pausing import PauseSwitch
from scripts.recovery import backup, refund_lost, repair, replay_orders, restore
from services.libs.store.deadline_table import DeadlineTable
from services.libs.store.dynamodb_items import Item, to_item
from services.shared.deadlines import DeadlineGroup
from services.shared.events.fulfilment import ParcelStatus
from tests.factories import NOW
from tests.unit.conftest import DEADLINE_TABLE, EVENT_STORE_TABLE, GATEWAY_TABLE, INVENTORY_TABLE, REGION, Aws
from tests.unit.scripts.after_sale_shop import Shop


class _Events:
    """EventBridge: remembers what was published, and refuses the events of some streams."""

    def __init__(self) -> None:
        self.published: list[str] = []
        self.placed: list[str] = []
        self.refuses: set[str] = set()

    def put_events(self, Entries: Sequence[Mapping[str, str]]) -> dict[str, object]:  # noqa: N803 - boto3's name
        results: list[dict[str, str]] = []
        for entry in Entries:
            detail = json.loads(entry["Detail"])
            event_id = detail.get("metadata", {}).get("eventId", "")
            refused = event_id.partition("/")[0] in self.refuses
            if not refused:
                self.published += [event_id] if event_id else []
                self.placed += [] if event_id else [detail["orderId"]]
            results.append({"ErrorCode": "ThrottlingException"} if refused else {"EventId": "1"})
        return {"FailedEntryCount": sum("ErrorCode" in one for one in results), "Entries": results}


@dataclass
class World:
    aws: Aws
    folder: Path
    events: _Events = field(default_factory=_Events)

    def target(self) -> Target:
        clients = {"dynamodb": self.aws.dynamodb, "events": self.events, "sqs": self.aws.sqs}
        fake = SimpleNamespace(
            client=clients.__getitem__, environment="test", name="local", region=REGION, is_local=True
        )
        return cast("Target", fake)

    def back_up(self) -> None:
        backup.back_up(self.target(), self.folder, clock=lambda: NOW)

    def restore(self) -> None:
        restore.restore_tables(self.target(), str(self.folder), replace=True, from_elsewhere=False)

    def items(self, table: str) -> list[Item]:
        return sorted(self.aws.dynamodb.scan(TableName=table)["Items"], key=json.dumps)

    def empty(self, table: str, *keys: str) -> None:
        for item in self.items(table):
            self.aws.dynamodb.delete_item(TableName=table, Key={key: item[key] for key in keys})

    def lose(self, order_id: str) -> None:
        """Lose the order and its parcels, but not what the gateway did."""
        for item in self.items(EVENT_STORE_TABLE):
            if item["stream_id"]["S"] in {f"order#{order_id}", f"shipment#{order_id}-1", f"shipment#{order_id}-2"}:
                key = {name: item[name] for name in ("stream_id", "version")}
                self.aws.dynamodb.delete_item(TableName=EVENT_STORE_TABLE, Key=key)

    def given_back(self, order_id: str) -> tuple[str, int]:
        """The charge's status, and the sum of its refunds."""
        entry = self.aws.dynamodb.get_item(TableName=GATEWAY_TABLE, Key=to_item({"order_id": order_id}))["Item"]
        return entry["status"]["S"], int(entry.get("refunded_minor", {"N": "0"})["N"])


@pytest.fixture
def world(sold: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_turns: None) -> World:  # noqa: ARG001 - it comes first
    monkeypatch.setattr(Deployment, "of", lambda _: sold.deployment)
    monkeypatch.setattr(PauseSwitch, "__init__", lambda *_: None)
    monkeypatch.setattr(PauseSwitch, "active", lambda _: [])
    monkeypatch.setattr(auditor, "_PAUSE_SECONDS", 0)
    return World(sold, tmp_path / "backup")


def test_lives_at_every_step_come_back_as_they_were(world: World) -> None:
    before = {table: world.items(table) for table in (EVENT_STORE_TABLE, INVENTORY_TABLE, GATEWAY_TABLE)}
    world.back_up()
    world.empty(EVENT_STORE_TABLE, "stream_id", "version")
    world.empty(INVENTORY_TABLE, "item_id")
    world.empty(GATEWAY_TABLE, "order_id")

    world.restore()

    assert {table: world.items(table) for table in before} == before


def test_a_restore_writes_the_deadlines_of_orders_returns_and_parcels(world: World) -> None:
    Shop(world.aws).reserve("reserved")
    Shop(world.aws).announce("delivered", "second", 1)
    world.back_up()
    world.empty(DEADLINE_TABLE, "minute_shard", "group_id")
    soon = datetime.now(UTC)

    world.restore()

    groups = list(DeadlineTable(world.aws.dynamodb, DEADLINE_TABLE).all())
    told = {stream for group in groups if isinstance(group, DeadlineGroup) for stream in group.stream_ids}
    assert told == {"order#reserved", "order#returning", "order#delivered", "shipment#booked-1", "shipment#shipped-1"}
    assert all(isinstance(group, DeadlineGroup) and group.due_at > soon for group in groups)


def test_a_restore_publishes_open_refunds_and_the_last_step_of_each_parcel_of_an_order_on_its_way(
    world: World,
) -> None:
    shop = Shop(world.aws)
    shop.fulfil("owing", 1, 1)
    shop.move("owing-1", ParcelStatus.PICKED_UP, ParcelStatus.LOST)
    shop.move("owing-2", ParcelStatus.PICKED_UP)
    world.back_up()

    world.restore()

    assert sorted(world.events.published) == [
        "order#booked/4/0",
        "order#owing/5/0",
        "order#owing/5/1",
        "order#owing/6/0",
        "order#returning/7/0",
        "order#shipped/5/0",
        "shipment#booked-1/2/0",
        "shipment#owing-1/4/0",
        "shipment#owing-2/3/0",
        "shipment#shipped-1/4/0",
    ]


def test_orders_that_nobody_took_over_are_handed_over_with_the_id_that_their_event_had(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for order_id in ("forgotten", "lost"):
        Shop(world.aws).confirm(order_id)

    repair.repair_tables(world.target())

    assert world.events.published == ["order#forgotten/3/0", "order#lost/3/0"]
    lines = capsys.readouterr().out.splitlines()
    assert "forgotten: confirmed 2026-01-01T12:00:00.123Z, handed over to fulfilment" in lines
    assert "lost: confirmed 2026-01-01T12:00:00.123Z, handed over to fulfilment" in lines
    assert lines[-1] == "`invoke resume` lets the services write again"


def test_an_order_whose_event_is_refused_is_named(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for order_id in ("forgotten", "refused"):
        Shop(world.aws).confirm(order_id)
    world.events.refuses = {"order#refused"}

    with pytest.raises(UserError, match=r"not repaired:\nrefused: EventBridge refused its OrderConfirmed; run this ag"):
        repair.repair_tables(world.target())

    assert "forgotten: confirmed" in capsys.readouterr().out


def test_orders_that_are_cancelled_or_in_fulfilment_are_not_handed_over(world: World) -> None:
    repair.repair_tables(world.target())

    assert world.events.published == []


def test_of_a_lost_order_only_the_rest_of_its_charge_is_given_back_and_once(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.lose("halved")

    refund_lost.refund_lost_orders(world.target(), dry_run=False)

    assert "5.00 GBP, the rest of 15.00 GBP  given back" in capsys.readouterr().out
    assert world.given_back("halved") == ("refunded", 1000)
    refund_lost.refund_lost_orders(world.target(), dry_run=False)
    assert "every charge is of an order that was accepted" in capsys.readouterr().out


def test_the_charges_of_orders_that_go_on_are_never_given_back(world: World) -> None:
    before = world.items(GATEWAY_TABLE)

    refund_lost.refund_lost_orders(world.target(), dry_run=False)

    assert world.items(GATEWAY_TABLE) == before


def test_a_lost_order_of_which_money_was_given_back_is_not_placed_again(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for order_id in ("cancelled", "shipped"):
        world.lose(order_id)
    bodies = [_placed(order_id) for order_id in ("cancelled", "shipped", "delivered")]
    monkeypatch.setattr(replay_orders.OrderArchive, "placed", lambda *_: iter([bodies]))

    replay_orders.replay_lost_orders(world.target(), "1h", dry_run=False)

    assert world.events.placed == ["shipped"]
    printed = capsys.readouterr().out
    assert "3 orders were placed since" in printed
    assert (
        "left, as money of them was given back: cancelled\n`invoke recover.refund-lost` gives back the rest" in printed
    )


def _placed(order_id: str) -> str:
    detail = {"orderId": order_id, "customerId": "customer-1", "items": [{"sku": "prod-001", "quantity": 2}]}
    return json.dumps({"id": "1", "detail-type": "OrderPlaced", "time": "2026-01-01T12:00:00Z", "detail": detail})


def test_a_repair_of_the_inventory_keeps_the_warehouse(world: World) -> None:
    world.aws.dynamodb.update_item(
        TableName=INVENTORY_TABLE,
        Key=to_item({"item_id": "prod-002"}),
        UpdateExpression="SET warehouse = :main",
        ExpressionAttributeValues=to_item({":main": "main"}),
    )

    repair.repair_tables(world.target())

    assert world.aws.inventory.read(["prod-002"])["prod-002"].product.warehouse == "north"
    audit = Auditor(world.aws.dynamodb, world.aws.deployment, clock=lambda: NOW + timedelta(0)).audit()
    assert audit.ledger.skus["prod-002"].product
    assert audit.ledger.skus["prod-002"].product.warehouse == "north"
    assert audit.differences == []

"""Backup and restore on moto, of a system that has orders in every state."""

import gzip
import json
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger import log_reader
from scripts.ledger.audit import auditor
from scripts.ledger.audit.auditor import Auditor
from scripts.ledger.log_reader import read_commit
from scripts.ledger.order_history import reason_of
from scripts.operate import relay_catchup
from scripts.operate.pausing import PauseSwitch
from scripts.recovery import backup, refund_lost, restore, restore_sources, table_writes
from scripts.recovery.backup_files import read_items, read_manifest
from scripts.recovery.table_writes import TableWrites
from services.libs.runtime.backoff import Backoff
from services.libs.store.deadline_table import DeadlineTable
from services.libs.store.dynamodb_items import Item, to_item
from services.libs.store.ledger_counters import CounterWriter, LedgerCounters
from services.order_service.service import OrderService
from services.payment_service.gateway import RefundRequest
from services.payment_service.service import PaymentService
from services.payment_service.simulated_gateway import SimulatedGateway
from services.shared.deadlines import DeadlineGroup
from services.shared.events.payment import PaymentProcessed
from services.shared.json_types import Json
from tests.factories import CAUSE, NOW, PAYMENT_TIMEOUT, conclude, pay, place, placed_order, seeding
from tests.unit.conftest import (
    DEADLINE_TABLE,
    EVENT_STORE_TABLE,
    GATEWAY_TABLE,
    INVENTORY_TABLE,
    METRICS_TABLE,
    REGION,
    Aws,
)

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

LATER = replace(CAUSE, at=NOW + timedelta(hours=1))
MANIFEST, LOG = "manifest.json", "event-store.jsonl.gz"
Tables = dict[str, list[Item]]


class _Events:
    """EventBridge: remembers what was published."""

    def __init__(self) -> None:
        self.published: list[str] = []

    def put_events(self, Entries: Sequence[Mapping[str, str]]) -> dict[str, object]:  # noqa: N803 - boto3's name
        self.published += [json.loads(entry["Detail"])["metadata"]["eventId"] for entry in Entries]
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in Entries]}


@dataclass
class World:
    aws: Aws
    folder: Path
    events: _Events = field(default_factory=_Events)

    def target(self, environment: str = "test") -> Target:
        clients = {"dynamodb": self.aws.dynamodb, "events": self.events}
        fake = SimpleNamespace(client=clients.__getitem__, environment=environment, name="local", region=REGION)
        return cast("Target", fake)

    def back_up(self) -> None:
        backup.back_up(self.target(), self.folder, clock=lambda: NOW)

    def restore(self, to: str = "", *, replaces: bool = False, from_elsewhere: bool = False, **more: bool) -> None:
        restore.restore_tables(
            self.target(), to or str(self.folder), replace=replaces, from_elsewhere=from_elsewhere, **more
        )

    def tables(self) -> Tables:
        """Everything that a restore answers for; how the counters are split over items is not."""
        names = (EVENT_STORE_TABLE, INVENTORY_TABLE, GATEWAY_TABLE)
        counters = LedgerCounters(self.aws.dynamodb, METRICS_TABLE).read()
        return {name: self.items(name) for name in names} | {
            "counters": [to_item({name: count for name, count in counters.items() if count})]
        }

    def items(self, table: str) -> list[Item]:
        pages = self.aws.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return sorted((item for page in pages for item in page["Items"]), key=json.dumps)

    def empty(self, table: str, *keys: str) -> None:
        for item in self.items(table):
            self.aws.dynamodb.delete_item(TableName=table, Key={key: item[key] for key in keys})

    def lose_everything(self) -> None:
        self.empty(EVENT_STORE_TABLE, "stream_id", "version")
        self.empty(INVENTORY_TABLE, "item_id")
        self.empty(METRICS_TABLE, "id")
        self.empty(GATEWAY_TABLE, "order_id")

    def order_later(self, order_id: str = "later") -> None:
        """Place, charge and confirm an order, after the backup."""
        place(OrderService(self.aws.store, self.aws.inventory, PAYMENT_TIMEOUT), placed_order(order_id), LATER)
        pay(PaymentService(self.aws.store, SimulatedGateway(self.aws.dynamodb, GATEWAY_TABLE, 1.0)), order_id, LATER)
        conclude(OrderService(self.aws.store, self.aws.inventory, PAYMENT_TIMEOUT), order_id, LATER)

    def charge(self, order_id: str) -> str:
        key = to_item({"order_id": order_id})
        return self.aws.dynamodb.get_item(TableName=GATEWAY_TABLE, Key=key)["Item"]["status"]["S"]


@pytest.fixture
def world(busy: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_turns: None) -> World:  # noqa: ARG001 - it comes first
    monkeypatch.setattr(Deployment, "of", lambda _: busy.deployment)
    monkeypatch.setattr(PauseSwitch, "__init__", lambda *_: None)
    monkeypatch.setattr(PauseSwitch, "active", lambda _: [])
    monkeypatch.setattr(auditor, "_PAUSE_SECONDS", 0)
    monkeypatch.setattr(restore_sources, "_POLL_SECONDS", 0)
    return World(busy, tmp_path / "backups" / "one")


def _printed(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_what_was_lost_comes_back_as_it_was_and_the_audit_is_clean(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    before = world.tables()
    world.back_up()
    world.lose_everything()

    world.restore()

    assert world.tables() == before
    said = "the inventory, the orders, the money, the counters and the erasures are what the log says"
    assert said in _printed(capsys)


def test_numbers_texts_and_large_items_come_back_to_the_last_digit(world: World) -> None:
    world.aws.store.append(seeding("prod-big", name="x" * 190_000))
    exact: Json = {"number": int("9" * 38), "text": 'ü "quoted" \n 💶', "none": None, "yes": True, "list": [1, []]}
    world.aws.dynamodb.update_item(
        TableName=EVENT_STORE_TABLE,
        Key=to_item({"stream_id": "sku#prod-big", "version": 1}),
        UpdateExpression="SET body.exact = :exact",
        ExpressionAttributeValues=to_item({":exact": exact}),
    )
    before = world.items(EVENT_STORE_TABLE)
    world.back_up()
    world.lose_everything()

    world.restore()

    assert world.items(EVENT_STORE_TABLE) == before
    assert any("9" * 38 in json.dumps(item) for item in before)


def test_only_the_owner_may_read_a_backup(world: World) -> None:
    world.back_up()

    assert stat.S_IMODE(world.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in world.folder.iterdir()} == {0o600}


def test_a_backup_says_whose_it_is_and_how_much_there_must_be(world: World) -> None:
    world.back_up()

    manifest = json.loads((world.folder / MANIFEST).read_text())
    lines = gzip.decompress((world.folder / LOG).read_bytes()).splitlines()
    assert manifest["origin"] == {"environment": "test", "target": "local", "region": REGION}
    assert manifest["taken_at"] == "2026-01-01T12:00:00.123000Z"
    assert manifest["event_store"]["items"] == len(lines) == len(world.items(EVENT_STORE_TABLE))


def test_a_backup_never_writes_over_another(world: World) -> None:
    world.back_up()
    written = (world.folder / MANIFEST).read_bytes()

    with pytest.raises(UserError, match="never writes over another"):
        world.back_up()

    assert (world.folder / MANIFEST).read_bytes() == written


def test_a_backup_that_fails_leaves_nothing_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Iterator[Item]:
        yield world.items(EVENT_STORE_TABLE)[0]
        raise KeyboardInterrupt

    monkeypatch.setattr(backup, "scan", interrupted)

    with pytest.raises(KeyboardInterrupt):
        world.back_up()

    assert list(world.folder.parent.iterdir()) == []


def _put_strays(world: World) -> None:
    """Put what is no commit: alone in a stream, and after an order's commits."""
    for stray in ({"stream_id": "order#f1", "version": 1}, {"stream_id": "order#paid", "version": 9, "events": []}):
        world.aws.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=to_item(cast("dict[str, Json]", stray)))


def test_items_that_are_no_commits_are_kept_by_a_backup_and_named(world: World) -> None:
    _put_strays(world)
    before = world.items(EVENT_STORE_TABLE)

    with pytest.raises(UserError, match=r"order#f1 version 1 is no commit.*; order#paid version 9 is no commit"):
        world.back_up()

    lines = gzip.decompress((world.folder / LOG).read_bytes()).splitlines()
    assert sorted((json.loads(line)["Item"] for line in lines), key=json.dumps) == before


def test_items_that_are_no_commits_are_restored_only_if_that_is_asked_for_and_named_again(world: World) -> None:
    _put_strays(world)
    before = world.items(EVENT_STORE_TABLE)
    with pytest.raises(UserError):
        world.back_up()
    world.lose_everything()

    with pytest.raises(UserError, match=r"nothing was restored: .*order#f1 version 1 is no commit"):
        world.restore()
    assert world.items(EVENT_STORE_TABLE) == []

    with pytest.raises(UserError, match="2 differences stayed"):
        world.restore(accept_damaged=True)
    assert world.items(EVENT_STORE_TABLE) == before


def test_no_charge_is_given_back_while_items_of_the_log_are_no_commits(world: World) -> None:
    world.back_up()
    world.order_later()
    with pytest.raises(UserError):
        world.restore(replaces=True)
    _put_strays(world)

    with pytest.raises(UserError, match=r"nothing was given back: .*\norder#f1 version 1 is no commit"):
        refund_lost.refund_lost_orders(world.target(), dry_run=False)

    assert world.charge("later") == "charged"


def test_a_charge_that_cannot_be_read_is_left_and_named(world: World) -> None:
    key = to_item({"order_id": "f1"})
    world.aws.dynamodb.put_item(TableName=GATEWAY_TABLE, Item=key | to_item({"status": "charged"}))

    with pytest.raises(UserError, match="cannot be read, and were left: f1"):
        refund_lost.refund_lost_orders(world.target(), dry_run=False)

    assert world.charge("f1") == "charged"


def test_a_backup_has_the_charge_of_every_payment_in_it_although_orders_are_paid_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scan_before_an_order(client: "DynamoDBClient", table: str) -> Iterator[Item]:
        yield from log_reader.scan(client, table)
        world.order_later(f"after-{table}")

    monkeypatch.setattr(backup, "scan", scan_before_an_order)

    world.back_up()

    manifest = read_manifest(world.folder)
    charges = {item["order_id"]["S"] for item in read_items(world.folder, manifest.simulated_gateway)}
    commits = map(read_commit, read_items(world.folder, manifest.event_store))
    paid = {payment.order_id for commit in commits if (payment := commit.find(PaymentProcessed))}
    assert paid >= {"paid", "settled"}
    assert charges >= paid


def _lose_reservations(aws: Aws) -> None:
    for order_id in ("paid", "open"):
        _delete(aws, f"order#{order_id}", 1)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda aws: _delete(aws, "order#paid", 2), "order#paid lacks a version"),
        (lambda aws: _delete(aws, "order#paid", 1), "order#paid lacks a version"),
        (lambda aws: _delete(aws, "sku#prod-001", 1), "prod-001: stock -4, reserved 2, available -6"),
        (_lose_reservations, "prod-001: stock 96, reserved -2, available 98"),
    ],
)
def test_a_backup_of_what_cannot_have_stood_at_one_moment_is_kept_and_fails(
    world: World, spoil: Callable[[Aws], None], said: str
) -> None:
    spoil(world.aws)

    with pytest.raises(UserError, match=f"{said}.*\n.*`invoke pause`"):
        world.back_up()

    assert (world.folder / MANIFEST).exists()


def _delete(aws: Aws, stream_id: str, version: int) -> None:
    aws.dynamodb.delete_item(TableName=EVENT_STORE_TABLE, Key=to_item({"stream_id": stream_id, "version": version}))


def _flip_a_byte(folder: Path) -> None:
    content = bytearray((folder / LOG).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / LOG).write_bytes(content)


def _other_format(folder: Path) -> None:
    (folder / MANIFEST).write_text((folder / MANIFEST).read_text().replace('"format": 1', '"format": 2'))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_flip_a_byte, "event-store.jsonl.gz is damaged"),
        (lambda folder: (folder / LOG).unlink(), "event-store.jsonl.gz is missing"),
        (lambda folder: (folder / MANIFEST).unlink(), "is no backup: it has no manifest.json"),
        (_other_format, "manifest.json, line 2, format"),
    ],
)
def test_a_damaged_backup_is_refused_before_anything_is_changed(
    world: World, spoil: Callable[[Path], None], said: str
) -> None:
    world.back_up()
    spoil(world.folder)
    world.lose_everything()

    with pytest.raises(UserError, match=said):
        world.restore()

    assert world.items(EVENT_STORE_TABLE) == []


def test_a_backup_that_cannot_have_stood_at_one_moment_is_restored_only_if_that_is_asked_for(world: World) -> None:
    _delete(world.aws, "order#paid", 2)
    before = world.items(EVENT_STORE_TABLE)
    with pytest.raises(UserError):
        world.back_up()
    world.lose_everything()

    with pytest.raises(UserError, match=r"nothing was restored: .*: order#paid lacks a version\n.*--accept-damaged"):
        world.restore()
    assert world.items(EVENT_STORE_TABLE) == world.items(GATEWAY_TABLE) == []

    with pytest.raises(UserError, match="differences stayed"):
        world.restore(accept_damaged=True)
    assert world.items(EVENT_STORE_TABLE) == before


def test_another_environments_backup_is_taken_only_with_consent(world: World) -> None:
    before = world.tables()
    backup.back_up(world.target("prod"), world.folder, clock=lambda: NOW)
    world.lose_everything()

    with pytest.raises(
        UserError, match=r"a backup of prod on local in .*, and this is test on local in .*--from-elsewhere"
    ):
        world.restore()
    assert world.items(EVENT_STORE_TABLE) == []

    world.restore(from_elsewhere=True)
    assert world.tables() == before


def test_nothing_is_restored_while_somebody_may_write(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.back_up()
    world.lose_everything()
    monkeypatch.setattr(PauseSwitch, "active", lambda _: ["order-service"])

    with pytest.raises(UserError, match=r"nothing was restored: order-service may be writing\. First `invoke pause`"):
        world.restore()

    assert world.items(EVENT_STORE_TABLE) == []


@pytest.mark.parametrize(
    ("looks_before", "consequence", "commits_are_written"),
    [(1, "nothing was restored", False), (2, "the stock and the counters were not restored", True)],
)
def test_the_pause_is_checked_again_before_the_log_and_before_the_stock_is_written(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    looks_before: int,
    consequence: str,
    *,
    commits_are_written: bool,
) -> None:
    world.back_up()
    world.lose_everything()
    answers: Iterator[list[str]] = iter([[]] * looks_before + [["order-service"]])
    monkeypatch.setattr(PauseSwitch, "active", lambda _: next(answers))

    with pytest.raises(UserError, match=f"{consequence}: order-service may be writing"):
        world.restore()

    assert bool(world.items(EVENT_STORE_TABLE)) is commits_are_written
    assert world.items(INVENTORY_TABLE) == []


def test_a_table_that_is_gone_is_named_with_what_to_do(world: World) -> None:
    world.back_up()
    world.aws.dynamodb.delete_table(TableName=EVENT_STORE_TABLE)

    with pytest.raises(UserError, match="test-event-store-table is gone: `invoke plan` and `invoke apply`"):
        world.restore()


def test_commits_that_came_later_are_removed_only_where_that_is_asked_for(world: World) -> None:
    before = world.tables()
    world.back_up()
    world.aws.store.append(seeding("prod-new", stock=5))
    world.aws.store.append(seeding("prod-001", stock=200, version=2, delta=104, price_minor=700))
    after = world.tables()

    with pytest.raises(UserError, match=r"holds 2 commits .* sku#prod-001 version 2, sku#prod-new version 1"):
        world.restore()
    assert world.tables() == after

    world.restore(replaces=True)
    assert world.tables() == before


def test_a_damaged_commit_is_written_over_and_no_other(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    before = world.tables()
    world.back_up()
    world.aws.dynamodb.update_item(
        TableName=EVENT_STORE_TABLE,
        Key=to_item({"stream_id": "order#paid", "version": 1}),
        UpdateExpression="SET body.amountMinor = :none",
        ExpressionAttributeValues=to_item({":none": 0}),
    )

    with pytest.raises(UserError, match=r"holds 1 commits .* such as order#paid version 1"):
        world.restore()
    world.restore(replaces=True)

    assert world.tables() == before
    assert "of which 1 were written; 0 others removed" in _printed(capsys)


def test_nothing_is_written_where_nothing_differs_but_the_order_of_attributes(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.back_up()
    for item in world.items(EVENT_STORE_TABLE):
        world.aws.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=dict(reversed(item.items())))

    world.restore()

    assert "of which 0 were written; 0 others removed; 0 charges and 0 SKUs written" in _printed(capsys)


class _Interrupted:
    """A client during whose use somebody presses Ctrl-C, after so many calls that write; it keeps their names."""

    def __init__(self, client: object, calls: list[str], most: int) -> None:
        self._client = client
        self._calls = calls
        self._most = most

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the client has
        call = getattr(self._client, name)
        if name not in {"batch_write_item", "put_events", "put_item", "transact_write_items", "update_item"}:
            return call

        def write(**request: Any) -> Any:  # noqa: ANN401 - the client's
            answer = call(**request)
            self._calls.append(f"{name} {'Delete' if 'DeleteRequest' in str(request) else ''}".strip())
            if len(self._calls) == self._most:
                raise KeyboardInterrupt
            return answer

        return write


def test_a_restore_that_is_interrupted_after_any_of_its_writes_is_told_and_run_again(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table_writes, "_CALLS_AT_ONCE", 1)
    monkeypatch.setattr(table_writes, "_REQUESTS_PER_CALL", 3)
    monkeypatch.setattr(relay_catchup, "_COMMITS_AT_ONCE", 1)
    before, dynamodb, events = world.tables(), world.aws.dynamodb, world.events
    world.back_up()
    finished, calls = False, list[str]()
    while not finished:
        _lose_much(world)
        most, calls = len(calls) + 1, list[str]()
        world.aws.dynamodb = cast("DynamoDBClient", _Interrupted(dynamodb, calls, most))
        world.events = cast("_Events", _Interrupted(events, calls, most))
        try:
            world.restore(replaces=True)
            finished = True
        except KeyboardInterrupt:
            assert "the restore is not finished: run it again" in capsys.readouterr().err, calls
        world.aws.dynamodb, world.events = dynamodb, events
        events.published.clear()

        world.restore(replaces=True)
        assert world.tables() == before, calls
        assert "order#open" in _told_of(world), calls
        assert len(events.published) == 4, calls

    assert set(calls) == {
        "batch_write_item",
        "batch_write_item Delete",
        "transact_write_items",
        "put_item",
        "put_events",
    }


def _lose_much(world: World) -> None:
    """Lose some of each table, have in each what should not be there, and let the sweeper be ahead."""
    for number in (2, 3):
        _delete(world.aws, "order#paid", number)
    _delete(world.aws, "sku#prod-001", 1)
    world.empty(INVENTORY_TABLE, "item_id")
    world.empty(GATEWAY_TABLE, "order_id")
    for number in range(4):
        world.aws.store.append(seeding(f"prod-new-{number}"))
    counter = CounterWriter(METRICS_TABLE).update({"orders_processed_total|status=success|error_type=none": 5}, NOW)
    world.aws.dynamodb.transact_write_items(TransactItems=[{"Update": counter}])
    world.empty(DEADLINE_TABLE, "minute_shard", "group_id")


def _told_of(world: World) -> set[str]:
    """The streams of the deadlines that are still to come, after all that has passed."""
    groups = (group for group in DeadlineTable(world.aws.dynamodb, DEADLINE_TABLE).all())
    soon = datetime.now(UTC)
    return {
        stream
        for group in groups
        if isinstance(group, DeadlineGroup) and group.due_at > soon
        for stream in group.stream_ids
    }


def test_orders_that_are_open_again_are_told_of_although_the_sweeper_had_passed_them(world: World) -> None:
    place(OrderService(world.aws.store, world.aws.inventory, PAYMENT_TIMEOUT), placed_order("open-later"), LATER)
    world.back_up()
    orders, streams = (
        OrderService(world.aws.store, world.aws.inventory, PAYMENT_TIMEOUT),
        ("order#open", "order#open-later"),
    )
    assert orders.expire_all(streams, NOW + timedelta(days=1)) == {}
    assert [world.aws.store.latest_version(stream) for stream in streams] == [2, 2]
    assert _told_of(world) == set()

    world.restore(replaces=True)

    assert [world.aws.store.latest_version(stream) for stream in streams] == [1, 1]
    assert _told_of(world) == set(streams)


def test_where_nothing_is_open_no_deadline_is_written(world: World) -> None:
    world.aws.dynamodb.delete_item(TableName=EVENT_STORE_TABLE, Key=to_item({"stream_id": "order#open", "version": 1}))
    world.back_up()
    before = world.items(DEADLINE_TABLE)

    world.restore()

    assert world.items(DEADLINE_TABLE) == before


def test_the_events_that_open_orders_wait_for_are_published_again_and_no_others(world: World) -> None:
    world.back_up()

    world.restore()

    assert sorted(world.events.published) == [
        "order#open/1/0",
        "order#open/1/1",
        "order#paid/3/0",
        "order#settled/2/0",
    ]


def test_charges_of_lost_orders_are_shown_and_given_back(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(refund_lost, "_ENTRIES_AT_ONCE", 1)
    world.back_up()
    world.order_later("later")
    world.order_later("latest")

    with pytest.raises(UserError, match=r"2 differences .*runbook.md#charges-without-orders"):
        world.restore(replaces=True)
    assert "money later no charge: no such order was accepted charged" in _printed(capsys)

    refund_lost.refund_lost_orders(world.target(), dry_run=True)
    assert "later sim_" in _printed(capsys)
    assert world.charge("later") == "charged"

    refund_lost.refund_lost_orders(world.target(), dry_run=False)
    assert "10.00 GBP given back" in _printed(capsys)
    assert [world.charge(order_id) for order_id in ("later", "latest", "paid")] == ["refunded", "refunded", "charged"]

    world.restore()
    refund_lost.refund_lost_orders(world.target(), dry_run=False)
    assert "every charge is of an order that was accepted" in _printed(capsys)


def test_of_the_charge_of_a_lost_order_only_the_part_is_given_back_that_its_refunds_left(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.order_later()
    gateway = SimulatedGateway(world.aws.dynamodb, GATEWAY_TABLE, 1.0)
    assert gateway.refund(RefundRequest("later", "later-5", 400, "GBP"))
    for version in (1, 2, 3):
        _delete(world.aws, "order#later", version)

    refund_lost.refund_lost_orders(world.target(), dry_run=False)

    assert "6.00 GBP, the rest of 10.00 GBP given back" in _printed(capsys)
    assert gateway.call_off("later") == 600


def test_the_charge_of_a_lost_order_that_comes_again_and_is_refused_is_given_back(world: World) -> None:
    world.back_up()
    world.order_later()
    with pytest.raises(UserError, match="1 differences"):
        world.restore(replaces=True)
    world.aws.store.append(seeding("prod-001", stock=2, version=2, delta=-94))
    place(OrderService(world.aws.store, world.aws.inventory, PAYMENT_TIMEOUT), placed_order("later"), LATER)

    refund_lost.refund_lost_orders(world.target(), dry_run=False)

    assert reason_of(world.aws.store.read("order#later")[0]) == "insufficient_stock"
    assert world.charge("later") == "refunded"
    assert Auditor(world.aws.dynamodb, world.aws.deployment, clock=lambda: NOW).audit().differences == []


@pytest.mark.parametrize("lost", [1, 2])
def test_the_charge_of_a_good_order_is_kept_although_the_log_has_lost_some_of_it(
    world: World, lost: int, capsys: pytest.CaptureFixture[str]
) -> None:
    _delete(world.aws, "order#paid", lost)

    refund_lost.refund_lost_orders(world.target(), dry_run=False)

    assert world.charge("paid") == "charged"
    assert "every charge is of an order that was accepted" in _printed(capsys)


def _lose_the_log(world: World) -> None:
    world.empty(EVENT_STORE_TABLE, "stream_id", "version")


def _lose_an_order_and_a_version_of_another(world: World) -> None:
    for version in (1, 2, 3):
        _delete(world.aws, "order#paid", version)
    _delete(world.aws, "order#declined", 1)


@pytest.mark.parametrize(
    ("lose", "said"),
    [
        (_lose_the_log, "it holds no commit"),
        (_lose_an_order_and_a_version_of_another, "order#declined lacks a version"),
    ],
)
def test_no_charge_is_given_back_while_the_log_is_empty_or_damaged(
    world: World, lose: Callable[[World], None], said: str
) -> None:
    lose(world)

    message = f"nothing was given back: the event store is empty or damaged; `invoke restore` first\n{said}"
    with pytest.raises(UserError, match=message):
        refund_lost.refund_lost_orders(world.target(), dry_run=False)

    assert world.charge("paid") == world.charge("settled") == "charged"


def test_what_is_given_back_is_said_before_the_next_is(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for order_id in ("lost-1", "lost-2"):
        world.order_later(order_id)
        for version in (1, 2, 3):
            _delete(world.aws, f"order#{order_id}", version)
    given_back: list[str] = []

    def call_off(_: SimulatedGateway, order_id: str) -> int:
        if given_back:
            raise KeyboardInterrupt
        given_back.append(order_id)
        return 1000

    monkeypatch.setattr(SimulatedGateway, "call_off", call_off)

    with pytest.raises(KeyboardInterrupt):
        refund_lost.refund_lost_orders(world.target(), dry_run=False)

    (order_id,) = given_back
    assert _printed(capsys).startswith(f"{order_id} sim_")


def test_what_the_gateway_did_since_is_left_as_it_is(world: World) -> None:
    world.back_up()
    world.order_later()
    SimulatedGateway(world.aws.dynamodb, GATEWAY_TABLE, 1.0).call_off("later")
    since = world.items(GATEWAY_TABLE)

    world.restore(replaces=True)

    assert world.items(GATEWAY_TABLE) == since


def test_a_backup_that_dynamodb_made_is_restored_and_its_table_is_gone_afterwards(world: World) -> None:
    before, arn = world.tables(), _dynamodb_backup(world, EVENT_STORE_TABLE)
    world.empty(EVENT_STORE_TABLE, "stream_id", "version")
    world.empty(INVENTORY_TABLE, "item_id")

    with pytest.raises(UserError, match="differences"):  # it is of now, and the open orders were due long ago
        world.restore(arn)

    assert world.tables() == before
    assert _restored_tables(world) == []


def test_another_tables_backup_is_taken_only_with_consent(world: World) -> None:
    arn = _dynamodb_backup(world, GATEWAY_TABLE)

    with pytest.raises(UserError, match="is a backup of test-simulated-gateway-table, and not of test-event-store"):
        world.restore(arn)
    assert _restored_tables(world) == []


def test_a_backup_that_is_not_there_is_named(world: World) -> None:
    arn = _dynamodb_backup(world, EVENT_STORE_TABLE)
    world.aws.dynamodb.delete_backup(BackupArn=arn)

    with pytest.raises(UserError, match=f"there is no backup {arn}"):
        world.restore(arn)


def _dynamodb_backup(world: World, table: str) -> str:
    return world.aws.dynamodb.create_backup(TableName=table, BackupName="one")["BackupDetails"]["BackupArn"]


def _restored_tables(world: World) -> list[str]:
    return [name for name in world.aws.dynamodb.list_tables()["TableNames"] if "restored" in name]


class _TimeTravel:
    """DynamoDB with point-in-time recovery to one time, from a backup of then: moto's copies what stands there now."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self._client = client
        self._arn = client.create_backup(TableName=EVENT_STORE_TABLE, BackupName="then")["BackupDetails"]["BackupArn"]
        self.polls = 0
        self.asked: list[dict[str, object]] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the client has
        return getattr(self._client, name)

    def describe_continuous_backups(self, **_: object) -> dict[str, object]:
        status = {"EarliestRestorableDateTime": NOW - timedelta(days=35), "LatestRestorableDateTime": LATER.at}
        return {"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": status}}

    def restore_table_to_point_in_time(self, **request: object) -> None:
        self.asked.append(request)
        target = str(request["TargetTableName"])
        self._client.restore_table_from_backup(TargetTableName=target, BackupArn=self._arn)

    def describe_table(self, **request: str) -> Any:  # noqa: ANN401 - the client's
        answer = self._client.describe_table(**request)
        if request["TableName"] != EVENT_STORE_TABLE:
            self.polls += 1
            answer["Table"]["TableStatus"] = "CREATING" if self.polls == 1 else "ACTIVE"
        return answer


@pytest.fixture
def travelling(world: World) -> _TimeTravel:
    travel = _TimeTravel(world.aws.dynamodb)
    world.aws.dynamodb = cast("DynamoDBClient", travel)
    return travel


def test_a_time_is_restored_by_way_of_a_table_that_is_gone_afterwards(world: World, travelling: _TimeTravel) -> None:
    before = world.tables()
    world.aws.store.append(seeding("prod-001", stock=200, version=2, delta=104))

    world.restore("2026-01-01T13:00:00+01:00", replaces=True)

    assert world.tables() == before
    assert travelling.polls == 2
    (asked,) = travelling.asked
    assert asked == {
        "SourceTableName": EVENT_STORE_TABLE,
        "TargetTableName": f"{EVENT_STORE_TABLE}-restored-20260101T120000Z",
        "RestoreDateTime": datetime(2026, 1, 1, 12, 0, tzinfo=UTC),
        "BillingModeOverride": "PAY_PER_REQUEST",
    }
    assert _restored_tables(world) == []


@pytest.mark.usefixtures("travelling")
def test_a_refused_restore_leaves_the_table_that_dynamodb_made_for_the_next_try(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    before = world.tables()
    world.aws.store.append(seeding("prod-001", stock=200, version=2, delta=104))

    with pytest.raises(UserError, match="--replace"):
        world.restore("2026-01-01T12:00:00Z")
    assert "-restored-20260101T120000Z is left for the next try with `--to 2026-01-01T12:00:00Z`" in _printed(capsys)
    assert len(_restored_tables(world)) == 1

    world.restore("2026-01-01T12:00:00Z", replaces=True)
    assert "is there from an earlier try" in _printed(capsys)
    assert world.tables() == before
    assert _restored_tables(world) == []


def test_a_restore_says_how_to_go_back_to_what_was_there_before_this_run(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.back_up()

    world.restore()

    assert "what was there before this run: `invoke restore --to 20" in _printed(capsys)


class _Busy:
    """DynamoDB that says this of the table, call after call, and may refuse to restore."""

    def __init__(self, client: "DynamoDBClient", *states: str | None, refuses: str = "") -> None:
        self.exceptions = client.exceptions
        self._states = list(states)
        self._refuses = refuses
        self.restores = 0

    def describe_table(self, TableName: str) -> dict[str, object]:  # noqa: N803 - boto3's name
        state = self._states.pop(0)
        if state is None:
            raise self.exceptions.ResourceNotFoundException({"Error": {"Code": "", "Message": TableName}}, "")
        return {"Table": {"TableStatus": state}}

    def restore(self) -> None:
        self.restores += 1
        if self._refuses:
            raise getattr(self.exceptions, self._refuses)({"Error": {"Code": "", "Message": ""}}, "")


@pytest.mark.parametrize(
    ("states", "restores"),
    [
        ((None, None, "CREATING", "ACTIVE"), 2),
        (("ACTIVE",), 0),
        (("CREATING", "CREATING", "ACTIVE"), 0),
        (("DELETING", None, "CREATING", "ACTIVE"), 1),
        (("CREATING", None, "CREATING", "ACTIVE"), 1),
    ],
)
@pytest.mark.parametrize("refuses", ["", "TableAlreadyExistsException", "TableInUseException"])
def test_a_restore_goes_on_with_what_an_earlier_try_began_unless_that_is_being_deleted(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, states: tuple[str | None, ...], restores: int, refuses: str
) -> None:
    monkeypatch.setattr(restore_sources, "_POLL_SECONDS", 0)
    client = _Busy(aws.dynamodb, *states, refuses=refuses)

    restore_sources.make(cast("DynamoDBClient", client), "test-restored", client.restore)

    assert client.restores == restores


def test_a_table_that_can_never_be_there_is_named(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore_sources, "_POLL_SECONDS", 0)
    client = _Busy(aws.dynamodb, "CREATING", "ARCHIVED")

    with pytest.raises(UserError, match="test-restored is ARCHIVED: `aws dynamodb delete-table"):
        restore_sources.make(cast("DynamoDBClient", client), "test-restored", client.restore)


@pytest.mark.parametrize("time", ["2025-11-01T00:00:00Z", "2026-01-01T14:00:00Z"])
def test_a_time_that_dynamodb_cannot_go_back_to_is_refused(world: World, travelling: _TimeTravel, time: str) -> None:
    with pytest.raises(UserError, match=r"can be restored to a time from 2025-11-27T12:00:00\.123Z to 2026-01-01T13"):
        world.restore(time)

    assert travelling.asked == []


def test_a_table_without_point_in_time_recovery_is_named(world: World) -> None:
    with pytest.raises(UserError, match="test-event-store-table has no point-in-time recovery"):
        world.restore("2026-01-01T12:00:00Z")


def test_what_is_neither_a_folder_nor_a_time_nor_a_backup_is_refused(world: World) -> None:
    with pytest.raises(UserError, match=r"--to nowhere: give a time .*; or the folder of a backup, or the ARN"):
        world.restore("nowhere")


class _Reluctant:
    """DynamoDB that hands the first of each batch back, so many times."""

    def __init__(self, client: "DynamoDBClient", times: int) -> None:
        self._client = client
        self._times = times

    def batch_write_item(self, RequestItems: Mapping[str, Sequence[Any]]) -> dict[str, object]:  # noqa: N803 - boto3's name
        ((table, requests),) = RequestItems.items()
        assert len(requests) <= 25
        refused = requests[:1] if self._times else []
        self._times -= len(refused)
        if taken := requests[len(refused) :]:
            self._client.batch_write_item(RequestItems={table: taken})
        return {"UnprocessedItems": {table: refused} if refused else {}}


@pytest.mark.parametrize("times", [0, 3, 11])
def test_items_that_dynamodb_hands_back_are_written_in_the_end(aws: Aws, times: int) -> None:
    client = cast("DynamoDBClient", _Reluctant(aws.dynamodb, times))
    writes = TableWrites(client, GATEWAY_TABLE, Backoff(attempts=12, first_pause_seconds=0))

    written = sum(writes.put(to_item({"order_id": f"order-{number}"}) for number in range(60)))

    assert written == aws.dynamodb.scan(TableName=GATEWAY_TABLE)["Count"] == 60


def test_a_table_that_keeps_refusing_is_named(aws: Aws) -> None:
    client = cast("DynamoDBClient", _Reluctant(aws.dynamodb, 1000))
    writes = TableWrites(client, GATEWAY_TABLE, Backoff(attempts=12, first_pause_seconds=0))

    with pytest.raises(UserError, match="test-simulated-gateway-table kept refusing 1 writes"):
        sum(writes.put([to_item({"order_id": "order-1"})]))

"""Audits of orders that go on after their sale: parcels, returns, refunds and their deadlines."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from scripts.ledger import log_reader
from scripts.ledger.audit import auditor, parcels
from scripts.ledger.audit.auditor import Auditor
from scripts.ledger.audit.findings import Audit
from scripts.ledger.audit.report import audit_deployment
from scripts.ledger.deadlines import Deadline, Deadlines
from scripts.ledger.log_reader import Ledger
from scripts.recovery.repair import Repairer
from services.libs.store.commit_items import commit_to_item
from services.libs.store.deadline_table import DeadlineTable
from services.libs.store.dynamodb_items import Item, to_item
from services.payment_service.gateway import ChargeRequest
from services.shared.deadlines import DeadlineGroup
from services.shared.events.fulfilment import ParcelStatus, ShipmentCreated
from services.shared.events.order import OrderLine
from services.shared.json_types import Json
from tests.factories import NOW, seeding
from tests.unit.conftest import DEADLINE_TABLE, EVENT_STORE_TABLE, GATEWAY_TABLE, Aws
from tests.unit.scripts.after_sale_shop import RETURN_DUE, TRACKED_AT, Shop

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

LATER = timedelta(days=1)


def _audit(aws: Aws, at: timedelta = timedelta(0), sleep: Callable[[float], None] = lambda _: None) -> Audit:
    return Auditor(aws.dynamodb, aws.deployment, clock=lambda: NOW + at, sleep=sleep).audit()


def _found(aws: Aws, at: timedelta = timedelta(0)) -> list[tuple[str, str]]:
    return [(difference.kind, difference.subject) for difference in _audit(aws, at).differences]


def _change_entry(aws: Aws, order_id: str, **values: Json) -> None:
    aws.dynamodb.update_item(
        TableName=GATEWAY_TABLE,
        Key=to_item({"order_id": order_id}),
        UpdateExpression="SET " + ", ".join(f"#{number} = :{number}" for number in range(len(values))),
        ExpressionAttributeNames={f"#{number}": name for number, name in enumerate(values)},
        ExpressionAttributeValues=to_item({f":{number}": value for number, value in enumerate(values.values())}),
    )


def _delete(aws: Aws, stream_id: str, *versions: int) -> None:
    for version in versions:
        key = to_item({"stream_id": stream_id, "version": version})
        aws.dynamodb.delete_item(TableName=EVENT_STORE_TABLE, Key=key)


def _forget_deadlines(aws: Aws, stream_id: str) -> None:
    for item in aws.dynamodb.scan(TableName=DEADLINE_TABLE)["Items"]:
        if {"S": stream_id} in item["stream_ids"]["L"]:
            key = {name: item[name] for name in ("minute_shard", "group_id")}
            aws.dynamodb.delete_item(TableName=DEADLINE_TABLE, Key=key)


def _write_deadline(aws: Aws, stream_id: str, after: timedelta) -> None:
    DeadlineTable(aws.dynamodb, DEADLINE_TABLE).write(DeadlineGroup((stream_id,), NOW + after, NOW))


def test_lives_at_every_step_have_no_differences_and_add_up(sold: Aws) -> None:
    done = _audit(sold)

    assert (done.differences, done.moved) == ([], [])
    ledger = done.ledger
    assert (done.orders, done.parcels) == (9, 9)
    assert (ledger.confirmed, ledger.shipped, ledger.delivered, ledger.returned) == (8, 6, 4, 1)
    assert ledger.cancelled == {"customer_request": 2, "undeliverable": 1}
    assert ledger.refunded_minor == {"GBP": 4000}


def test_revenue_is_what_payments_took_less_what_is_owed_to_customers(aws: Aws) -> None:
    shop = Shop(aws)
    shop.fill()
    shop.reserve("called-off")
    shop.gateway.charge(ChargeRequest("called-off", 1000, "GBP"))
    shop.cancel("called-off")
    shop.refund("called-off")
    shop.confirm("kept", 3)
    shop.confirm("cancelled", 2)
    shop.cancel("cancelled")
    shop.refuse_refund("cancelled")
    shop.after_sale.retry_refund("cancelled", "cancelled-cancelled", shop.cause)

    ledger = _ledger(aws)

    assert ledger.revenue_minor == {"GBP": 1500}
    assert ledger.refunded_minor == {"GBP": 1000}


def _ledger(aws: Aws) -> Ledger:
    return Ledger.of(log_reader.read_commits(aws.dynamodb, aws.deployment, []))


def test_units_that_came_back_are_not_sold(sold: Aws) -> None:
    totals = _audit(sold).ledger.skus["prod-001"]

    item = sold.inventory.read(["prod-001"])["prod-001"]
    assert (totals.stock, totals.available) == (item.stock, item.available)
    assert totals.seeded - totals.sold == item.stock


def test_the_summary_names_orders_parcels_returns_and_money(
    sold: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("scripts.deploy.deployment.Deployment.of", lambda _: sold.deployment)
    audit_deployment(_Target(sold), as_of=NOW)  # type: ignore[arg-type] # all that it asks of a target

    printed = capsys.readouterr().out
    assert "9 orders: 8 confirmed, 6 shipped, 4 delivered, cancelled: 2 customer_request, 1 undeliverable\n" in printed
    assert "9 parcels, 1 returns; revenue 50.00 GBP, given back 40.00 GBP; 9 entries" in printed


class _Target:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def client(self, _: str) -> "DynamoDBClient":
        return self._aws.dynamodb


@pytest.mark.parametrize(
    ("order_id", "values", "expected", "found"),
    [
        (
            "cancelled",
            {"refund#cancelled-cancelled": 0, "refunded_minor": 0},
            "refund cancelled-cancelled: 10.00 GBP",
            "0.00 GBP",
        ),
        (
            "cancelled",
            {"refund#cancelled-cancelled": 1, "refunded_minor": 1},
            "refund cancelled-cancelled: 10.00 GBP",
            "0.01 GBP",
        ),
        ("delivered", {"refund#x": 500, "refunded_minor": 500}, "refund x: 0.00 GBP", "5.00 GBP"),
        ("halved", {"refunded_minor": 1001}, "refunds that add up to 10.00 GBP", "10.01 GBP of 15.00 GBP"),
    ],
)
def test_a_refund_that_differs_from_the_gateways_is_found(
    sold: Aws, order_id: str, values: dict[str, Json], expected: str, found: str
) -> None:
    _change_entry(sold, order_id, **values)

    (difference, *_) = _audit(sold).differences

    assert (difference.kind, difference.subject) == ("money", order_id)
    assert (difference.expected, difference.found) == (expected, found)


def test_free_goods_that_are_called_off_after_their_charge_make_no_difference(aws: Aws) -> None:
    aws.store.append(seeding(price_minor=0))
    shop = Shop(aws)
    shop.reserve("free")
    shop.gateway.charge(ChargeRequest("free", 0, "GBP"))
    shop.cancel("free")
    shop.refund("free")

    assert _found(aws) == []


def test_more_refunds_than_the_charge_are_found_although_log_and_gateway_agree(sold: Aws) -> None:
    shop = Shop(sold)
    shop.deliver("greedy", 2)
    shop.announce("greedy", "r", 2)
    shop.receive("greedy", "r", 2, fit=2)
    received = shop.history("greedy")[-1]
    refund = received.events[1].model_copy(update={"amount_minor": 1001})
    wrong = replace(received, events=(received.events[0], refund))
    sold.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=commit_to_item(wrong))
    _change_entry(sold, "greedy", **{"refund#greedy-return-r": 1001, "refunded_minor": 1001})

    texts = {(one.expected, one.found) for one in _audit(sold).differences}

    assert texts == {("refunds of at most 10.00 GBP", "10.01 GBP asked for")}


def test_a_refund_of_less_than_what_came_back_is_found_although_log_and_gateway_agree(sold: Aws) -> None:
    shop = Shop(sold)
    shop.deliver("short", 2)
    shop.announce("short", "r", 2)
    shop.receive("short", "r", 2, fit=2)
    received = shop.history("short")[-1]
    refund = received.events[1].model_copy(update={"amount_minor": 999})
    wrong = replace(received, events=(received.events[0], refund))
    sold.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=commit_to_item(wrong))
    _change_entry(sold, "short", **{"refund#short-return-r": 999, "refunded_minor": 999})

    texts = {(one.expected, one.found) for one in _audit(sold).differences}

    assert texts == {("refund short-return-r: 10.00 GBP, the price of its goods", "9.99 GBP asked for")}


def test_a_refund_that_the_gateway_made_before_the_log_says_so_is_normal_at_first(sold: Aws) -> None:
    shop = Shop(sold)
    shop.confirm("refunding")
    shop.cancel("refunding")
    _change_entry(sold, "refunding", **{"refund#refunding-cancelled": 1000, "refunded_minor": 1000})

    assert _found(sold) == []
    assert ("order", "refunding") in _found(sold, LATER)


def test_a_refund_that_failed_is_found_until_it_is_asked_for_again(sold: Aws) -> None:
    shop = Shop(sold)
    shop.confirm("unlucky")
    shop.cancel("unlucky")
    shop.refuse_refund("unlucky")
    soon = timedelta(milliseconds=1)

    (difference,) = _audit(sold, soon).differences
    assert (difference.kind, difference.subject) == ("order", "unlucky")
    assert difference.found == "its refund was refused, `invoke refund-retry` asks again"

    shop.after_sale.retry_refund("unlucky", "unlucky-cancelled", shop.cause)
    shop.refund("unlucky")
    assert _found(sold, soon) == []


def test_a_failed_refund_that_the_gateway_has_given_back_is_found(sold: Aws) -> None:
    shop = Shop(sold)
    shop.confirm("unlucky")
    shop.cancel("unlucky")
    shop.refuse_refund("unlucky")
    _change_entry(sold, "unlucky", **{"refund#unlucky-cancelled": 1000, "refunded_minor": 1000})

    assert _found(sold) == [("money", "unlucky")]


@pytest.mark.parametrize(
    ("normal", "order_id"),
    [(timedelta(days=5), "booked"), (timedelta(days=21), "shipped")],
)
def test_an_order_that_waits_too_long_in_a_phase_is_found(sold: Aws, normal: timedelta, order_id: str) -> None:
    assert ("order", order_id) not in _found(sold, normal)
    assert ("order", order_id) in _found(sold, normal + timedelta(milliseconds=1))


def test_everything_that_is_late_of_a_stream_is_named(sold: Aws) -> None:
    shop = Shop(sold)
    shop.announce("delivered", "never", 1)
    shop.confirm("unlucky")
    shop.cancel("unlucky")
    shop.refuse_refund("unlucky")
    shop.after_sale.retry_refund("unlucky", "unlucky-cancelled", shop.cause)
    shop.fulfil("lost", 1, 1)
    shop.move("lost-1", ParcelStatus.LOST)

    late = {one.subject: one.found for one in _audit(sold, timedelta(days=6)).differences}

    assert late["unlucky"] == "its refund is still to be made"
    assert late["lost"] == "its parcels wait to be picked up; its refund is still to be made"


@pytest.fixture(params=["old", "recent"])
def at(request: pytest.FixtureRequest) -> timedelta:
    """Parcels of the last minutes are compared in another way than all before."""
    return timedelta(minutes=10) if request.param == "old" else timedelta(0)


def test_a_parcel_that_no_order_planned_is_found(sold: Aws, at: timedelta) -> None:
    (created, *_) = sold.store.read("shipment#booked-1")
    stray = created.get(ShipmentCreated).model_copy(update={"shipment_id": "cancelled-1", "order_id": "cancelled"})
    sold.store.append(replace(created, stream_id="shipment#cancelled-1", events=(stray,)))

    (difference,) = [one for one in _audit(sold, at).differences if one.kind == "parcel"]

    assert difference.subject == "cancelled-1"
    assert difference.expected == "no parcel: order cancelled has no FulfilmentStarted that names it"
    assert difference.found == "a parcel of order cancelled from main: 2 prod-001"


def test_a_planned_parcel_without_a_stream_is_found(sold: Aws, at: timedelta) -> None:
    _delete(sold, "shipment#booked-1", 1, 2)

    (difference,) = [one for one in _audit(sold, at).differences if one.kind == "parcel"]

    assert (difference.subject, difference.found) == ("booked-1", "no stream")
    assert difference.expected == "a parcel of order booked from main: 2 prod-001"


def test_a_parcel_with_other_lines_than_planned_is_found(sold: Aws, at: timedelta) -> None:
    (created, *_) = sold.store.read("shipment#booked-1")
    other = created.get(ShipmentCreated).model_copy(update={"lines": (OrderLine(sku="prod-001", quantity=1),)})
    sold.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=commit_to_item(replace(created, events=(other,))))

    (difference,) = [one for one in _audit(sold, at).differences if one.kind == "parcel"]

    assert (difference.subject, difference.found) == ("booked-1", "a parcel of order booked from main: 1 prod-001")


def test_only_where_parcels_differ_the_log_is_read_a_second_time(sold: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    scanned: list[str] = []

    def scan(client: "DynamoDBClient", table: str) -> Iterator[Item]:
        scanned.append(table)
        return log_reader.scan(client, table)

    monkeypatch.setattr(auditor, "scan", scan)
    monkeypatch.setattr(parcels, "scan", scan)

    _audit(sold, timedelta(minutes=10))
    assert scanned.count(EVENT_STORE_TABLE) == 1

    _delete(sold, "shipment#booked-1", 1, 2)
    _audit(sold, timedelta(minutes=10))
    assert scanned.count(EVENT_STORE_TABLE) == 3


def test_an_order_that_is_divided_into_parcels_while_the_log_is_read_makes_no_difference(
    sold: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the scan passes the place of the order's commit before it is written, and finds the parcel after that."""
    shop = Shop(sold)
    shop.confirm("late")
    missed = to_item({"stream_id": "order#late", "version": 4})

    def scan(client: "DynamoDBClient", table: str) -> Iterator[Item]:
        if table == EVENT_STORE_TABLE:
            shop.aws.store.append_group(shop.started("late"))
        return (item for item in log_reader.scan(client, table) if not missed.items() <= item.items())

    monkeypatch.setattr(auditor, "scan", scan)

    assert _found(sold) == []


def test_each_open_return_has_a_deadline_of_its_own(sold: Aws) -> None:
    shop = Shop(sold)
    later = replace(shop.cause, at=NOW + timedelta(days=6))
    shop.announce("returning", "r9", 1, later)
    _forget_deadlines(sold, "order#returning")
    _write_deadline(sold, "order#returning", RETURN_DUE + timedelta(days=6) - NOW)

    audit = _audit(sold)

    assert [one.subject for one in audit.differences if one.kind == "deadline"] == ["order#returning"]
    assert list(audit.missing_deadlines) == [Deadline("order#returning", RETURN_DUE)]


def test_a_missing_deadline_of_a_return_and_of_a_parcel_is_written_again(sold: Aws) -> None:
    for stream_id in ("order#returning", "shipment#booked-1"):
        _forget_deadlines(sold, stream_id)
    assert sorted(_found(sold)) == [("deadline", "order#returning"), ("deadline", "shipment#booked-1")]

    repairer = Repairer(sold.dynamodb, sold.deployment, clock=lambda: NOW)
    repairer.write_deadlines(repairer.find().missing_deadlines)

    assert _found(sold) == []
    groups = list(DeadlineTable(sold.dynamodb, DEADLINE_TABLE).all())
    assert DeadlineGroup(("order#returning",), RETURN_DUE, NOW) in groups
    assert DeadlineGroup(("shipment#booked-1",), TRACKED_AT, NOW) in groups


@pytest.mark.parametrize(
    ("next_after", "is_told"), [(LATER + timedelta(hours=1), True), (LATER - timedelta(minutes=30), False)]
)
def test_a_parcel_is_told_of_by_a_deadline_that_no_commit_states(
    sold: Aws, next_after: timedelta, *, is_told: bool
) -> None:
    """Its service writes the next one each time that it has asked the carrier."""
    for shipment in ("booked-1", "shipped-1"):
        _write_deadline(sold, f"shipment#{shipment}", next_after)

    found = [subject for kind, subject in _found(sold, LATER) if kind == "deadline"]

    assert found == ([] if is_told else ["shipment#booked-1", "shipment#shipped-1"])


def test_a_deadline_that_the_paused_sweeper_has_still_to_tell_of_is_not_missing(sold: Aws) -> None:
    DeadlineTable(sold.dynamodb, DEADLINE_TABLE).set_swept_until(TRACKED_AT)

    assert [subject for kind, subject in _found(sold, LATER) if kind == "deadline"] == []


def test_a_parcel_that_nobody_asks_for_any_more_is_asked_for_soon(sold: Aws) -> None:
    repairer = Repairer(sold.dynamodb, sold.deployment, clock=lambda: NOW + LATER)

    repairer.write_deadlines(one for one in repairer.find().missing_deadlines if one.stream_id == "shipment#booked-1")

    soon = NOW + LATER + timedelta(minutes=2)
    assert (
        DeadlineGroup(("shipment#booked-1",), soon, NOW + LATER) in DeadlineTable(sold.dynamodb, DEADLINE_TABLE).all()
    )


def _while_read(monkeypatch: pytest.MonkeyPatch, move: Callable[[], object]) -> None:
    """Make the move once the log has been read."""
    waiting = [move]

    def scan(client: "DynamoDBClient", table: str) -> Iterator[Item]:
        yield from log_reader.scan(client, table)
        if table == EVENT_STORE_TABLE and waiting:
            waiting.pop()()

    monkeypatch.setattr(auditor, "scan", scan)


def _return_at_once(shop: Shop) -> None:
    shop.announce("delivered", "quick", 1)
    shop.receive("delivered", "quick", 1, fit=1)


_OLD, _NEW = timedelta(minutes=15), timedelta(0)


@pytest.mark.parametrize(
    ("move", "later"),
    [
        (lambda shop: shop.cancel("reserved"), _OLD),
        (lambda shop: shop.cancel("confirmed"), _OLD),
        (lambda shop: shop.move("booked-1", ParcelStatus.RETURNED_TO_SENDER), _OLD),
        (lambda shop: shop.move("shipped-1", ParcelStatus.RETURNED_TO_SENDER), _OLD),
        (lambda shop: shop.receive("returning", "r2", 1, fit=1), _OLD),
        (_return_at_once, _OLD),
        (_return_at_once, _NEW),
    ],
    ids=["reserved", "confirmed", "in fulfilment", "shipped", "return open", "delivered", "delivered just now"],
)
def test_stock_that_comes_back_while_the_log_is_read_makes_no_difference(
    sold: Aws, monkeypatch: pytest.MonkeyPatch, move: Callable[[Shop], object], later: timedelta
) -> None:
    Shop(sold).reserve("reserved")
    Shop(sold).confirm("confirmed")
    before = sold.stock()
    _while_read(monkeypatch, lambda: move(Shop(sold, NOW + later)))

    done = _audit(sold, later)

    assert sold.stock() != before
    assert (done.differences, done.moved) == ([], ["counters"])
    assert done.ledger.skus["prod-001"].stock == sold.stock()[0]


def test_an_order_that_is_returned_while_the_log_is_read_counts_once(
    sold: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    _while_read(monkeypatch, lambda: _return_at_once(Shop(sold, NOW + LATER)))

    assert _audit(sold, LATER).orders == 9


def test_the_first_return_of_all_is_found_although_it_comes_while_the_log_is_read(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(aws)
    shop.fill()
    shop.deliver("delivered", 2)
    _while_read(monkeypatch, lambda: _return_at_once(Shop(aws, NOW + LATER)))

    done = _audit(aws, LATER)

    assert (done.differences, done.moved) == ([], ["counters"])


def test_the_days_between_two_deadlines_are_not_read_minute_by_minute(
    sold: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes: list[object] = []
    due_in = DeadlineTable.due_in

    def count_minutes(table: DeadlineTable, minute: datetime) -> Iterator[DeadlineGroup | Exception]:
        minutes.append(minute)
        return due_in(table, minute)

    monkeypatch.setattr(DeadlineTable, "due_in", count_minutes)
    _while_read(monkeypatch, lambda: Shop(sold).reserve("new"))

    assert _found(sold) == []
    assert 0 < len(minutes) < 20


def test_a_deadline_table_is_read_whole_for_groups_written_since(sold: Aws) -> None:
    _write_deadline(sold, "order#new", LATER)
    table = Deadlines(sold.dynamodb, sold.deployment)

    assert "order#new" in table.written_since(NOW)
    assert table.written_since(NOW + timedelta(minutes=1)) == set()


def test_orders_that_nobody_took_over_are_named(sold: Aws) -> None:
    Shop(sold).confirm("forgotten")
    normal = timedelta(minutes=20)

    assert _audit(sold, normal).waiting_for_fulfilment == set()
    late = _audit(sold, normal + timedelta(milliseconds=1))
    assert late.waiting_for_fulfilment == {"order#forgotten"}
    assert ("order", "forgotten") in [(one.kind, one.subject) for one in late.differences]

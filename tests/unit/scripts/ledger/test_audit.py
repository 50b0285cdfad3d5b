from collections.abc import Callable, Collection, Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger import log_reader
from scripts.ledger.audit import auditor
from scripts.ledger.audit.auditor import Auditor
from scripts.ledger.audit.findings import Audit
from scripts.ledger.audit.growing_log import GrowingLog
from scripts.ledger.audit.report import audit_deployment
from scripts.ledger.deadlines import Deadline, Deadlines
from scripts.ledger.log_reader import Ledger, SkuTotals
from scripts.operate.pausing import PauseSwitch
from scripts.recovery import repair as repairing
from scripts.recovery.repair import Repair, Repairer
from services.libs.store.commit_items import commit_to_item
from services.libs.store.deadline_table import DeadlineTable
from services.libs.store.dynamodb_items import Item, to_item
from services.libs.store.inventory_table import stock_to_item
from services.libs.store.ledger_counters import LedgerCounters
from services.order_service.service import OrderService
from services.payment_service.service import PaymentService
from services.payment_service.simulated_gateway import SimulatedGateway
from services.shared.deadlines import DeadlineGroup
from services.shared.inventory import Move, Product, StockLine, StockMove
from services.shared.json_types import Json
from tests.factories import CAUSE, NOW, PAYMENT_TIMEOUT, conclude, pay, place, placed_order, seeding, stock_item
from tests.unit.conftest import (
    DEADLINE_TABLE,
    EVENT_STORE_TABLE,
    GATEWAY_TABLE,
    INVENTORY_TABLE,
    METRICS_TABLE,
    Aws,
    make_deployment,
)

if TYPE_CHECKING:
    from collections import Counter

    from types_boto3_dynamodb import DynamoDBClient

DUE = NOW + PAYMENT_TIMEOUT
# Values that no code of ours writes.
_SPOILT = {
    ":half": {"N": "0.5"},
    ":text": {"S": "x"},
    ":without_zone": {"S": "2026-01-01T12:00:00.000"},
    ":last": {"S": "9999-12-31T23:59:59.999Z"},
}


def _audit(aws: Aws, sleep: Callable[[float], None] = lambda _: None, at: timedelta = timedelta(0)) -> Audit:
    return Auditor(aws.dynamodb, aws.deployment, clock=lambda: NOW + at, sleep=sleep).audit()


def _found(aws: Aws, at: timedelta = timedelta(0)) -> list[tuple[str, str]]:
    return [(difference.kind, difference.subject) for difference in _audit(aws, at=at).differences]


def _set(aws: Aws, table: str, key: dict[str, Json], **values: Json) -> None:
    aws.dynamodb.update_item(
        TableName=table,
        Key=to_item(key),
        UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
        ExpressionAttributeNames={f"#{name}": name for name in values},
        ExpressionAttributeValues=to_item({f":{name}": value for name, value in values.items()}),
    )


def _empty(aws: Aws, table: str, *keys: str) -> None:
    for item in aws.dynamodb.scan(TableName=table)["Items"]:
        aws.dynamodb.delete_item(TableName=table, Key={key: item[key] for key in keys})


def _spoil(aws: Aws, table: str, key: dict[str, Json], expression: str) -> None:
    """Update an item in a way that no code of ours would; the names in `_SPOILT` are values."""
    values = {name: value for name, value in _SPOILT.items() if name in expression}
    more: dict[str, Any] = {"ExpressionAttributeValues": values} if values else {}
    if "#items" in expression:
        more["ExpressionAttributeNames"] = {"#items": "items"}
    aws.dynamodb.update_item(TableName=table, Key=to_item(key), UpdateExpression=expression, **more)


def test_a_healthy_system_has_no_differences(busy: Aws) -> None:
    done = _audit(busy)

    assert done.differences == []
    assert (done.orders, done.ledger.confirmed, done.ledger.cancelled) == (
        6,
        1,
        {"insufficient_stock": 1, "payment_failed": 1, "payment_timeout": 1},
    )


def test_an_audit_reads_everything_as_of_now(busy: Aws) -> None:
    """Moto has no reads that lag behind: the requests are looked at."""
    requests = busy.requests()

    _audit(busy)

    assert len(requests) >= 9
    assert all('"ConsistentRead": true' in request for request in requests)


def test_a_stream_is_read_to_its_last_version_however_many_it_has(busy: Aws) -> None:
    for version in range(1, 10):
        busy.store.append(seeding("prod-002", version=version, delta=10 if version == 1 else 0))

    items = log_reader.read_orders(busy.dynamodb, busy.deployment, ["order#paid", "sku#prod-002", "order#never-placed"])

    read = sorted((item["stream_id"]["S"], int(item["version"]["N"])) for item in items)
    assert read == [("order#paid", version) for version in range(1, 4)] + [
        ("sku#prod-002", version) for version in range(1, 10)
    ]


def test_each_seeding_adds_to_what_was_put_in_and_the_last_names_and_prices_the_sku() -> None:
    again = seeding(stock=14, version=2, delta=4, name="Mug", price_minor=600)

    totals = Ledger.of([seeding(stock=10), again]).skus["prod-001"]

    assert totals == SkuTotals(seeded=14, product=Product("Mug", 600, "GBP"))


def test_a_charge_of_a_paid_order_that_was_given_back_is_found(busy: Aws) -> None:
    assert _found(busy) == []

    _set(busy, GATEWAY_TABLE, {"order_id": "settled"}, status="refunded")

    (difference,) = _audit(busy).differences
    assert (difference.kind, difference.subject) == ("money", "settled")
    assert (difference.expected, difference.found) == ("charged 10.00 GBP", "refunded 10.00 GBP")


@pytest.mark.parametrize("field", ["stock", "reserved", "available"])
def test_a_wrong_quantity_is_found(busy: Aws, field: str) -> None:
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, **{field: 77})

    assert _found(busy) == [("stock", "prod-001")]


@pytest.mark.parametrize(
    ("field", "value"), [("name", "Other"), ("price_minor", 77), ("currency", "EUR"), ("warehouse", "north")]
)
def test_a_product_that_is_not_as_the_log_names_and_prices_it_is_found_and_repaired(
    busy: Aws, field: str, value: Json
) -> None:
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, **{field: value})

    assert _found(busy) == [("stock", "prod-001")]
    (repaired,) = _repair(busy)
    assert f"{field} {value} -> " in repaired.text
    assert _found(busy) == []


def test_a_log_that_sells_more_than_there_was_is_found_although_the_inventory_agrees_with_it(busy: Aws) -> None:
    busy.store.append(seeding("prod-002", stock=1))
    busy.dynamodb.put_item(
        TableName=EVENT_STORE_TABLE, Item=commit_to_item(seeding("prod-002", stock=0, version=2, delta=-2))
    )
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-002"}, stock=-1, available=-1)

    assert _found(busy) == [("log", "prod-002")]


def test_a_log_that_releases_more_than_was_reserved_is_found_although_the_inventory_agrees_with_it(busy: Aws) -> None:
    declined = busy.store.read("order#declined")[1]
    released = StockMove(Move.RELEASE, (StockLine("prod-001", 5),))
    busy.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=commit_to_item(replace(declined, stock_move=released)))
    stock, reserved, available = busy.stock()
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, reserved=reserved - 3, available=available + 3)

    assert busy.stock() == (stock, -1, available + 3)
    assert _found(busy) == [("log", "prod-001")]


def test_a_sku_that_the_log_does_not_know_is_found(busy: Aws) -> None:
    values: dict[str, Json] = {
        "name": "x",
        "price_minor": 1,
        "currency": "GBP",
        "stock": 1,
        "reserved": 0,
        "available": 1,
    }
    _set(busy, INVENTORY_TABLE, {"item_id": "stray"}, **values)

    assert _found(busy) == [("stock", "stray")]


def test_a_sku_that_is_gone_is_found(busy: Aws) -> None:
    busy.dynamodb.delete_item(TableName=INVENTORY_TABLE, Key=to_item({"item_id": "prod-001"}))

    assert _found(busy) == [("stock", "prod-001")]


def test_orders_past_their_deadline_without_an_end_are_found(busy: Aws) -> None:
    longest = PAYMENT_TIMEOUT + timedelta(minutes=5)
    late = longest + timedelta(milliseconds=1)

    assert _found(busy, at=longest) == []
    assert sorted(_found(busy, at=late)) == [("order", "open"), ("order", "paid"), ("order", "settled")]


def test_a_gap_in_the_versions_is_found(busy: Aws) -> None:
    busy.dynamodb.delete_item(TableName=EVENT_STORE_TABLE, Key=to_item({"stream_id": "order#declined", "version": 2}))

    assert ("gap in versions", "order#declined") in _found(busy)


def test_a_history_that_no_order_can_have_is_found(busy: Aws) -> None:
    paid = busy.store.read("order#paid")[-1]
    busy.store.append(replace(paid, version=4))

    assert _found(busy) == [("order", "paid")]
    (difference,) = _audit(busy).differences
    assert difference.found == "OrderConfirmed as version 4, where the stream is confirmed at version 3"


def test_a_stream_of_a_kind_that_nobody_knows_is_found(busy: Aws) -> None:
    busy.store.append(replace(busy.store.read("order#paid")[-1], stream_id="parcel#1", version=1))

    assert ("stream", "parcel#1") in _found(busy)


def test_an_event_of_a_type_that_nobody_knows_is_found(busy: Aws) -> None:
    _set(busy, EVENT_STORE_TABLE, {"stream_id": "order#paid", "version": 3}, events=["OrderTeleported"])

    assert ("commit", "order#paid version 3") in _found(busy)


def test_a_deadline_that_nobody_will_tell_of_is_found_and_written_again(busy: Aws) -> None:
    """As after an upgrade of a deployment whose deadlines stood in an index."""
    _empty(busy, DEADLINE_TABLE, "minute_shard", "group_id")

    assert _found(busy) == [("deadline", "order#open")]
    _repair_deadlines(busy, NOW)

    assert _found(busy) == []
    (group,) = DeadlineTable(busy.dynamodb, DEADLINE_TABLE).all()
    assert group == DeadlineGroup(("order#open",), DUE, NOW)


def test_an_order_that_is_overdue_is_told_of_again_soon(busy: Aws) -> None:
    late = DUE + timedelta(hours=1)

    _repair_deadlines(busy, late)

    groups = list(DeadlineTable(busy.dynamodb, DEADLINE_TABLE).all())
    assert DeadlineGroup(("order#open",), late + timedelta(minutes=2), late) in groups


def test_deadlines_of_a_minute_are_written_as_one_group_that_is_due_with_the_last(aws: Aws) -> None:
    due = [
        Deadline("order#later", DUE + timedelta(minutes=1)),
        Deadline("order#second", DUE + timedelta(seconds=9)),
        Deadline("order#first", DUE),
    ]

    Deadlines(aws.dynamodb, aws.deployment).write(due, NOW)

    assert sorted(DeadlineTable(aws.dynamodb, DEADLINE_TABLE).all(), key=str) == [
        DeadlineGroup(("order#first", "order#second"), DUE + timedelta(seconds=9), NOW),
        DeadlineGroup(("order#later",), DUE + timedelta(minutes=1), NOW),
    ]


@pytest.mark.parametrize(
    ("order_id", "values"),
    [
        ("paid", {"status": "declined"}),
        ("paid", {"amount_minor": 1}),
        ("declined", {"status": "charged"}),
        ("expired", {"status": "charged"}),
        ("refused", {"status": "charged", "amount_minor": 500}),
        ("never-placed", {"status": "charged", "amount_minor": 500}),
    ],
)
def test_money_that_does_not_fit_the_order_is_found(busy: Aws, order_id: str, values: dict[str, Json]) -> None:
    _set(busy, GATEWAY_TABLE, {"order_id": order_id}, **values)

    assert _found(busy) == [("money", order_id)]


@pytest.mark.parametrize("status", ["called_off", "refunded"])
def test_a_declined_order_of_which_the_gateway_keeps_no_money_is_right(busy: Aws, status: str) -> None:
    _set(busy, GATEWAY_TABLE, {"order_id": "declined"}, status=status)

    assert _found(busy) == []


@pytest.mark.parametrize(
    "name",
    [
        "orders_processed_total|status=success|error_type=none",
        "payments_processed_total|status=failure|error_type=lost",
    ],
    ids=["of the log", "that the log does not know"],
)
def test_a_counter_that_is_off_is_found(busy: Aws, name: str) -> None:
    busy.dynamodb.put_item(TableName=METRICS_TABLE, Item=to_item({"id": "counters#stray", name: 1}))

    assert _found(busy) == [("counter", name)]


def test_a_counter_that_cannot_be_read_is_named_beside_all_else_that_is_wrong(busy: Aws) -> None:
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, stock=77)
    busy.dynamodb.put_item(TableName=METRICS_TABLE, Item=to_item({"id": "counters#stray", "a|status=success": "x"}))

    stock, counters = _audit(busy).differences

    assert stock.subject == "prod-001"
    assert counters.found == "a|status=success of counters#stray cannot be read: KeyError('N')"


def test_a_stream_of_more_than_nine_versions_has_no_gap_whatever_order_a_scan_has(
    busy: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy.store.append(seeding("prod-002", stock=10))
    for version in range(2, 13):
        busy.store.append(seeding("prod-002", stock=10, version=version, delta=0))

    def scan_by_text(client: "DynamoDBClient", table: str) -> Iterator[Item]:
        return iter(
            sorted(
                log_reader.scan(client, table), key=lambda item: (str(item.get("stream_id")), str(item.get("version")))
            )
        )

    monkeypatch.setattr(auditor, "scan", scan_by_text)

    assert _found(busy) == []


def _while_read(monkeypatch: pytest.MonkeyPatch, *moves: Callable[[], object]) -> list[str]:
    """Make one of the moves whenever the log has been read; return the tables that are read as a whole."""
    waiting, scanned = list(moves), list[str]()
    catch_up = GrowingLog.catch_up

    def scan(client: "DynamoDBClient", table: str) -> Iterator[Item]:
        scanned.append(table)
        yield from log_reader.scan(client, table)
        if table == EVENT_STORE_TABLE and waiting:
            waiting.pop(0)()

    def catch_up_and_move(self: GrowingLog, skus: Collection[str]) -> None:
        catch_up(self, skus)
        if waiting:
            waiting.pop(0)()

    monkeypatch.setattr(auditor, "scan", scan)
    monkeypatch.setattr(GrowingLog, "catch_up", catch_up_and_move)
    return scanned


def _reserve(aws: Aws, order_id: str) -> None:
    place(OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT), placed_order(order_id), CAUSE)


@pytest.mark.parametrize("reserved", [77, 0])
@pytest.mark.parametrize("orders", [0, 3])
def test_the_event_store_is_read_as_a_whole_once_whatever_moves_or_differs(
    busy: Aws, monkeypatch: pytest.MonkeyPatch, reserved: int, orders: int
) -> None:
    right = busy.inventory.read(["prod-001"])["prod-001"].reserved
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, reserved=right + reserved)
    scanned = _while_read(monkeypatch, *(partial(_reserve, busy, f"order-{number}") for number in range(orders)))

    assert bool(_found(busy)) is bool(reserved)
    assert scanned.count(EVENT_STORE_TABLE) == 1


def test_a_difference_that_goes_away_is_none_although_nothing_moved_while_it_was_read(busy: Aws) -> None:
    right = busy.inventory.read(["prod-001"])["prod-001"].reserved
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, reserved=right + 1)

    done = _audit(busy, sleep=lambda _: _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, reserved=right))

    assert done.differences == []


def test_what_moves_is_read_again_until_it_can_be_compared(busy: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    _while_read(monkeypatch, lambda: _reserve(busy, "one"), lambda: _reserve(busy, "two"))

    done = _audit(busy)

    assert (done.differences, done.moved) == ([], ["counters"])


def test_what_is_wrong_with_a_sku_that_moves_is_found_once_it_stands_still(
    busy: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, stock=77)
    _while_read(monkeypatch, lambda: _reserve(busy, "one"))

    assert _found(busy) == [("stock", "prod-001")]


def test_a_difference_is_told_while_what_it_is_about_cannot_be_compared_again(
    busy: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, stock=77)
    reservations = [partial(_reserve, busy, f"order-{number}") for number in range(4)]
    _while_read(monkeypatch, lambda: busy.store.append(seeding("prod-002")), *reservations)

    with pytest.raises(UserError, match=r"1 differences, of which some could not be read again, .*`invoke pause`"):
        audit_deployment(_target(busy, monkeypatch), as_of=NOW)

    assert "stock 77" in capsys.readouterr().out.partition("Differences")[2]


def test_what_an_earlier_look_found_equal_is_settled(busy: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    _while_read(monkeypatch, lambda: busy.store.append(seeding("prod-002")))

    done = _audit(busy, sleep=lambda _: _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, stock=77))

    assert (done.differences, done.moved) == ([], [])


def test_an_order_that_comes_and_goes_while_the_log_is_read_makes_no_difference(
    busy: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stock is the same before and after, and the log has been read in between."""
    payments = PaymentService(busy.store, SimulatedGateway(busy.dynamodb, GATEWAY_TABLE, success_rate=0.0))
    before = busy.stock()
    read_counters = LedgerCounters.read

    def read_after_a_reservation(self: LedgerCounters) -> "Counter[str]":
        counters = read_counters(self)
        if not busy.store.read("order#short"):
            _reserve(busy, "short")
        return counters

    monkeypatch.setattr(LedgerCounters, "read", read_after_a_reservation)
    _while_read(monkeypatch, lambda: pay(payments, "short", CAUSE))

    assert _found(busy) == []
    assert busy.stock() == before
    assert len(busy.store.read("order#short")) == 2


def test_a_sku_that_moves_whenever_it_is_read_is_named_and_is_no_difference(
    busy: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _while_read(monkeypatch, *(partial(_reserve, busy, f"order-{number}") for number in range(5)))

    audit_deployment(_target(busy, monkeypatch), as_of=NOW)

    printed = capsys.readouterr().out
    moved = "the counters, compared with their values before and after; the stock of prod-001, which was never compared"
    assert f"moved while it was read: {moved}" in printed
    assert "all the rest is what the log says" in printed


def test_the_first_order_of_all_is_found_although_it_comes_while_the_log_is_read(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.store.append(seeding("prod-001", stock=100))
    _while_read(monkeypatch, lambda: _reserve(aws, "first"))

    done = _audit(aws)

    assert (done.differences, done.moved, done.orders) == ([], ["counters"], 1)


@pytest.mark.parametrize(
    "clock_ahead",
    [timedelta(minutes=2, seconds=30), -timedelta(minutes=2)],
    ids=["as long as the slowest function takes and clocks differ", "as far behind as clocks differ"],
)
def test_an_order_that_comes_while_the_log_is_read_is_found_whatever_time_its_commit_bears(
    busy: Aws, monkeypatch: pytest.MonkeyPatch, clock_ahead: timedelta
) -> None:
    deployment = make_deployment(functions={"order-service": {"timeout_seconds": 30}, "relay": {"timeout_seconds": 5}})
    _while_read(monkeypatch, lambda: _reserve(busy, "late"))

    done = Auditor(busy.dynamodb, deployment, clock=lambda: NOW + clock_ahead, sleep=lambda _: None).audit()

    assert (done.differences, done.moved, done.orders) == ([], ["counters"], 7)


def test_a_sku_that_moves_and_has_impossible_quantities_is_a_difference(
    busy: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, available=50)
    _while_read(monkeypatch, *(partial(_reserve, busy, f"order-{number}") for number in range(5)))

    assert _found(busy) == [("stock", "prod-001")]


def test_a_sku_that_is_restocked_while_the_log_is_read_is_compared_afterwards(
    busy: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = busy.stock()[0]
    _while_read(monkeypatch, lambda: busy.store.append(seeding("prod-001", stock=stock + 5, version=2, delta=5)))

    done = _audit(busy)

    assert (done.differences, done.moved) == ([], [])
    assert done.ledger.skus["prod-001"].stock == stock + 5


def test_an_old_order_whose_deadline_was_written_again_counts_once(busy: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a repair does; the order is over, so it is not among those that may go on."""
    later = timedelta(hours=1)
    DeadlineTable(busy.dynamodb, DEADLINE_TABLE).write(DeadlineGroup(("order#paid",), DUE + later, NOW + later))
    _while_read(monkeypatch, lambda: busy.store.append(seeding("prod-001", stock=200, version=2, delta=104)))

    assert [kind for kind, _ in _found(busy, at=later) if kind == "stock"] == []


@pytest.mark.parametrize("wrong", [-1, 1])
def test_a_counter_that_is_off_is_found_although_orders_come_in(
    busy: Aws, monkeypatch: pytest.MonkeyPatch, wrong: int
) -> None:
    name = "payments_processed_total|status=failure|error_type=declined"
    busy.dynamodb.put_item(TableName=METRICS_TABLE, Item=to_item({"id": "counters#stray", name: wrong}))
    _while_read(monkeypatch, lambda: _reserve(busy, "one"))

    assert _found(busy) == [("counter", name)]


def test_a_version_that_the_scan_passed_before_it_was_written_is_read_afterwards(
    busy: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scan is no snapshot: here it finds the version after that one."""
    payments = PaymentService(busy.store, SimulatedGateway(busy.dynamodb, GATEWAY_TABLE, success_rate=1.0))
    missed = to_item({"stream_id": "order#open", "version": 2})

    def scan(client: "DynamoDBClient", table: str) -> Iterator[Item]:
        if table == EVENT_STORE_TABLE:
            pay(payments, "open", CAUSE)
            conclude(OrderService(busy.store, busy.inventory, PAYMENT_TIMEOUT), "open", CAUSE)
        return (item for item in log_reader.scan(client, table) if not missed.items() <= item.items())

    monkeypatch.setattr(auditor, "scan", scan)

    done = _audit(busy)

    assert (done.differences, done.moved) == ([], ["counters"])


@pytest.mark.parametrize(
    "spoil",
    [
        "REMOVE events",
        "REMOVE body",
        "REMOVE body.customerId",
        "REMOVE body.#items",
        "REMOVE committed_at",
        "SET committed_at = :without_zone",
        "SET committed_at = :last",
        "SET due_at = :without_zone",
        "SET due_at = :last",
        "SET body.amountMinor = :text",
        "SET body.#items = :text",
        "SET events = :text",
    ],
)
def test_what_is_no_commit_is_named(busy: Aws, spoil: str) -> None:
    _spoil(busy, EVENT_STORE_TABLE, {"stream_id": "order#open", "version": 1}, spoil)

    assert ("commit", "order#open version 1") in _found(busy)


def test_the_charge_of_an_order_whose_commits_cannot_be_read_is_not_taken_for_that_of_no_order(busy: Aws) -> None:
    for version in (1, 2, 3):
        busy.dynamodb.put_item(
            TableName=EVENT_STORE_TABLE, Item=to_item({"stream_id": "order#paid", "version": version})
        )

    found = _found(busy)

    assert [subject for kind, subject in found if kind == "commit"] == [f"order#paid version {n}" for n in (1, 2, 3)]
    assert ("money", "paid") not in found


def test_money_of_a_history_that_no_order_can_have_is_compared_all_the_same(busy: Aws) -> None:
    confirmed = busy.store.read("order#paid")[-1]
    busy.store.append(replace(confirmed, stream_id="order#expired", version=4))

    assert _found(busy) == [("order", "expired")]


@pytest.mark.parametrize("spoil", ["REMOVE reserved", "SET reserved = :half", "SET price_minor = :text"])
def test_an_inventory_item_that_cannot_be_read_is_found_and_repaired(busy: Aws, spoil: str) -> None:
    right = busy.stock()
    _spoil(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, spoil)

    assert _found(busy) == [("stock", "prod-001")]
    _repair(busy)
    assert busy.stock() == right
    assert _found(busy) == []


def test_an_inventory_item_that_cannot_be_read_is_named_to_the_other_tools(busy: Aws) -> None:
    _spoil(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, "REMOVE reserved")

    with pytest.raises(UserError, match=r"prod-001 cannot be read in the inventory: KeyError.*`invoke audit`"):
        log_reader.read_inventory(busy.dynamodb, busy.deployment)


@pytest.mark.parametrize("values", [{"status": 1}, {"amount_minor": [], "status": "charged"}])
def test_an_entry_of_the_gateway_that_cannot_be_read_is_found(busy: Aws, values: dict[str, Json]) -> None:
    _set(busy, GATEWAY_TABLE, {"order_id": "never-placed"}, **values)

    assert _found(busy) == [("money", "never-placed")]


def _repair_deadlines(aws: Aws, at: datetime) -> None:
    repairer = Repairer(aws.dynamodb, aws.deployment, clock=lambda: at)
    repairer.write_deadlines(repairer.find().missing_deadlines)


def _repair(aws: Aws) -> list[Repair]:
    repairer = Repairer(aws.dynamodb, aws.deployment)
    found = repairer.find()
    for repair in found.repairs:
        repairer.write(repair)
    assert found.left == []
    return found.repairs


def test_a_repair_makes_the_inventory_what_the_log_says_and_is_a_commit(busy: Aws) -> None:
    right = busy.stock()
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, stock=1, reserved=5, available=3)

    (repair,) = _repair(busy)

    assert busy.stock() == right
    assert repair.text == "stock 1 -> 96, reserved 5 -> 2, available 3 -> 94"
    assert busy.store.latest_version("sku#prod-001") == 2
    assert _audit(busy).differences == []


def test_a_repair_brings_back_a_sku_that_is_gone(busy: Aws) -> None:
    right = busy.stock()
    busy.dynamodb.delete_item(TableName=INVENTORY_TABLE, Key=to_item({"item_id": "prod-001"}))

    (repair,) = _repair(busy)

    assert busy.stock() == right
    assert "price_minor none -> 500" in repair.text


def test_what_nobody_seeded_is_removed(busy: Aws) -> None:
    busy.dynamodb.put_item(TableName=INVENTORY_TABLE, Item=stock_to_item(stock_item("stray")))

    (repair,) = _repair(busy)

    assert repair.text == "removed, as the log does not know it"
    assert _found(busy) == []


def test_where_nothing_differs_nothing_is_repaired(busy: Aws) -> None:
    assert _repair(busy) == []


@pytest.mark.parametrize("values", [{"reserved": 3, "available": 93}, {"price_minor": 1}])
def test_what_is_not_as_it_was_compared_any_more_is_not_written_over(busy: Aws, values: dict[str, Json]) -> None:
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, stock=1)
    repairer = Repairer(busy.dynamodb, busy.deployment)
    (repair,) = repairer.find().repairs
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, **values)

    with pytest.raises(UserError, match="prod-001: it has changed since it was compared"):
        repairer.write(repair)

    assert busy.stock()[0] == 1
    assert busy.store.latest_version("sku#prod-001") == 1


def test_nothing_is_repaired_while_something_moves(busy: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    _while_read(monkeypatch, lambda: _reserve(busy, "one"))

    with pytest.raises(UserError, match=r"nothing was repaired: .* changed while it was read: counters, prod-001"):
        Repairer(busy.dynamodb, busy.deployment).find()


def test_nothing_is_repaired_from_a_log_that_cannot_be_read(busy: Aws) -> None:
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, stock=1)
    _set(busy, EVENT_STORE_TABLE, {"stream_id": "order#open", "version": 1}, events="x")

    with pytest.raises(UserError, match=r"nothing was repaired: .*`invoke restore` first\norder#open version 1 is no"):
        Repairer(busy.dynamodb, busy.deployment).find()


def test_nothing_is_removed_because_the_log_is_lost(aws: Aws) -> None:
    aws.dynamodb.put_item(TableName=INVENTORY_TABLE, Item=stock_to_item(stock_item("prod-001")))

    with pytest.raises(UserError, match=r"nothing was repaired: the event store is empty .*`invoke restore` first$"):
        Repairer(aws.dynamodb, aws.deployment).find()


def _target(aws: Aws, monkeypatch: pytest.MonkeyPatch, *active: list[str]) -> Target:
    """Find the writers as given, one time after the other, and paused in the end."""
    answers = iter(active)
    monkeypatch.setattr(Deployment, "of", lambda _: aws.deployment)
    monkeypatch.setattr("scripts.deploy.turns.turn", lambda _: nullcontext())
    monkeypatch.setattr(PauseSwitch, "__init__", lambda *_: None)
    monkeypatch.setattr(PauseSwitch, "active", lambda _: next(answers, []))
    monkeypatch.setattr(auditor, "_PAUSE_SECONDS", 0)
    return cast("Target", SimpleNamespace(client=lambda name: getattr(aws, name)))


def test_each_repair_is_told_and_what_cannot_be_repaired_at_the_end(
    busy: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, price_minor=77)
    moved = busy.store.read("order#open")[0]
    nameless = StockMove(Move.RESERVE, (StockLine("nameless", 1),))
    odd = replace(moved, stream_id="order#odd", stock_move=nameless, due_at=None)
    busy.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=commit_to_item(odd))
    for sku in ("aaa", "zzz"):
        busy.dynamodb.put_item(TableName=INVENTORY_TABLE, Item=stock_to_item(stock_item(sku)))
    write = Repairer.write

    def write_all_but_the_first(repairer: Repairer, repair: Repair) -> None:
        if repair.sku == "aaa":
            _set(busy, INVENTORY_TABLE, {"item_id": "aaa"}, stock=0)
        write(repairer, repair)

    monkeypatch.setattr(Repairer, "write", write_all_but_the_first)

    with pytest.raises(
        UserError, match=r"not repaired:\nnameless: .* never named or priced it.*\naaa: it has changed since"
    ):
        repairing.repair_tables(_target(busy, monkeypatch))

    assert capsys.readouterr().out.splitlines() == [
        "prod-001: price_minor 77 -> 500",
        "zzz: removed, as the log does not know it",
        "deadlines written: 1; their services are told soon after `invoke resume`",
        "paid: confirmed 2026-01-01T12:00:00.123Z, handed over to fulfilment",
    ]
    assert set(busy.inventory.read(["prod-001", "aaa", "zzz"])) == {"prod-001", "aaa"}


def test_a_repair_shows_a_name_as_it_is(
    busy: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, name=':tea: [bold]"إبريق"[/]')

    repairing.repair_tables(_target(busy, monkeypatch))

    assert 'prod-001: name :tea: [bold]"إبريق"[/] -> Product prod-001\n' in capsys.readouterr().out


@pytest.mark.parametrize("active", [[["order-service"]], [[], ["order-service"]]])
def test_the_writers_are_asked_before_the_comparison_and_again_before_the_first_repair(
    busy: Aws, monkeypatch: pytest.MonkeyPatch, active: list[list[str]]
) -> None:
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, stock=77)

    with pytest.raises(UserError, match="nothing was repaired: order-service may be writing"):
        repairing.repair_tables(_target(busy, monkeypatch, *active))

    assert busy.stock()[0] == 77

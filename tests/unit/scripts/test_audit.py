from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from scripts import ledger
from scripts.audit import Audit, Auditor
from scripts.repair import Repairer
from services.libs.commit_items import commit_to_item
from services.libs.dynamodb_items import Item, to_item
from services.shared.commits import Commit
from services.shared.events import EventType
from services.shared.json_types import Json
from tests.factories import CAUSE, NOW, PAYMENT_TIMEOUT, seeding
from tests.unit.conftest import EVENT_STORE_TABLE, GATEWAY_TABLE, INVENTORY_TABLE, METRICS_TABLE, Aws

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

DUE = NOW + PAYMENT_TIMEOUT


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


def test_a_healthy_system_has_no_differences(busy: Aws) -> None:
    audit = _audit(busy)

    assert audit.differences == []
    assert (audit.orders, audit.ledger.confirmed, audit.ledger.cancelled) == (
        6,
        1,
        {"insufficient_stock": 1, "payment_failed": 1, "payment_timeout": 1},
    )


@pytest.mark.parametrize("field", ["stock", "reserved", "available"])
def test_a_wrong_quantity_is_found(busy: Aws, field: str) -> None:
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, **{field: 77})

    assert _found(busy) == [("stock", "prod-001")]


@pytest.mark.parametrize(("field", "value"), [("name", "Other"), ("price_minor", 77), ("currency", "EUR")])
def test_a_product_that_is_not_as_the_log_names_and_prices_it_is_found_and_repaired(
    busy: Aws, field: str, value: Json
) -> None:
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, **{field: value})

    assert _found(busy) == [("stock", "prod-001")]
    list(Repairer(busy.dynamodb, busy.deployment, sleep=lambda _: None).repair())
    assert _found(busy) == []


def test_a_log_that_sells_more_than_there_was_is_found_although_the_inventory_agrees_with_it(busy: Aws) -> None:
    busy.store.append(seeding("prod-002", stock=1))
    busy.dynamodb.put_item(
        TableName=EVENT_STORE_TABLE, Item=commit_to_item(seeding("prod-002", stock=0, version=2, delta=-2))
    )
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-002"}, stock=-1, available=-1)

    assert _found(busy) == [("log", "prod-002")]


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
    late = PAYMENT_TIMEOUT + timedelta(minutes=6)

    assert _found(busy, at=PAYMENT_TIMEOUT) == []
    assert sorted(_found(busy, at=late)) == [("order", "open"), ("order", "settled")]


def test_a_gap_in_the_versions_is_found(busy: Aws) -> None:
    busy.dynamodb.delete_item(TableName=EVENT_STORE_TABLE, Key=to_item({"stream_id": "order#declined", "version": 2}))

    assert ("gap in versions", "order#declined") in _found(busy)


def test_a_history_that_no_order_can_have_is_found(busy: Aws) -> None:
    paid = busy.store.read("order#paid")[-1]
    busy.store.append(Commit(paid.stream_id, 4, (EventType.ORDER_CONFIRMED,), paid.body, CAUSE))

    assert _found(busy) == [("order", "paid")]


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


def test_a_counter_that_is_off_is_found(busy: Aws) -> None:
    name = "orders_processed_total|status=success|error_type=none"
    busy.dynamodb.put_item(TableName=METRICS_TABLE, Item=to_item({"id": "counters#stray", name: 1}))

    assert _found(busy) == [("counter", name)]


def test_a_stream_of_more_than_nine_versions_has_no_gap_whatever_order_a_scan_has(
    busy: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy.store.append(seeding("prod-002", stock=10))
    for version in range(2, 13):
        busy.store.append(seeding("prod-002", stock=10, version=version, delta=0))
    scan = ledger.scan

    def scan_by_text(client: "DynamoDBClient", table: str) -> Iterator[Item]:
        return iter(
            sorted(scan(client, table), key=lambda item: (str(item.get("stream_id")), str(item.get("version"))))
        )

    monkeypatch.setattr(ledger, "scan", scan_by_text)

    assert _found(busy) == []


def test_a_difference_that_goes_away_is_none(busy: Aws) -> None:
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, reserved=77)
    right = 2

    audit = _audit(busy, sleep=lambda _: _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, reserved=right))

    assert audit.differences == []


def test_a_repair_makes_the_inventory_what_the_log_says_and_is_a_commit(busy: Aws) -> None:
    right = busy.stock()
    _set(busy, INVENTORY_TABLE, {"item_id": "prod-001"}, stock=1, reserved=2, available=3)

    (repair,) = Repairer(busy.dynamodb, busy.deployment, sleep=lambda _: None).repair()

    assert busy.stock() == right
    assert repair.before
    assert repair.before.stock == 1
    assert busy.store.latest_version("sku#prod-001") == 2
    assert _audit(busy).differences == []


def test_a_repair_brings_back_a_sku_that_is_gone(busy: Aws) -> None:
    right = busy.stock()
    busy.dynamodb.delete_item(TableName=INVENTORY_TABLE, Key=to_item({"item_id": "prod-001"}))

    list(Repairer(busy.dynamodb, busy.deployment, sleep=lambda _: None).repair())

    assert busy.stock() == right


def test_where_nothing_differs_nothing_is_repaired(busy: Aws) -> None:
    assert list(Repairer(busy.dynamodb, busy.deployment, sleep=lambda _: None).repair()) == []

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from services.libs.store.event_store import EventStore
from services.libs.store.inventory_table import InventoryTable
from services.order_service.domain import ShownTotal
from services.order_service.service import OrderService
from services.payment_service.domain import settlement
from services.payment_service.gateway import Charge
from services.shared.cancel_reasons import CancelReason
from services.shared.commits import Commit
from services.shared.counters import counter_increments
from services.shared.events.event import Event
from services.shared.events.order import OrderCancelled, OrderConfirmed, OrderValidated
from services.shared.inventory import StockItem
from services.shared.rejections import RejectedError, RejectionReason
from tests.factories import (
    CAUSE,
    PAYMENT_TIMEOUT,
    conclude,
    decide,
    inventory,
    place,
    placed_order,
    seeding,
    stock_item,
)
from tests.unit.conftest import INVENTORY_TABLE, TABLES, Aws


@pytest.fixture
def service(aws: Aws) -> OrderService:
    aws.store.append(seeding("prod-001", stock=10))
    aws.store.append(seeding("prod-002", stock=10))
    return OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT)


class _ContendedStore(EventStore):
    """A store whose first writes, as many as it says, come just after somebody else has taken from the stock."""

    refusals = 0

    def append_group(self, commits: Sequence[Commit]) -> None:
        if self.refusals:
            self.refusals -= 1
            super().append_group([decide(placed_order(f"other-{self.refusals}"), inventory(stock_item()))])
        super().append_group(commits)


class _StaleInventory(InventoryTable):
    """An inventory that is read just before somebody else takes from it."""

    def read(self, skus: Iterable[str]) -> dict[str, StockItem]:
        return inventory(*(stock_item(sku, stock=1000) for sku in skus))


def test_a_placed_order_is_reserved(aws: Aws, service: OrderService) -> None:
    place(service, placed_order(quantities={"prod-001": 2, "prod-002": 3}), CAUSE)

    assert aws.stock("prod-001") == (10, 2, 8)
    assert aws.stock("prod-002") == (10, 3, 7)


def test_the_same_order_ten_times_reserves_once(aws: Aws, service: OrderService) -> None:
    for _ in range(10):
        place(service, placed_order(quantities={"prod-001": 2}), CAUSE)

    assert aws.stock("prod-001") == (10, 2, 8)
    assert len(aws.store.read("order#order-1")) == 1


@pytest.mark.parametrize("first", [{"prod-001": 2}, {"prod-001": 11}])
def test_another_order_under_a_taken_id_is_a_conflict(aws: Aws, service: OrderService, first: dict[str, int]) -> None:
    place(service, placed_order(quantities=first), CAUSE)
    before = aws.stock("prod-001")

    with pytest.raises(RejectedError) as rejected:
        place(service, placed_order(quantities={"prod-001": 1}), CAUSE)

    assert rejected.value.reason == RejectionReason.CONFLICT
    assert aws.stock("prod-001") == before


@pytest.mark.usefixtures("service")
def test_an_order_whose_stock_was_taken_meanwhile_is_decided_again(aws: Aws) -> None:
    late = OrderService(aws.store, _StaleInventory(aws.dynamodb, INVENTORY_TABLE), PAYMENT_TIMEOUT)

    place(late, placed_order(quantities={"prod-001": 11, "prod-002": 1}), CAUSE)

    (refused,) = aws.store.read("order#order-1")
    assert refused.get(OrderCancelled).reason is CancelReason.INSUFFICIENT_STOCK
    assert aws.stock("prod-002") == (10, 0, 10)


@pytest.mark.usefixtures("service")
def test_an_order_whose_sku_went_away_meanwhile_is_decided_again(aws: Aws) -> None:
    late = OrderService(aws.store, _StaleInventory(aws.dynamodb, INVENTORY_TABLE), PAYMENT_TIMEOUT)

    place(late, placed_order(quantities={"prod-001": 1, "prod-099": 1}), CAUSE)

    (refused,) = aws.store.read("order#order-1")
    assert refused.get(OrderCancelled).reason is CancelReason.UNKNOWN_SKU


def _place_contended(aws: Aws, refusals: int) -> list[str]:
    """Orders for all that there is, of two units each."""
    store = _ContendedStore(aws.dynamodb, TABLES)
    store.refusals = refusals
    orders = [(placed_order(f"order-{number}"), CAUSE) for number in range(5)]
    outcomes = OrderService(store, aws.inventory, PAYMENT_TIMEOUT).place_all(orders)
    return [type(outcome).__name__ for outcome in outcomes]


@pytest.mark.usefixtures("service")
def test_orders_are_decided_up_to_five_times(aws: Aws) -> None:
    assert _place_contended(aws, refusals=4) == ["NoneType"] * 5

    assert aws.stock() == (10, 10, 0)
    refused = [bool(aws.store.read(f"order#order-{number}")[0].find(OrderCancelled)) for number in range(5)]
    assert refused == [False, True, True, True, True]


@pytest.mark.usefixtures("service")
def test_orders_whose_stock_changes_under_every_decision_are_handed_back(aws: Aws) -> None:
    assert _place_contended(aws, refusals=5) == ["ContentionError"] * 5

    assert aws.store.read("order#order-0") == ()
    assert aws.stock() == (10, 10, 0)


def test_a_second_delivery_is_no_conflict_after_a_currency_has_changed(aws: Aws, service: OrderService) -> None:
    both = {"prod-001": 1, "prod-002": 1}
    place(service, placed_order(quantities=both), CAUSE)
    aws.store.append(seeding("prod-002", stock=10, version=2, delta=0, currency="EUR"))

    place(service, placed_order(quantities=both), CAUSE)

    assert len(aws.store.read("order#order-1")) == 1
    with pytest.raises(RejectedError) as rejected:
        place(service, placed_order(quantities=both | {"prod-001": 2}), CAUSE)
    assert rejected.value.reason == RejectionReason.CONFLICT


def test_an_order_over_two_currencies_is_cancelled_and_counted(aws: Aws) -> None:
    aws.store.append(seeding("prod-001"))
    aws.store.append(seeding("prod-002", currency="EUR"))
    service = OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT)

    for _ in range(2):
        place(service, placed_order(quantities={"prod-001": 1, "prod-002": 1}), CAUSE)

    (refused,) = aws.store.read("order#order-1")
    assert refused.get(OrderCancelled).reason is CancelReason.MIXED_CURRENCIES
    counted = counter_increments(refused)
    assert counted["orders_processed_total|status=error|error_type=mixed_currencies"] == 1


def test_an_order_that_costs_more_than_was_shown_is_cancelled_and_stays_so(aws: Aws, service: OrderService) -> None:
    order = replace(placed_order(), shown=ShownTotal(999, "GBP"))
    place(service, order, CAUSE)
    aws.store.append(seeding(stock=10, version=2, delta=0, price_minor=1))

    place(service, order, CAUSE)

    (refused,) = aws.store.read("order#order-1")
    assert refused.get(OrderCancelled).reason is CancelReason.PRICE_CHANGED
    assert aws.stock() == (10, 0, 10)


@pytest.mark.parametrize(("accepted", "final"), [(True, OrderConfirmed), (False, OrderCancelled)])
def test_a_settled_order_is_concluded_once(
    aws: Aws,
    service: OrderService,
    accepted: bool,  # noqa: FBT001
    final: type[Event],
) -> None:
    place(service, placed_order(), CAUSE)
    (reserved,) = aws.store.read("order#order-1")
    aws.store.append(settlement(reserved, Charge("charge-1", accepted=accepted), CAUSE))

    for _ in range(10):
        conclude(service, "order-1", CAUSE)

    assert [[type(event) for event in commit.events] for commit in aws.store.read("order#order-1")][2:] == [[final]]


def test_a_settlement_that_never_happened_is_rejected(aws: Aws, service: OrderService) -> None:
    place(service, placed_order(), CAUSE)

    with pytest.raises(RejectedError) as rejected:
        conclude(service, "order-1", CAUSE)

    assert rejected.value.reason == RejectionReason.PAYMENT_NOT_SETTLED
    assert len(aws.store.read("order#order-1")) == 1


def test_the_prices_are_frozen_when_the_order_is_reserved(aws: Aws, service: OrderService) -> None:
    place(service, placed_order(quantities={"prod-001": 2}), CAUSE)
    aws.store.append(seeding("prod-001", stock=10, version=2, delta=0, price_minor=99_900))

    (reserved,) = aws.store.read("order#order-1")

    assert reserved.get(OrderValidated).amount_minor == 1000
    anew = decide(placed_order(), aws.inventory.read(["prod-001"]), CAUSE)
    assert anew.get(OrderValidated).amount_minor == 2 * 99_900

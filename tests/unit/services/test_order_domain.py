from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.order_service.domain import PlacedOrder, ShownTotal, conclude
from services.payment_service.domain import settlement
from services.payment_service.gateway import Charge
from services.shared.cancel_reasons import CancelReason
from services.shared.events.event import Event
from services.shared.events.order import (
    OrderCancelled,
    OrderConfirmed,
    OrderLine,
    OrderPlaced,
    OrderValidated,
    PricedLine,
)
from services.shared.events.payment import PaymentRequested
from services.shared.inventory import Move, StockLine, StockMove
from tests.factories import CAUSE, NOW, PAYMENT_TIMEOUT, decide, inventory, placed_order, stock_item


def test_an_order_in_stock_is_accepted_with_the_prices_of_now() -> None:
    stock = inventory(stock_item("a", price_minor=250), stock_item("b", price_minor=999))

    commit = decide(placed_order(quantities={"a": 2, "b": 1}), stock, CAUSE)

    assert (commit.stream_id, commit.version) == ("order#order-1", 1)
    assert commit.events == (
        OrderValidated(
            order_id="order-1",
            customer_id="customer-1",
            items=(
                PricedLine(sku="a", quantity=2, unit_price_minor=250),
                PricedLine(sku="b", quantity=1, unit_price_minor=999),
            ),
            amount_minor=2 * 250 + 999,
            currency="GBP",
            content_hash=placed_order(quantities={"a": 2, "b": 1}).content_hash,
        ),
        PaymentRequested(order_id="order-1", customer_id="customer-1", amount_minor=2 * 250 + 999, currency="GBP"),
    )
    assert commit.due_at == NOW + PAYMENT_TIMEOUT
    assert commit.stock_move == StockMove(Move.RESERVE, (StockLine("a", 2), StockLine("b", 1)))


def test_an_order_with_one_short_sku_reserves_nothing() -> None:
    stock = inventory(stock_item("a"), stock_item("b", stock=10, reserved=9))

    commit = decide(placed_order(quantities={"a": 1, "b": 2}), stock, CAUSE)

    assert commit.events == (
        OrderCancelled(
            order_id="order-1",
            customer_id="customer-1",
            reason=CancelReason.INSUFFICIENT_STOCK,
            content_hash=placed_order(quantities={"a": 1, "b": 2}).content_hash,
            items=(OrderLine(sku="a", quantity=1), OrderLine(sku="b", quantity=2)),
        ),
    )
    assert commit.due_at is None
    assert commit.stock_changes() == ()


def test_an_order_with_an_unknown_sku_is_cancelled_for_that_reason() -> None:
    commit = decide(placed_order(quantities={"a": 1, "nowhere": 1}), inventory(stock_item("a")), CAUSE)

    (cancelled,) = commit.events
    assert isinstance(cancelled, OrderCancelled)
    assert cancelled.reason is CancelReason.UNKNOWN_SKU


@pytest.mark.parametrize("units", [0, 1])
def test_an_order_over_two_currencies_is_cancelled_whatever_is_in_stock(units: int) -> None:
    stock = inventory(stock_item("a", stock=units, currency="GBP"), stock_item("b", stock=units, currency="EUR"))

    commit = decide(placed_order(quantities={"a": 1, "b": 1}), stock, CAUSE)

    assert commit.get(OrderCancelled).reason is CancelReason.MIXED_CURRENCIES
    assert commit.stock_changes() == ()


@pytest.mark.parametrize(
    ("amount_minor", "currency", "reason"),
    [
        (999, "GBP", CancelReason.PRICE_CHANGED),
        (1000, "GBP", None),
        (1001, "GBP", None),
        (1000, "EUR", CancelReason.PRICE_CHANGED),
        (5000, "EUR", CancelReason.PRICE_CHANGED),
    ],
)
def test_a_customer_never_pays_more_than_was_shown(
    amount_minor: int, currency: str, reason: CancelReason | None
) -> None:
    order = replace(placed_order(), shown=ShownTotal(amount_minor, currency))

    commit = decide(order, inventory(stock_item(price_minor=500)), CAUSE)

    cancelled, accepted = commit.find(OrderCancelled), commit.find(OrderValidated)
    assert (cancelled and cancelled.reason) == reason
    assert (accepted is None) == (reason is not None)
    if accepted:
        assert (accepted.amount_minor, accepted.currency) == (1000, "GBP")


def test_an_order_that_costs_more_by_now_is_told_the_price_whatever_is_in_stock() -> None:
    order = replace(placed_order(), shown=ShownTotal(1, "GBP"))

    commit = decide(order, inventory(stock_item(stock=0)), CAUSE)

    assert commit.get(OrderCancelled).reason is CancelReason.PRICE_CHANGED


def test_the_shown_total_comes_with_the_event_and_needs_its_currency() -> None:
    fields = {"orderId": "order-1", "customerId": "customer-1", "items": [{"sku": "a", "quantity": 1}]}

    placed = OrderPlaced.of({**fields, "shownTotalMinor": 500, "currency": "GBP"})

    assert PlacedOrder.of(placed, allow_forced_payment_result=False).shown == ShownTotal(500, "GBP")
    assert PlacedOrder.of(OrderPlaced.of(fields), allow_forced_payment_result=False).shown is None
    with pytest.raises(ValidationError, match="shownTotalMinor without its currency"):
        OrderPlaced.of({**fields, "shownTotalMinor": 500})


@given(
    wanted=st.dictionaries(st.sampled_from("abcde"), st.integers(1, 20), min_size=1),
    available=st.dictionaries(st.sampled_from("abcde"), st.integers(0, 20)),
)
def test_all_skus_of_an_order_are_reserved_or_none_is(wanted: dict[str, int], available: dict[str, int]) -> None:
    stock = inventory(*(stock_item(sku, stock=quantity) for sku, quantity in available.items()))

    changes = decide(placed_order(quantities=wanted), stock, CAUSE).stock_changes()

    possible = all(available.get(sku, 0) >= quantity for sku, quantity in wanted.items())
    assert {change.sku: change.reserved for change in changes} == (wanted if possible else {})


def test_the_content_hash_knows_the_order_its_customer_and_its_items() -> None:
    same = placed_order(quantities={"a": 1, "b": 2})
    reordered = placed_order(quantities={"b": 2, "a": 1})
    others = [
        placed_order("order-2", {"a": 1, "b": 2}),
        placed_order(quantities={"a": 2, "b": 1}),
        replace(same, customer_id="customer-2"),
        replace(same, shown=ShownTotal(500, "GBP")),
    ]

    assert same.content_hash == reordered.content_hash
    assert all(other.content_hash != same.content_hash for other in others)


def test_the_content_hash_of_an_order_without_a_shown_total_is_as_it_always_was() -> None:
    assert placed_order(quantities={"a": 1}).content_hash == (
        "11b54c965d413b2ec2a43e6457c46ed3a79a8c76784e24937fd36c025eb8e226"
    )


@pytest.mark.parametrize(
    ("accepted", "event"),
    [
        (True, OrderConfirmed(order_id="order-1", customer_id="customer-1", amount_minor=1000, currency="GBP")),
        (False, OrderCancelled(order_id="order-1", customer_id="customer-1", reason=CancelReason.PAYMENT_FAILED)),
    ],
)
def test_the_settled_payment_decides_how_the_order_ends(accepted: bool, event: Event) -> None:  # noqa: FBT001
    reserved = decide(placed_order(), inventory(stock_item()), CAUSE)
    settled = settlement(reserved, Charge("charge-1", accepted=accepted), CAUSE)

    final = conclude(settled, CAUSE)

    assert final is not None
    assert (final.version, final.events) == (3, (event,))
    assert final.stock_changes() == ()


def test_a_second_version_that_is_no_payment_is_left_alone() -> None:
    refused = decide(placed_order(quantities={"nowhere": 1}), {}, CAUSE)

    assert conclude(refused, CAUSE) is None

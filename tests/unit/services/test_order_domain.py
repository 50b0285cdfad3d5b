from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.order_service.domain import MixedCurrenciesError, conclude
from services.payment_service.domain import settlement
from services.payment_service.gateway import Charge
from services.shared.cancel_reasons import CancelReason
from services.shared.events.event import Event
from services.shared.events.order import OrderCancelled, OrderConfirmed, OrderLine, OrderValidated, PricedLine
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
def test_an_order_over_two_currencies_has_no_amount_whatever_is_in_stock(units: int) -> None:
    stock = inventory(stock_item("a", stock=units, currency="GBP"), stock_item("b", stock=units, currency="EUR"))

    with pytest.raises(MixedCurrenciesError, match="EUR, GBP"):
        decide(placed_order(quantities={"a": 1, "b": 1}), stock, CAUSE)


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
    ]

    assert same.content_hash == reordered.content_hash
    assert all(other.content_hash != same.content_hash for other in others)


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

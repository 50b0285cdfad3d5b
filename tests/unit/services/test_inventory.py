from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.inventory import Product, StockChange, adjust, release, reserve, settle


def _adjust(sku: str, delta: int) -> StockChange:
    return adjust(sku, delta, stock_after=delta, product=Product("Cup", 100, "GBP"))


@pytest.mark.parametrize("change", [reserve, settle, release, _adjust])
@given(quantity=st.integers(1, 10_000))
def test_every_change_keeps_stock_equal_to_available_plus_reserved(
    change: Callable[[str, int], StockChange], quantity: int
) -> None:
    made = change("a", quantity)

    assert made.stock == made.available + made.reserved


def test_a_release_undoes_a_reservation() -> None:
    taken, given_back = reserve("a", 3), release("a", 3)

    assert taken.reserved + given_back.reserved == 0
    assert taken.available + given_back.available == 0
    assert taken.stock == given_back.stock == 0


def test_seeding_never_touches_reservations() -> None:
    change = adjust("a", -4, stock_after=6, product=Product("Cup", 100, "GBP"))

    assert change.reserved == 0
    assert change.expected_stock == 10

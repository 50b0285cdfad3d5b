from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.inventory import NO_MOVE, Move, Product, StockChange, StockLine, StockMove, adjust


def _change(move: Move, sku: str, quantity: int) -> StockChange:
    (change,) = StockMove(move, (StockLine(sku, quantity),)).changes()
    return change


def _adjust(sku: str, delta: int) -> StockChange:
    return adjust(sku, delta, stock_after=delta, product=Product("Cup", 100, "GBP"))


@pytest.mark.parametrize(
    "change", [*(partial(_change, move) for move in (Move.RESERVE, Move.SETTLE, Move.RELEASE)), _adjust]
)
@given(quantity=st.integers(1, 10_000))
def test_every_change_keeps_stock_equal_to_available_plus_reserved(
    change: Callable[[str, int], StockChange], quantity: int
) -> None:
    made = change("a", quantity)

    assert made.stock == made.available + made.reserved


def test_a_release_undoes_a_reservation() -> None:
    taken, given_back = _change(Move.RESERVE, "a", 3), _change(Move.RELEASE, "a", 3)

    assert taken.reserved + given_back.reserved == 0
    assert taken.available + given_back.available == 0
    assert taken.stock == given_back.stock == 0


def test_seeding_never_touches_reservations() -> None:
    change = adjust("a", -4, stock_after=6, product=Product("Cup", 100, "GBP"))

    assert change.reserved == 0
    assert change.expected_stock == 10


def test_a_settlement_takes_what_was_reserved_out_of_the_stock() -> None:
    assert _change(Move.SETTLE, "a", 3) == StockChange("a", stock=-3, reserved=-3, available=0)


def test_where_nothing_is_moved_nothing_changes() -> None:
    assert NO_MOVE.changes() == ()

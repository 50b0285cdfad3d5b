"""The fault suite's own account of goods and money sees what is wrong."""

import pytest

from tests.factories import stock_item
from tests.faults.balance import Balance
from tests.unit.services.every_commit import ACCEPTED, HISTORIES

_SKU, _ORDER = "s" * 20, "o" * 36
_UNITS = 10_000


@pytest.mark.parametrize(
    ("order", "parcel", "in_stock", "paid_units"),
    [
        ("received", "parcel_delivered", _UNITS, 0),
        ("not_received", "parcel_delivered", 0, _UNITS),
        ("undeliverable", "parcel_lost", 0, 0),
        ("delivered", "parcel_delivered", 0, _UNITS),
    ],
)
def test_goods_and_money_that_are_where_they_must_be_are_in_balance(
    order: str, parcel: str, in_stock: int, paid_units: int
) -> None:
    balance = Balance.of([HISTORIES[order], HISTORIES[parcel]])
    paid = balance.orders[_ORDER].amount_of(ACCEPTED.stock_move.lines) if paid_units else 0

    def differences(stock: int, paid: int) -> int:
        return len(list(balance.differences({_SKU: _UNITS}, [stock_item(_SKU, stock=stock)], {_ORDER: paid})))

    assert differences(in_stock, paid) == 0
    assert differences(in_stock + 1, paid) == 1
    assert differences(in_stock, paid + 1) == 1


def test_a_parcel_of_an_order_that_was_cancelled_is_named() -> None:
    balance = Balance.of([HISTORIES["called_off"], HISTORIES["parcel_lost"]])

    assert list(balance.differences({}, [], {})) == [f"{_ORDER}-1: no order has this parcel"]


def test_a_planned_parcel_without_a_stream_is_named() -> None:
    balance = Balance.of([HISTORIES["undeliverable"]])

    assert list(balance.differences({}, [], {})) == [f"{_ORDER}-1: this parcel was never made"]

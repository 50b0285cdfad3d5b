"""The arithmetic of stock: `stock = available + reserved`, always, and no quantity ever below zero."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

MAIN_WAREHOUSE = "main"
TEST_PREFIX = "test-"
"""Of the SKUs that the post-deploy test orders: no list of the catalogue has them."""


class Product(NamedTuple):
    name: str
    price_minor: int
    currency: str
    warehouse: str = MAIN_WAREHOUSE
    category_id: str | None = None
    """In a change, None leaves the category as it is."""

    def over(self, before: "Product | None") -> "Product":
        """The product once this change was made to it."""
        return self._replace(category_id=self.category_id or before.category_id) if before else self


@dataclass(frozen=True, slots=True)
class StockItem:
    """One SKU as the inventory table holds it; quantities in units."""

    sku: str
    product: Product
    stock: int
    reserved: int
    available: int

    def changed_by(self, change: "StockChange") -> "StockItem":
        return replace(
            self,
            stock=self.stock + change.stock,
            reserved=self.reserved + change.reserved,
            available=self.available + change.available,
        )


@dataclass(frozen=True, slots=True)
class StockChange:
    """What is added to one SKU's quantities. No quantity may fall below zero: the table refuses the change.

    An adjustment also states the product. `expected_stock` is the stock that it was decided on, which must still stand;
    None if the stock does not matter to it.
    """

    sku: str
    stock: int
    reserved: int
    available: int
    product: Product | None = None
    expected_stock: int | None = None

    def plus(self, other: "StockChange") -> "StockChange":
        return replace(
            self,
            stock=self.stock + other.stock,
            reserved=self.reserved + other.reserved,
            available=self.available + other.available,
        )


class StockLine(NamedTuple):
    """Units of one SKU."""

    sku: str
    quantity: int


class Move(StrEnum):
    """What a commit does with the stock of its lines."""

    RESERVE = "reserve"
    SETTLE = "settle"
    RELEASE = "release"
    RESTOCK = "restock"
    ADJUST = "adjust"
    """Set one SKU's stock on hand to the number in the event."""
    NONE = "none"


class StockMove(NamedTuple):
    """The stock that a commit moves: the same move for each of its lines."""

    move: Move
    lines: tuple[StockLine, ...] = ()

    def changes(self) -> tuple[StockChange, ...]:
        return tuple(_CHANGES[self.move](line.sku, line.quantity) for line in self.lines)


NO_MOVE = StockMove(Move.NONE)


def _reserve(sku: str, quantity: int) -> StockChange:
    return StockChange(sku, stock=0, reserved=quantity, available=-quantity)


def _settle(sku: str, quantity: int) -> StockChange:
    return StockChange(sku, stock=-quantity, reserved=-quantity, available=0)


def _release(sku: str, quantity: int) -> StockChange:
    return StockChange(sku, stock=0, reserved=-quantity, available=quantity)


def _restock(sku: str, quantity: int) -> StockChange:
    return StockChange(sku, stock=quantity, reserved=0, available=quantity)


_CHANGES = {Move.RESERVE: _reserve, Move.SETTLE: _settle, Move.RELEASE: _release, Move.RESTOCK: _restock}


def adjust(sku: str, delta: int, *, stock_after: int, product: Product) -> StockChange:
    """Set the stock on hand; reservations are never touched."""
    return StockChange(
        sku, stock=delta, reserved=0, available=delta, product=product, expected_stock=stock_after - delta
    )


def merged(changes: Iterable[StockChange]) -> tuple[StockChange, ...]:
    """Add up the changes of each SKU. An adjustment cannot be added to another: it expects the stock before it."""
    sums: dict[str, StockChange] = {}
    for change in changes:
        before = sums.get(change.sku)
        if before and (before.product or change.product):
            raise ValueError(f"{change.sku} is adjusted, and changed otherwise")
        sums[change.sku] = before.plus(change) if before else change
    return tuple(sums.values())

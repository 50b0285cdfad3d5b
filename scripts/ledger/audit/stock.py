"""Compare the inventory with the stock that the log adds up to."""

from collections.abc import Iterator, Mapping

from scripts.ledger.audit.findings import Difference
from scripts.ledger.log_reader import UNREADABLE, Ledger, SkuTotals
from services.libs.store.dynamodb_items import Item
from services.libs.store.inventory_table import stock_item
from services.shared.inventory import Product, StockItem


def stock_differences(ledger: Ledger, stock: Mapping[str, Item], moving: set[str]) -> Iterator[Difference]:
    for sku in sorted(ledger.skus.keys() - moving):
        totals, found = ledger.skus[sku], _found(stock.get(sku))
        expected = _figures(totals, totals.product)
        if totals.least < 0:
            # What the log itself says is wrong: no repair of the inventory mends it.
            yield Difference("log", sku, "nothing below 0", expected)
        if expected != found:
            yield Difference("stock", sku, expected, found)
    for sku in sorted(stock.keys() - ledger.skus.keys() - moving):
        yield Difference("stock", sku, "not in the log", _found(stock[sku]))


def _found(item: Item | None) -> str:
    if item is None:
        return "not in the inventory"
    try:
        found = stock_item(item)
    except (KeyError, TypeError, ValueError) as error:
        return f"{UNREADABLE}: {error!r}"
    return _figures(found, found.product)


def _figures(quantities: SkuTotals | StockItem, product: Product | None) -> str:
    figures = f"stock {quantities.stock}, reserved {quantities.reserved}, available {quantities.available}"
    return f"{figures}; {product.name}, {product.price_minor} {product.currency}" if product else figures

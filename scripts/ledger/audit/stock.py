"""Compare the inventory with the stock that the log adds up to."""

from collections.abc import Iterator

from scripts.cli.money import money
from scripts.ledger.audit.findings import Difference
from scripts.ledger.log_reader import Ledger, SkuTotals
from services.libs.store.dynamodb_items import Item
from services.libs.store.inventory_table import stock_item
from services.shared.inventory import Product, StockItem


def stock_differences(ledger: Ledger, sku: str, item: Item | None) -> Iterator[Difference]:
    """Compare one SKU with its item of the inventory, None where there is none."""
    totals, found = ledger.skus.get(sku), _found(item)
    if totals is None:
        if item is not None:
            yield Difference("stock", sku, "not in the log", found)
        return
    expected = _figures(totals, totals.product)
    if totals.least < 0:
        # The log itself is wrong: no repair of the inventory mends it.
        yield Difference("log", sku, "nothing below 0", expected)
    if expected != found:
        yield Difference("stock", sku, expected, found)


def impossible_quantities(sku: str, item: Item) -> Iterator[Difference]:
    """Check the rules that an item obeys at every moment, without the log."""
    try:
        stock = stock_item(item)
    except (LookupError, TypeError, ValueError):
        yield Difference("stock", sku, "an item that can be read", _found(item))
        return
    if stock.stock != stock.reserved + stock.available or min(stock.reserved, stock.available) < 0:
        yield Difference("stock", sku, "available = stock - reserved, none below 0", _found(item))


def _found(item: Item | None) -> str:
    if item is None:
        return "not in the inventory"
    try:
        found = stock_item(item)
    except (LookupError, TypeError, ValueError) as error:
        return f"unreadable: {error!r}"
    return _figures(found, found.product)


def _figures(quantities: SkuTotals | StockItem, product: Product | None) -> str:
    figures = f"stock {quantities.stock}, reserved {quantities.reserved}, available {quantities.available}"
    if product is None:
        return figures
    category = f", of {product.category_id}" if product.category_id else ""
    price = money(product.price_minor, product.currency)
    return f"{figures}; {product.name}, {price}, in {product.warehouse}{category}"

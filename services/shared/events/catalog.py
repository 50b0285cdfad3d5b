"""The events of the catalogue."""

from typing import ClassVar

from services.shared.events.event import Bus, Count, Currency, Event, Identifier, Sku
from services.shared.inventory import MAIN_WAREHOUSE, Product, StockChange, adjust


class ProductInventoryUpdated(Event):
    """A SKU's name, price, warehouse and stock on hand are set. `stock_delta` is the change in stock."""

    BUS: ClassVar[Bus] = Bus.ORDER
    NO_CONSUMER: ClassVar[str] = "the inventory changes with its commit; others may keep a catalogue"

    sku: Sku
    name: str
    price_minor: Count
    currency: Currency
    stock: Count
    stock_delta: Count
    warehouse: Identifier = MAIN_WAREHOUSE

    def adjustment(self) -> StockChange:
        product = Product(self.name, self.price_minor, self.currency, self.warehouse)
        return adjust(self.sku, self.stock_delta, stock_after=self.stock, product=product)

"""The events of the catalogue."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from services.shared.events.event import Bus, Count, Currency, Event, EventPart, Identifier, Sku, Stored
from services.shared.inventory import MAIN_WAREHOUSE, Product, StockChange, adjust

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")
]
"""One line of text: of a product or of a category."""
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]
Price = Annotated[Count, Field(ge=0, le=100_000_000_000)]
"""In minor units."""
StockOnHand = Annotated[Count, Field(ge=0, le=1_000_000_000)]
"""In units."""


class CategoryCreated(Event):
    """A category of products exists: a part of its parent, or at the top."""

    BUS: ClassVar[Bus] = Bus.SHOP
    NO_CONSUMER: ClassVar[str] = "a catalogue reads the event store; others may keep one of their own"

    category_id: Identifier
    name: Name
    parent_id: Identifier | None = None


class WholeProduct(EventPart):
    """Everything that is known of a product, its stock aside."""

    sku: Sku
    name: str
    description: Description = ""
    category_id: Identifier | None = None
    price_minor: Count
    currency: Currency
    warehouse: Identifier = MAIN_WAREHOUSE

    @property
    def product(self) -> Product:
        return Product(self.name, self.price_minor, self.currency, self.warehouse, self.category_id)


class ProductCreated(WholeProduct, Event):
    """A product is for sale, at first without stock."""

    BUS: ClassVar[Bus] = Bus.SHOP
    NO_CONSUMER: ClassVar[str] = "the inventory changes with its commit; others may keep a catalogue"

    def adjustment(self) -> StockChange:
        return adjust(self.sku, 0, stock_after=0, product=self.product)


class ProductUpdated(WholeProduct, Event):
    """The product as it is from now on: orders that are accepted keep their prices, and stock is not touched."""

    BUS: ClassVar[Bus] = Bus.SHOP
    NO_CONSUMER: ClassVar[str] = "the inventory changes with its commit; others may keep a catalogue"

    def adjustment(self) -> StockChange:
        # It expects no stock: on a SKU that sells, that condition would fail again and again.
        return StockChange(self.sku, stock=0, reserved=0, available=0, product=self.product)


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
    category_id: Identifier | None = None
    """None leaves the SKU in its category."""
    described_at: Stored[Count | None] = None
    """The version that states the description, 0 if none does: it is found in one step. None in tools' commits."""

    def adjustment(self) -> StockChange:
        product = Product(self.name, self.price_minor, self.currency, self.warehouse, self.category_id)
        return adjust(self.sku, self.stock_delta, stock_after=self.stock, product=product)

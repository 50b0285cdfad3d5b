"""The events of a customer's cart, from its first item to its checkout."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from services.shared.events.event import Bus, Count, Currency, Event, Identifier, Sku

Units = Annotated[Count, Field(ge=1, le=10_000)]


class CartItemAdded(Event):
    """Units of a SKU are put into the cart, at the price that the customer saw: it is now that of all these units."""

    BUS: ClassVar[Bus] = Bus.SHOP
    NO_CONSUMER: ClassVar[str] = "nothing follows before the checkout; others may study what customers choose"

    customer_id: Identifier
    sku: Sku
    name: str
    quantity: Units
    unit_price_minor: Count
    currency: Currency


class CartItemRemoved(Event):
    """Units of a SKU are taken out of the cart, perhaps the last ones."""

    BUS: ClassVar[Bus] = Bus.SHOP
    NO_CONSUMER: ClassVar[str] = "nothing follows before the checkout; others may study what customers leave"

    customer_id: Identifier
    sku: Sku
    quantity: Units


class ClearReason(StrEnum):
    CUSTOMER_REQUEST = "customer_request"
    ABANDONED = "abandoned"
    """The customer has not touched it for a long time."""


class CartCleared(Event):
    """The cart is empty again, and was not checked out."""

    BUS: ClassVar[Bus] = Bus.SHOP
    NO_CONSUMER: ClassVar[str] = "nothing was reserved; others may remind the customer"

    customer_id: Identifier
    reason: ClearReason


class CartCheckoutInitiated(Event):
    """The customer checks out for at most `shown_total_minor`. Its order is placed in the same commit."""

    BUS: ClassVar[Bus] = Bus.SHOP
    NO_CONSUMER: ClassVar[str] = "the order service receives OrderPlaced, of the same commit"

    customer_id: Identifier
    order_id: Identifier
    shown_total_minor: Count
    currency: Currency

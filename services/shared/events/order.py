"""The events of an order, from its placement to its end."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from services.shared.cancel_reasons import CancelReason
from services.shared.events.event import (
    Bus,
    Count,
    Currency,
    Event,
    EventPart,
    Identifier,
    ShipmentId,
    Sku,
    Stored,
)
from services.shared.inventory import StockLine

_MOST_SKUS = 50

ForcedResult = Literal["SUCCESS", "FAILURE"]


class OrderReference(EventPart):
    """All that a service reads of an event about an order: the event store has the rest."""

    order_id: Identifier


class PlacedLine(EventPart):
    sku: Sku
    quantity: Annotated[Count, Field(ge=1, le=10_000)]


class OrderPlaced(Event):
    """A producer or a checkout places an order of 1 to 50 distinct SKUs. Lines of one SKU are added up.

    An order with a `shown_total_minor` is refused if it costs more, or if its currency is another.
    """

    BUS: ClassVar[Bus] = Bus.ORDER
    FROM_OUTSIDE: ClassVar[bool] = True

    order_id: Identifier
    customer_id: Identifier
    items: Annotated[tuple[PlacedLine, ...], Field(min_length=1)]
    shown_total_minor: Annotated[Count, Field(ge=0)] | None = None
    currency: Currency | None = None
    """Of the total that the customer was shown."""
    forced_payment_result: ForcedResult | None = Field(None, alias="_postDeployTestForceResult")

    @model_validator(mode="after")
    def _total_has_a_currency(self) -> Self:
        if self.shown_total_minor is not None and self.currency is None:
            raise ValueError("a shownTotalMinor without its currency")
        return self

    @field_validator("items")
    @classmethod
    def _not_too_many(cls, items: tuple[PlacedLine, ...]) -> tuple[PlacedLine, ...]:
        if len({item.sku for item in items}) > _MOST_SKUS:
            raise ValueError(f"more than {_MOST_SKUS} distinct SKUs")
        return items

    def quantities(self) -> dict[str, int]:
        """Units by SKU, whatever the order of the lines."""
        quantities: Counter[str] = Counter()
        for item in self.items:
            quantities[item.sku] += item.quantity
        return dict(quantities)


class PricedLine(EventPart):
    sku: Sku
    quantity: Count
    unit_price_minor: Count


class OrderLine(EventPart):
    sku: Sku
    quantity: Count


class OrderValidated(Event):
    """The order is accepted: its stock is reserved, and its prices are frozen."""

    BUS: ClassVar[Bus] = Bus.ORDER
    NO_CONSUMER: ClassVar[str] = "the payment is asked for by PaymentRequested, of the same commit"

    order_id: Identifier
    customer_id: Identifier
    items: tuple[PricedLine, ...]
    amount_minor: Count
    currency: Currency
    content_hash: Stored[str | None] = None
    forced_payment_result: Stored[ForcedResult | None] = None

    @property
    def lines(self) -> tuple[StockLine, ...]:
        return tuple(StockLine(item.sku, item.quantity) for item in self.items)


class OrderConfirmed(Event):
    """The order is paid, and its goods are the customer's."""

    BUS: ClassVar[Bus] = Bus.ORDER

    order_id: Identifier
    customer_id: Identifier
    amount_minor: Count
    currency: Currency


class OrderCancelled(Event):
    """The order was refused when it was placed, or ended later without its goods."""

    BUS: ClassVar[Bus] = Bus.ORDER
    NO_CONSUMER: ClassVar[str] = "it ends the order; others may tell the customer"

    order_id: Identifier
    customer_id: Identifier
    reason: CancelReason
    content_hash: Stored[str | None] = None
    """Of an order that was refused when it was placed, as are its `items`."""
    items: Stored[tuple[OrderLine, ...] | None] = None


class PlannedShipment(EventPart):
    """A parcel as it was planned when fulfilment started: its SKUs are all in one warehouse."""

    shipment_id: ShipmentId
    warehouse: Identifier
    lines: tuple[OrderLine, ...]

    @property
    def stock_lines(self) -> tuple[StockLine, ...]:
        return stock_lines(self.lines)


class FulfilmentStarted(Event):
    """The order is divided into parcels. From here on the customer cannot cancel it."""

    BUS: ClassVar[Bus] = Bus.ORDER
    NO_CONSUMER: ClassVar[str] = "each parcel has a ShipmentCreated, of the same transaction"

    order_id: Identifier
    customer_id: Identifier
    shipments: Annotated[tuple[PlannedShipment, ...], Field(min_length=1)]


class OrderShipped(Event):
    """Every parcel of the order that is not lost has been picked up."""

    BUS: ClassVar[Bus] = Bus.ORDER
    NO_CONSUMER: ClassVar[str] = "the order waits for its parcels; others may tell the customer"

    order_id: Identifier
    customer_id: Identifier


class OrderDelivered(Event):
    """Every parcel of the order that is not lost has been delivered; the time to return its goods begins."""

    BUS: ClassVar[Bus] = Bus.ORDER
    NO_CONSUMER: ClassVar[str] = "nothing follows unless the customer returns goods; others may ask for a review"

    order_id: Identifier
    customer_id: Identifier


class WriteOffReason(StrEnum):
    LOST = "lost"
    RETURNED_TO_SENDER = "returned_to_sender"


class ParcelWrittenOff(Event):
    """A parcel will not arrive; its goods are refunded. Goods that came back to the warehouse are in stock again."""

    BUS: ClassVar[Bus] = Bus.ORDER
    NO_CONSUMER: ClassVar[str] = "its refund is asked for by RefundRequested, of the same commit"

    order_id: Identifier
    customer_id: Identifier
    shipment_id: ShipmentId
    outcome: WriteOffReason
    lines: tuple[OrderLine, ...]


class ReturnRequested(Event):
    """The customer announces to send goods back."""

    BUS: ClassVar[Bus] = Bus.ORDER
    NO_CONSUMER: ClassVar[str] = "the order waits for the goods; others may send a label"

    order_id: Identifier
    customer_id: Identifier
    return_id: Identifier
    lines: Annotated[tuple[OrderLine, ...], Field(min_length=1)]

    @property
    def stock_lines(self) -> tuple[StockLine, ...]:
        return stock_lines(self.lines)


class ReturnReceived(Event):
    """A return is closed: `lines` came back, fewer than announced perhaps, or none in time.

    `restock` are the units that are fit for sale. The units of `lines` are refunded, fit or not.
    """

    BUS: ClassVar[Bus] = Bus.ORDER
    NO_CONSUMER: ClassVar[str] = "its refund is asked for by RefundRequested, of the same commit"

    order_id: Identifier
    customer_id: Identifier
    return_id: Identifier
    lines: tuple[OrderLine, ...]
    restock: tuple[OrderLine, ...]

    @property
    def stock_lines(self) -> tuple[StockLine, ...]:
        return stock_lines(self.lines)


def order_lines(lines: Iterable[StockLine]) -> tuple[OrderLine, ...]:
    return tuple(OrderLine(sku=line.sku, quantity=line.quantity) for line in lines)


def stock_lines(lines: Iterable[OrderLine]) -> tuple[StockLine, ...]:
    return tuple(StockLine(line.sku, line.quantity) for line in lines)

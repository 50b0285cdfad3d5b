"""The one catalogue of the events: each type's bus and version, and the fields that it publishes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Bus(StrEnum):
    ORDER = "order"
    PAYMENT = "payment"

    @property
    def source(self) -> str:
        """The EventBridge `source`: it belongs to the bus, whichever service wrote the event."""
        return f"{self.value}.service"


class EventType(StrEnum):
    ORDER_PLACED = "OrderPlaced"
    ORDER_VALIDATED = "OrderValidated"
    ORDER_CONFIRMED = "OrderConfirmed"
    ORDER_CANCELLED = "OrderCancelled"
    PAYMENT_REQUESTED = "PaymentRequested"
    PAYMENT_PROCESSED = "PaymentProcessed"
    PAYMENT_FAILED = "PaymentFailed"
    REFUND_REQUESTED = "RefundRequested"
    REFUND_PROCESSED = "RefundProcessed"
    PRODUCT_INVENTORY_UPDATED = "ProductInventoryUpdated"


class CancelReason(StrEnum):
    INSUFFICIENT_STOCK = "insufficient_stock"
    UNKNOWN_SKU = "unknown_sku"
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_TIMEOUT = "payment_timeout"


@dataclass(frozen=True, slots=True)
class EventSpec:
    bus: Bus
    fields: tuple[str, ...]
    schema_version: int = 1


_ORDER = ("orderId", "customerId")
_MONEY = ("amountMinor", "currency")

CATALOGUE: Mapping[EventType, EventSpec] = MappingProxyType(
    {
        EventType.ORDER_PLACED: EventSpec(Bus.ORDER, (*_ORDER, "items")),
        EventType.ORDER_VALIDATED: EventSpec(Bus.ORDER, (*_ORDER, "items", *_MONEY)),
        EventType.ORDER_CONFIRMED: EventSpec(Bus.ORDER, (*_ORDER, *_MONEY)),
        EventType.ORDER_CANCELLED: EventSpec(Bus.ORDER, (*_ORDER, "reason")),
        EventType.PAYMENT_REQUESTED: EventSpec(Bus.PAYMENT, (*_ORDER, *_MONEY)),
        EventType.PAYMENT_PROCESSED: EventSpec(Bus.PAYMENT, (*_ORDER, *_MONEY, "chargeId")),
        EventType.PAYMENT_FAILED: EventSpec(Bus.PAYMENT, (*_ORDER, *_MONEY, "reason")),
        EventType.REFUND_REQUESTED: EventSpec(Bus.PAYMENT, (*_ORDER, *_MONEY, "reason")),
        EventType.REFUND_PROCESSED: EventSpec(Bus.PAYMENT, (*_ORDER, "refundedMinor", "currency")),
        EventType.PRODUCT_INVENTORY_UPDATED: EventSpec(
            Bus.ORDER, ("sku", "name", "priceMinor", "currency", "stock", "stockDelta")
        ),
    }
)

"""The events of an order's payment."""

from enum import StrEnum
from typing import ClassVar

from services.shared.cancel_reasons import CancelReason
from services.shared.events.event import Bus, Count, Currency, Event, Identifier


class FailureReason(StrEnum):
    DECLINED = "declined"


class PaymentRequested(Event):
    """A request to charge the frozen amount."""

    BUS: ClassVar[Bus] = Bus.PAYMENT

    order_id: Identifier
    customer_id: Identifier
    amount_minor: Count
    currency: Currency


class PaymentProcessed(Event):
    """The amount is charged; the order's stock leaves with it."""

    BUS: ClassVar[Bus] = Bus.PAYMENT

    order_id: Identifier
    customer_id: Identifier
    amount_minor: Count
    currency: Currency
    charge_id: str


class PaymentFailed(Event):
    """Nothing is charged; the order's stock is released."""

    BUS: ClassVar[Bus] = Bus.PAYMENT

    order_id: Identifier
    customer_id: Identifier
    amount_minor: Count
    currency: Currency
    reason: FailureReason


class RefundRequested(Event):
    """A request to cancel the order's charge: money taken is refunded, and a later charge is refused."""

    BUS: ClassVar[Bus] = Bus.PAYMENT

    order_id: Identifier
    customer_id: Identifier
    amount_minor: Count
    currency: Currency
    reason: CancelReason


class RefundProcessed(Event):
    """`refunded_minor` was refunded: 0 if nothing had been charged."""

    BUS: ClassVar[Bus] = Bus.PAYMENT
    NO_CONSUMER: ClassVar[str] = "it closes the refund, and nothing follows"

    order_id: Identifier
    customer_id: Identifier
    refunded_minor: Count
    currency: Currency

"""The events of an order's payment."""

from enum import StrEnum
from typing import ClassVar

from services.shared.cancel_reasons import CancelReason
from services.shared.events.event import Bus, Count, Currency, Event, Identifier


class FailureReason(StrEnum):
    DECLINED = "declined"


class PaymentRequested(Event):
    """The amount that was frozen is to be charged."""

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
    """The order's charge is to be called off: what was taken is given back, and none is taken any more."""

    BUS: ClassVar[Bus] = Bus.PAYMENT

    order_id: Identifier
    customer_id: Identifier
    amount_minor: Count
    currency: Currency
    reason: CancelReason


class RefundProcessed(Event):
    """`refunded_minor` was given back: 0 where nothing had been taken."""

    BUS: ClassVar[Bus] = Bus.PAYMENT
    NO_CONSUMER: ClassVar[str] = "it closes the refund, and nothing follows"

    order_id: Identifier
    customer_id: Identifier
    refunded_minor: Count
    currency: Currency

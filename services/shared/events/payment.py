"""The events of an order's payment and of its refunds."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from services.shared.events.event import Bus, Count, Currency, Event, Fields, Identifier, RefundId, Upcaster


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


class RefundMode(StrEnum):
    CALL_OFF = "call_off"
    """Nothing is settled: whatever was charged is given back, perhaps nothing, and a later charge is refused."""
    REFUND = "refund"
    """Part or all of a settled charge is given back."""


class RefundReason(StrEnum):
    PAYMENT_TIMEOUT = "payment_timeout"
    CUSTOMER_REQUEST = "customer_request"
    UNDELIVERABLE = "undeliverable"
    RETURNED = "returned"


CANCELLATION = "cancelled"
"""The subject of the refund of an order that is cancelled: it is cancelled once."""


def refund_id(order_id: str, *about: str) -> str:
    """The id of a refund of the order: the gateway's idempotency key.

    It follows from the subject, such as `parcel`, `2`, and not from the order's version. So a refund that is requested
    again after a restore has the id that the gateway knows, and is made once.
    """
    return "-".join((order_id, *about))


def _with_refund_id(fields: Fields) -> Fields:
    """Upcast from schema version 1: the only refund of an order was that of its expiry."""
    return {**fields, "refundId": refund_id(str(fields["orderId"]), CANCELLATION)}


def _as_call_off(fields: Fields) -> Fields:
    return {**_with_refund_id(fields), "mode": RefundMode.CALL_OFF}


class RefundRequested(Event):
    """A request to give money back. `retry_of` is the failed refund that staff asks for again."""

    BUS: ClassVar[Bus] = Bus.PAYMENT
    SCHEMA_VERSION: ClassVar[int] = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _as_call_off}

    order_id: Identifier
    customer_id: Identifier
    refund_id: RefundId
    mode: RefundMode
    amount_minor: Count
    currency: Currency
    reason: RefundReason
    retry_of: RefundId | None = None


class RefundProcessed(Event):
    """`refunded_minor` was refunded: 0 if nothing had been charged."""

    BUS: ClassVar[Bus] = Bus.PAYMENT
    NO_CONSUMER: ClassVar[str] = "it closes the refund, and nothing follows"
    SCHEMA_VERSION: ClassVar[int] = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _with_refund_id}

    order_id: Identifier
    customer_id: Identifier
    refund_id: RefundId
    refunded_minor: Count
    currency: Currency


class RefundFailureReason(StrEnum):
    REFUSED = "refused"


class RefundFailed(Event):
    """The provider refused the refund for good: nothing was given back. Staff may ask again, under a new id."""

    BUS: ClassVar[Bus] = Bus.PAYMENT
    NO_CONSUMER: ClassVar[str] = "staff decides: an alert and the audit name it"

    order_id: Identifier
    customer_id: Identifier
    refund_id: RefundId
    amount_minor: Count
    currency: Currency
    reason: RefundFailureReason

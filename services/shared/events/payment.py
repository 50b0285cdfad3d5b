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


def refund_id(order_id: str, version: int) -> str:
    """The id of the refund that this version of the order requests: the gateway's idempotency key."""
    return f"{order_id}-{version}"


def _with_refund_id(fields: Fields) -> Fields:
    """Upcast from schema version 1: an order had one refund, which its second version requested."""
    return {**fields, "refundId": refund_id(str(fields["orderId"]), 2)}


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

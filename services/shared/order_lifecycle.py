"""The life of an order: its phases, which commit may follow which, and who writes it."""

from datetime import timedelta

from services.shared.commits import ORDER_PREFIX, Commit
from services.shared.events.order import (
    FulfilmentStarted,
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderShipped,
    OrderValidated,
    ParcelWrittenOff,
    ReturnReceived,
    ReturnRequested,
)
from services.shared.events.payment import (
    PaymentFailed,
    PaymentProcessed,
    PaymentRequested,
    RefundFailed,
    RefundMode,
    RefundProcessed,
    RefundRequested,
)
from services.shared.lifecycle import Lifecycle, Obligation, Phase, Transition, Wait

_ORDER_SERVICE = "order-service"
_PAYMENT_SERVICE = "payment-service"
_FULFILMENT_SERVICE = "fulfilment-service"

# A due order waits for the next sweep and a queue. The step after an event waits for the relay and a queue.
_AFTER_ITS_DEADLINE = timedelta(minutes=5)
_AFTER_AN_EVENT = timedelta(minutes=20)
# A parcel is picked up within days, and delivered within weeks.
_TO_PICK_UP = timedelta(days=5)
_TO_DELIVER = timedelta(days=21)

NEW = Phase("new")
RESERVED = Phase("reserved", Wait("its stock is reserved, it waits for its payment", _AFTER_ITS_DEADLINE))
PAID = Phase("paid", Wait("it is paid and waits to be confirmed", _AFTER_AN_EVENT))
UNPAID = Phase("unpaid", Wait("its payment failed and it waits to be cancelled", _AFTER_AN_EVENT))
CONFIRMED = Phase("confirmed", Wait("it is confirmed and waits for its fulfilment", _AFTER_AN_EVENT))
IN_FULFILMENT = Phase("in_fulfilment", Wait("its parcels wait to be picked up", _TO_PICK_UP))
SHIPPED = Phase("shipped", Wait("its parcels are on their way", _TO_DELIVER))
DELIVERED = Phase("delivered")
CANCELLED = Phase("cancelled")

REFUND = Obligation(
    "refund",
    opened_by={RefundRequested: lambda event: event.refund_id},
    closed_by={RefundProcessed: lambda event: event.refund_id, RefundFailed: lambda event: event.refund_id},
    wait=Wait("its refund is still to be made", _AFTER_AN_EVENT),
)
FAILED_REFUND = Obligation(
    "failed refund",
    opened_by={RefundFailed: lambda event: event.refund_id},
    closed_by={RefundRequested: lambda event: event.retry_of},
    wait=Wait("its refund was refused, `invoke refund-retry` asks again", timedelta()),
)
RETURN = Obligation(
    "return",
    opened_by={ReturnRequested: lambda event: event.return_id},
    closed_by={ReturnReceived: lambda event: event.return_id},
    wait=Wait("it waits for goods that the customer sends back", _AFTER_ITS_DEADLINE),
)


def _calls_off(commit: Commit) -> bool:
    return commit.get(RefundRequested).mode == RefundMode.CALL_OFF


def _gives_back(commit: Commit) -> bool:
    return commit.get(RefundRequested).mode == RefundMode.REFUND


def _asks_again(commit: Commit) -> bool:
    return commit.get(RefundRequested).retry_of is not None


def _brings_nothing(commit: Commit) -> bool:
    return not commit.get(ReturnReceived).lines


_REFUNDABLE = (IN_FULFILMENT, SHIPPED, DELIVERED, CANCELLED)
"""The phases in which a refund may be open."""

ORDER = Lifecycle(
    prefix=ORDER_PREFIX,
    start=NEW,
    transitions=(
        Transition((NEW,), (OrderValidated, PaymentRequested), _ORDER_SERVICE, RESERVED),
        Transition((NEW,), (OrderCancelled,), _ORDER_SERVICE, CANCELLED),
        Transition((RESERVED,), (PaymentProcessed,), _PAYMENT_SERVICE, PAID),
        Transition((RESERVED,), (PaymentFailed,), _PAYMENT_SERVICE, UNPAID),
        Transition((RESERVED,), (OrderCancelled, RefundRequested), _ORDER_SERVICE, CANCELLED, _calls_off),
        Transition((PAID,), (OrderConfirmed,), _ORDER_SERVICE, CONFIRMED),
        Transition((UNPAID,), (OrderCancelled,), _ORDER_SERVICE, CANCELLED),
        Transition((PAID, CONFIRMED), (OrderCancelled, RefundRequested), _ORDER_SERVICE, CANCELLED, _gives_back),
        Transition((CONFIRMED,), (FulfilmentStarted,), _FULFILMENT_SERVICE, IN_FULFILMENT),
        Transition((IN_FULFILMENT,), (OrderShipped,), _ORDER_SERVICE, SHIPPED),
        Transition((SHIPPED,), (OrderDelivered,), _ORDER_SERVICE, DELIVERED),
        Transition((IN_FULFILMENT, SHIPPED), (ParcelWrittenOff, RefundRequested), _ORDER_SERVICE, when=_gives_back),
        Transition(
            (IN_FULFILMENT, SHIPPED),
            (ParcelWrittenOff, OrderCancelled, RefundRequested),
            _ORDER_SERVICE,
            CANCELLED,
            _gives_back,
        ),
        Transition((DELIVERED,), (ReturnRequested,), _ORDER_SERVICE),
        Transition((DELIVERED,), (ReturnReceived, RefundRequested), _ORDER_SERVICE, when=_gives_back),
        Transition((DELIVERED,), (ReturnReceived,), _ORDER_SERVICE, when=_brings_nothing),
        Transition(_REFUNDABLE, (RefundProcessed,), _PAYMENT_SERVICE),
        Transition(_REFUNDABLE, (RefundFailed,), _PAYMENT_SERVICE),
        Transition(_REFUNDABLE, (RefundRequested,), _ORDER_SERVICE, when=_asks_again),
    ),
    obligations=(REFUND, FAILED_REFUND, RETURN),
)

DECISION, SETTLEMENT, CONFIRMATION = 1, 2, 3
"""The versions of an order's decision, of its settlement or call-off, and of its confirmation, if it has one.

The hot path reads them by number.
"""
FIRST_RETURN = 7
"""The least version of a return: decision, settlement, confirmation, fulfilment, shipping and delivery come before."""

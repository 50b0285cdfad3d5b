"""The life of an order: its phases, which commit may follow which, and who writes it."""

from datetime import timedelta

from services.shared.commits import ORDER_PREFIX
from services.shared.events.order import OrderCancelled, OrderConfirmed, OrderValidated
from services.shared.events.payment import (
    PaymentFailed,
    PaymentProcessed,
    PaymentRequested,
    RefundProcessed,
    RefundRequested,
)
from services.shared.lifecycle import Lifecycle, Obligation, Phase, Transition, Wait

_ORDER_SERVICE = "order-service"
_PAYMENT_SERVICE = "payment-service"

# A due order waits for the next sweep and a queue. The step after an event waits for the relay and a queue.
_AFTER_ITS_DEADLINE = timedelta(minutes=5)
_AFTER_AN_EVENT = timedelta(minutes=20)

NEW = Phase("new")
RESERVED = Phase("reserved", Wait("its stock is reserved, it waits for its payment", _AFTER_ITS_DEADLINE))
PAID = Phase("paid", Wait("it is paid and waits to be confirmed", _AFTER_AN_EVENT))
UNPAID = Phase("unpaid", Wait("its payment failed and it waits to be cancelled", _AFTER_AN_EVENT))
CONFIRMED = Phase("confirmed")
CANCELLED = Phase("cancelled")

REFUND = Obligation(
    "refund",
    opened_by={RefundRequested: lambda event: event.order_id},
    closed_by={RefundProcessed: lambda event: event.order_id},
    wait=Wait("its payment is still to be called off", _AFTER_AN_EVENT),
)

ORDER = Lifecycle(
    prefix=ORDER_PREFIX,
    start=NEW,
    transitions=(
        Transition((NEW,), (OrderValidated, PaymentRequested), _ORDER_SERVICE, RESERVED),
        Transition((NEW,), (OrderCancelled,), _ORDER_SERVICE, CANCELLED),
        Transition((RESERVED,), (PaymentProcessed,), _PAYMENT_SERVICE, PAID),
        Transition((RESERVED,), (PaymentFailed,), _PAYMENT_SERVICE, UNPAID),
        Transition((RESERVED,), (OrderCancelled, RefundRequested), _ORDER_SERVICE, CANCELLED),
        Transition((PAID,), (OrderConfirmed,), _ORDER_SERVICE, CONFIRMED),
        Transition((UNPAID,), (OrderCancelled,), _ORDER_SERVICE, CANCELLED),
        Transition((CANCELLED,), (RefundProcessed,), _PAYMENT_SERVICE),
    ),
    obligations=(REFUND,),
)

DECISION, SETTLEMENT = 1, 2
"""The versions of an order's decision, and of its settlement or expiry: the hot path reads them by number."""

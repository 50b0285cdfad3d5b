"""The names by which customers know the states of an order, its parcels, returns and refunds."""

from datetime import datetime, timedelta
from enum import StrEnum

from services.order_service.after_sale import CANCELLABLE
from services.shared.lifecycle import Phase
from services.shared.order_lifecycle import CONFIRMED, IN_FULFILMENT, PAID, RESERVED, RETURN, SHIPPED, UNPAID
from services.shared.order_state import Order, RefundStatus


class OrderStatus(StrEnum):
    PLACED = "placed"
    """It is decided in a moment."""
    STALLED = "stalled"
    """It should have been decided long ago: it is in the order queue, or among its dead letters."""
    AWAITING_PAYMENT = "awaiting_payment"
    PAID = "paid"
    PAYMENT_FAILED = "payment_failed"
    CONFIRMED = "confirmed"
    IN_FULFILMENT = "in_fulfilment"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class OrderWaitsFor(StrEnum):
    DECISION = "decision"
    STAFF = "staff"
    PAYMENT = "payment"
    CONFIRMATION = "confirmation"
    CANCELLATION = "cancellation"
    FULFILMENT = "fulfilment"
    PICK_UP = "pick_up"
    DELIVERY = "delivery"
    RETURNED_GOODS = "returned_goods"
    REFUND = "refund"


class OrderAction(StrEnum):
    """A command of the customer that the order takes now."""

    CANCEL = "cancel"
    RETURN = "return"


class ParcelState(StrEnum):
    CREATED = "created"
    BOOKED = "booked"
    PICKED_UP = "picked_up"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    LOST = "lost"
    RETURNED_TO_SENDER = "returned_to_sender"


class ReturnStatus(StrEnum):
    OPEN = "open"
    """The goods are to be sent back."""
    RECEIVED = "received"
    EXPIRED = "expired"
    """Nothing arrived in time."""


class RefundState(StrEnum):
    REQUESTED = "requested"
    REFUNDED = "refunded"
    FAILED = "failed"
    """The provider refused it; staff asks again."""


_STATUSES = {RESERVED: OrderStatus.AWAITING_PAYMENT, UNPAID: OrderStatus.PAYMENT_FAILED}
"""Those that are not called as the phase is."""
_WAITS = {
    RESERVED: OrderWaitsFor.PAYMENT,
    PAID: OrderWaitsFor.CONFIRMATION,
    UNPAID: OrderWaitsFor.CANCELLATION,
    CONFIRMED: OrderWaitsFor.FULFILMENT,
    IN_FULFILMENT: OrderWaitsFor.PICK_UP,
    SHIPPED: OrderWaitsFor.DELIVERY,
}
REFUND_STATES = {
    RefundStatus.OPEN: RefundState.REQUESTED,
    RefundStatus.PROCESSED: RefundState.REFUNDED,
    RefundStatus.FAILED: RefundState.FAILED,
}


def status_of(phase: Phase) -> OrderStatus:
    return _STATUSES.get(phase) or OrderStatus(phase.name)


def waits_of(order: Order) -> tuple[OrderWaitsFor, ...]:
    """What the order waits for: without the order in which that comes about."""
    own = (_WAITS[order.state.phase],) if order.state.phase in _WAITS else ()
    others = (
        OrderWaitsFor.RETURNED_GOODS if name == RETURN.name else OrderWaitsFor.REFUND for name, _ in order.state.open
    )
    return tuple(dict.fromkeys((*own, *others)))


def actions_of(order: Order, now: datetime, return_window: timedelta) -> tuple[OrderAction, ...]:
    """The commands that the order takes now."""
    if order.state.phase in CANCELLABLE:
        return (OrderAction.CANCEL,)
    is_in_time = order.delivered_at is not None and now <= order.delivered_at + return_window
    return (OrderAction.RETURN,) if is_in_time and any(order.returnable().values()) else ()

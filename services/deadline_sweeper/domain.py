"""What the sweeper decides: an order whose payment ran out of time is cancelled, and its payment called off."""

from datetime import datetime

from services.shared.commits import Cause, Commit
from services.shared.events import CancelReason, EventType
from services.shared.json_types import JsonObject


def expire(reserved: Commit, now: datetime) -> Commit:
    """Version 2 of an order that is still reserved: its stock is released, and whatever was charged is asked back."""
    body: JsonObject = {
        field: reserved.body[field] for field in ("orderId", "customerId", "items", "amountMinor", "currency")
    }
    body["reason"] = CancelReason.PAYMENT_TIMEOUT.value
    requested = reserved.events.index(EventType.PAYMENT_REQUESTED)
    cause = Cause(reserved.event_id(requested), reserved.cause.correlation_id, now)
    return Commit(reserved.stream_id, 2, (EventType.ORDER_CANCELLED, EventType.REFUND_REQUESTED), body, cause)

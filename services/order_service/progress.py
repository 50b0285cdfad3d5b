"""How long orders took from their confirmation until they were shipped and delivered."""

from services.libs.observability.metrics import ORDER_DELIVERY_DURATION, ORDER_SHIPPING_DURATION
from services.shared.commits import Commit
from services.shared.events.order import OrderDelivered, OrderShipped
from services.shared.order_state import Order

_DURATIONS = {OrderShipped: ORDER_SHIPPING_DURATION, OrderDelivered: ORDER_DELIVERY_DURATION}


def observe_progress(order: Order, commit: Commit) -> None:
    """Observe the order's time if this commit, which was just written to it, says that it is shipped or delivered."""
    if order.confirmed_at is None:
        return
    seconds = (commit.cause.at - order.confirmed_at).total_seconds()
    for event_type, duration in _DURATIONS.items():
        if commit.find(event_type):
            # Clocks of two machines differ, and a sum may not fall.
            duration.observe(max(0, round(seconds, 3)))

"""Find an order as its customer or staff may see it, also while it is not decided yet."""

from datetime import datetime
from typing import NamedTuple

from services.libs.store.event_store import EventStore
from services.shared.cart_lifecycle import cart_stream, checkout_version, is_checkout_id
from services.shared.commits import order_stream
from services.shared.events.order import OrderPlaced
from services.shared.order_state import Order
from services.shared.refusals import Refusal, RefusedError


class Undecided(NamedTuple):
    """An order that was checked out here, at this time, and waits to be decided."""

    placed: OrderPlaced
    at: datetime


def find_order(store: EventStore, order_id: str, customer_id: str, *, is_staff: bool = False) -> Order | Undecided:
    """Find the customer's order. Staff finds everybody's, and one that is not decided yet by its customer's id.

    Raises RefusedError (NOT_FOUND), the same for an unknown order as for another customer's.
    """
    history = store.read(order_stream(order_id))
    if history:
        order = Order.of(history)
        if is_staff or order.customer_id == customer_id:
            return order
    elif undecided := _checked_out(store, order_id, customer_id):
        return undecided
    asked = ", or it is not decided yet: send `customerId` too" if is_staff and is_checkout_id(order_id) else ""
    raise RefusedError(Refusal.NOT_FOUND, f"there is no order {order_id}{asked}")


def _checked_out(store: EventStore, order_id: str, customer_id: str) -> Undecided | None:
    version = checkout_version(order_id, customer_id)
    if version is None:
        return None
    stream = cart_stream(customer_id)
    for commit in store.read_versions([stream], [version]).get(stream, ()):
        placed = commit.find(OrderPlaced)
        if placed and placed.order_id == order_id:
            return Undecided(placed, commit.cause.at)
    return None

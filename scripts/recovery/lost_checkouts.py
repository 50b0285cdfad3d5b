"""Commit checkouts again that the event store has lost, so that no cart still holds what was ordered."""

from collections.abc import Iterable
from datetime import UTC, datetime

from services.libs.store.event_store import EventStore, VersionTakenError
from services.shared.cart_lifecycle import cart_stream, checkout_order_id, checkout_version
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.events.cart import CartCheckoutInitiated
from services.shared.events.order import OrderPlaced
from services.shared.refusals import RefusedError


def commit_again(store: EventStore, placed: Iterable[OrderPlaced]) -> list[str]:
    """Commit each checkout whose cart is as it was before it; leave orders that no cart placed.

    Return the orders whose carts have lost more than the checkout, or were changed since: they may hold their goods
    once more.
    """
    left: list[str] = []
    for order in placed:
        version = checkout_version(order.order_id)
        if version is None:
            continue
        last = store.read_back(cart_stream(order.customer_id), lambda _: True)
        if last and last[0].version >= version:
            continue
        if not last or checkout_order_id(last[0]) != order.order_id:
            left.append(order.order_id)
            continue
        try:
            store.for_customer(order.customer_id).append(_checkout(order, version))
        except (RefusedError, VersionTakenError):
            continue  # its customer is erased, and the cart is cleared without it; or was faster
    return left


def _checkout(order: OrderPlaced, version: int) -> Commit:
    initiated = CartCheckoutInitiated.of(order.stored())
    cause = Cause("replay-orders", order.order_id, datetime.now(UTC))
    return Commit(cart_stream(order.customer_id), version, (initiated, order), cause)

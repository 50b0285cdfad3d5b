"""The life of a customer's cart: it is filled and emptied again and again, by a checkout or without one."""

import hashlib
import re
from datetime import timedelta

from services.shared.commits import Commit
from services.shared.events.cart import CartCheckoutInitiated, CartCleared, CartItemAdded, CartItemRemoved
from services.shared.events.order import OrderPlaced
from services.shared.lifecycle import Lifecycle, Phase, Transition, Wait

CART_PREFIX = "cart#"
_CHECKOUT_ID = re.compile(r"c([1-9][0-9]{0,14})-[0-9a-f]{24}")
"""A version of more digits is made up, and no number that DynamoDB takes."""
_CART_SERVICE = "cart-service"
LONGEST_ABANDONED_AFTER = timedelta(days=30)
"""The longest time that a cart may be left alone before it is cleared."""

EMPTY = Phase("empty")
OPEN = Phase("open", Wait("it waits for its customer", LONGEST_ABANDONED_AFTER + timedelta(days=1)))

CART = Lifecycle(
    prefix=CART_PREFIX,
    start=EMPTY,
    transitions=(
        Transition((EMPTY, OPEN), (CartItemAdded,), _CART_SERVICE, OPEN),
        Transition((OPEN,), (CartItemRemoved,), _CART_SERVICE, OPEN),
        Transition((OPEN,), (CartCleared,), _CART_SERVICE, EMPTY),
        Transition((OPEN,), (CartCheckoutInitiated, OrderPlaced), _CART_SERVICE, EMPTY),
    ),
)


def cart_stream(customer_id: str) -> str:
    return f"{CART_PREFIX}{customer_id}"


def customer_id_of(stream_id: str) -> str:
    return stream_id.removeprefix(CART_PREFIX)


def checkout_order_id(last: Commit) -> str:
    """The id of the order that a cart places by its next version; `last` is the cart's last commit.

    It names that version, by which the checkout is found. It also follows from the time of `last`: a cart that lost
    commits counts its versions again, and does not give its next orders the ids of those that were lost.
    """
    version = last.version + 1
    digest = hashlib.sha256(f"{last.stream_id}/{version}/{last.cause.occurred_at}".encode()).hexdigest()
    return f"c{version}-{digest[:24]}"


def checkout_version(order_id: str) -> int | None:
    """The version of its customer's cart that placed the order, if a cart did; None for an id of another form."""
    match = _CHECKOUT_ID.fullmatch(order_id)
    return int(match[1]) if match else None

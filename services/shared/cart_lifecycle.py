"""The life of a customer's cart: it is filled and emptied again and again, by a checkout or without one."""

import hashlib
import re
from datetime import timedelta

from services.shared.events.cart import CartCheckoutInitiated, CartCleared, CartItemAdded, CartItemRemoved
from services.shared.events.order import OrderPlaced
from services.shared.lifecycle import Lifecycle, Phase, Transition, Wait

CART_PREFIX = "cart#"
_CHECKOUT_ID = re.compile(r"c[0-9]+-[0-9a-f]{24}")
_CART_SERVICE = "cart-service"
LONGEST_ABANDONED_AFTER = timedelta(days=30)
"""The longest time that a cart may be left alone before it is cleared."""

_MOST_DIGITS = 15
"""A version of more digits is made up, and no number that DynamoDB takes."""

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


def checkout_order_id(customer_id: str, version: int) -> str:
    """The id of the order that version `version` of the customer's cart places.

    It follows from the cart's version, so a version of a cart makes one order; and it names the version, so that the
    checkout is found by the order's id.
    """
    digest = hashlib.sha256(f"{cart_stream(customer_id)}/{version}".encode()).hexdigest()
    return f"c{version}-{digest[:24]}"


def is_checkout_id(order_id: str) -> bool:
    """Whether an order's id has the form of those that checkouts give."""
    return _CHECKOUT_ID.fullmatch(order_id) is not None


def checkout_version(order_id: str, customer_id: str) -> int | None:
    """The version of the customer's cart that placed the order; None if none of this customer's carts did."""
    number = order_id.partition("-")[0].removeprefix("c")
    if not number.isascii() or not number.isdecimal() or len(number) > _MOST_DIGITS:
        return None
    return int(number) if checkout_order_id(customer_id, int(number)) == order_id else None

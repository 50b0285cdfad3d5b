"""A customer's cart: what is in it at which prices, and what follows from a command."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from services.shared.cart_lifecycle import cart_stream, checkout_order_id
from services.shared.causes import Cause
from services.shared.commits import Command, Commit
from services.shared.deadlines import MINUTE, next_look
from services.shared.events.cart import CartCheckoutInitiated, CartCleared, CartItemAdded, CartItemRemoved, ClearReason
from services.shared.events.event import Event
from services.shared.events.order import OrderPlaced, PlacedLine
from services.shared.inventory import StockItem
from services.shared.refusals import Refusal, RefusedError

MOST_SKUS = 50
MOST_UNITS = 10_000
"""Of one SKU."""
MOST_CHANGES = 500
"""Of one cart: each request reads all of them."""
_LONGEST_INTERVAL = timedelta(hours=1)

Events = tuple[Event, ...]
"""Those that a command leads to; none if it changes nothing."""
Stock = Mapping[str, StockItem]
"""The items of SKUs as of now, without the SKUs that do not exist."""


class CartLine(NamedTuple):
    """Units of one SKU, at the price that the customer saw when the last of them were added."""

    sku: str
    name: str
    quantity: int
    unit_price_minor: int
    currency: str

    def present_price(self, stock: Stock) -> int | None:
        """What a unit costs now; None if the product is gone: it does not exist, or is priced in another currency."""
        item = stock.get(self.sku)
        return item.product.price_minor if item and item.product.currency == self.currency else None


class Total(NamedTuple):
    """Money in minor units."""

    amount_minor: int
    currency: str


class Request(NamedTuple):
    """The version of the cart that a command is meant for, its cause, and its key if it has one."""

    version: int
    cause: Cause
    command: Command | None = None


class PriceChangedError(RefusedError):
    """A checkout's total is not what the customer was shown: `present` is what the cart costs now."""

    def __init__(self, shown: Total, present: Total) -> None:
        new = f"{present.amount_minor} minor units of {present.currency}"
        old = f"{shown.amount_minor} of {shown.currency}"
        super().__init__(
            Refusal.PRICE_CHANGED, f"the cart costs {new} now, not {old}: show the new total, and check out with it"
        )
        self.shown = shown
        self.present = present


def closes(commit: Commit) -> bool:
    """Whether the commit ends a cart: what is added next opens another."""
    return bool(commit.find(CartCleared) or commit.find(CartCheckoutInitiated))


@dataclass(frozen=True, slots=True)
class Cart:
    """A customer's cart as of the last commit of its stream."""

    customer_id: str
    lines: Mapping[str, CartLine]
    """By SKU; empty if no cart is open."""
    last: Commit | None
    changes: int = 0
    """The commits since it was opened; 0 if none is open."""

    @classmethod
    def of(cls, customer_id: str, history: Sequence[Commit]) -> Self:
        """Fold the stream from a commit that ended a cart on, or from its first."""
        lines: dict[str, CartLine] = {}
        changes = 0
        for commit in history:
            lines, changes = ({}, 0) if closes(commit) else (_changed(lines, commit.events), changes + 1)
        return cls(customer_id, lines, history[-1] if history else None, changes)

    @property
    def stream_id(self) -> str:
        return cart_stream(self.customer_id)

    @property
    def version(self) -> int:
        """Of its stream; 0 for a customer who never had a cart."""
        return self.last.version if self.last else 0

    @property
    def touched_at(self) -> datetime | None:
        """When the open cart was changed last; None if none is open."""
        return self.last.cause.at if self.last and not closes(self.last) else None

    def totals(self, stock: Stock | None = None) -> list[Total]:
        """What it costs by currency: as the customer saw it, or with `stock` as of now, without what is gone."""
        sums: dict[str, int] = {}
        for line in self.lines.values():
            price = line.unit_price_minor if stock is None else line.present_price(stock)
            if price is not None:
                sums[line.currency] = sums.get(line.currency, 0) + line.quantity * price
        return [Total(amount, currency) for currency, amount in sorted(sums.items())]


def require_version(cart: Cart, version: int) -> None:
    """Raise RefusedError (STALE) unless the command is meant for the cart as it is."""
    if version != cart.version:
        found = f"the cart is at version {cart.version}, not {version}"
        raise RefusedError(Refusal.STALE, f"If-Match: {found}: read the cart again, and decide from that")


def set_quantity(cart: Cart, sku: str, quantity: int, stock: Stock) -> Events:
    present = cart.lines[sku].quantity if sku in cart.lines else 0
    if quantity > present:
        return add(cart, sku, quantity - present, stock)
    if quantity < present:
        _require_changeable(cart)
        return (CartItemRemoved(customer_id=cart.customer_id, sku=sku, quantity=present - quantity),)
    return ()


def add(cart: Cart, sku: str, quantity: int, stock: Stock) -> Events:
    """Raise RefusedError: NOT_FOUND for an unknown SKU, TOO_MUCH for more than a cart takes."""
    if sku not in stock:
        raise RefusedError(Refusal.NOT_FOUND, f"there is no product {sku}")
    if sku not in cart.lines and len(cart.lines) == MOST_SKUS:
        raise RefusedError(Refusal.TOO_MUCH, f"a cart holds at most {MOST_SKUS} products: remove one, or check out")
    if sku in cart.lines and cart.lines[sku].quantity + quantity > MOST_UNITS:
        raise RefusedError(Refusal.TOO_MUCH, f"a cart holds at most {MOST_UNITS:,} units of a product")
    _require_changeable(cart)
    product = stock[sku].product
    added = CartItemAdded(
        customer_id=cart.customer_id,
        sku=sku,
        name=product.name,
        quantity=quantity,
        unit_price_minor=product.price_minor,
        currency=product.currency,
    )
    return (added,)


def remove(cart: Cart, sku: str) -> Events:
    """Raise RefusedError: NOT_FOUND for a SKU that is not in the cart, TOO_MUCH for more changes than a cart takes."""
    if sku not in cart.lines:
        raise RefusedError(Refusal.NOT_FOUND, f"there is no product {sku} in the cart")
    _require_changeable(cart)
    return (CartItemRemoved(customer_id=cart.customer_id, sku=sku, quantity=cart.lines[sku].quantity),)


def clear(cart: Cart) -> Events:
    if not cart.lines:
        return ()
    return (CartCleared(customer_id=cart.customer_id, reason=ClearReason.CUSTOMER_REQUEST),)


def check_out(cart: Cart, shown: Total, stock: Stock) -> Events:
    """Check out for at most what the customer was shown.

    Raises PriceChangedError, and RefusedError (NOT_ALLOWED) for a cart that cannot be ordered.
    """
    if cart.last is None or not cart.lines:
        raise RefusedError(Refusal.NOT_ALLOWED, "the cart is empty: there is nothing to check out")
    _require_orderable(cart, stock)
    (present,) = cart.totals(stock)
    if present.currency != shown.currency or present.amount_minor > shown.amount_minor:
        raise PriceChangedError(shown, present)
    agreed = {
        "customer_id": cart.customer_id,
        "order_id": checkout_order_id(cart.last),
        "shown_total_minor": shown.amount_minor,
        "currency": shown.currency,
    }
    items = tuple(PlacedLine(sku=line.sku, quantity=line.quantity) for line in cart.lines.values())
    return CartCheckoutInitiated.model_validate(agreed), OrderPlaced.model_validate(agreed | {"items": items})


def next_commit(cart: Cart, events: Events, request: Request, abandoned_after: timedelta) -> Commit | None:
    """The commit of these events; the one that opens a cart has its deadline. None without events."""
    if not events:
        return None
    opens = cart.touched_at is None
    due_at = next_check(cart.stream_id, request.cause.at, abandoned_after) if opens else None
    return Commit(cart.stream_id, cart.version + 1, events, request.cause, due_at=due_at, command=request.command)


def abandon(cart: Cart, now: datetime, abandoned_after: timedelta) -> Commit | None:
    """Clear a cart that was left alone for so long; None for one that was not, or is not open."""
    if cart.last is None or cart.touched_at is None or now < cart.touched_at + abandoned_after:
        return None
    return _cleared(cart, ClearReason.ABANDONED, Cause(cart.last.event_id(0), cart.last.cause.correlation_id, now))


def leave(cart: Cart, cause: Cause) -> Commit | None:
    """Clear the cart of a customer who is erased, an empty one too; None if none is open."""
    return None if cart.touched_at is None else _cleared(cart, ClearReason.CUSTOMER_REQUEST, cause)


def next_check(stream_id: str, touched_at: datetime, abandoned_after: timedelta) -> datetime:
    """When to look whether a cart that was changed then is abandoned: rounded up, so that repetitions merge."""
    interval = min(_LONGEST_INTERVAL, max(MINUTE, abandoned_after / 10))
    return next_look(stream_id, touched_at + abandoned_after, interval)


def _cleared(cart: Cart, reason: ClearReason, cause: Cause) -> Commit:
    cleared = CartCleared(customer_id=cart.customer_id, reason=reason)
    return Commit(cart.stream_id, cart.version + 1, (cleared,), cause)


def _require_changeable(cart: Cart) -> None:
    if cart.changes >= MOST_CHANGES:
        raise RefusedError(Refusal.TOO_MUCH, f"a cart takes at most {MOST_CHANGES} changes: check out, or clear it")


def _require_orderable(cart: Cart, stock: Stock) -> None:
    if gone := [line.sku for line in cart.lines.values() if line.present_price(stock) is None]:
        raise RefusedError(
            Refusal.NOT_ALLOWED, f"no longer for sale, or not in that currency: {_listed(gone)}: remove them first"
        )
    if len(currencies := {line.currency for line in cart.lines.values()}) > 1:
        raise RefusedError(
            Refusal.NOT_ALLOWED,
            f"the cart is priced in {_listed(currencies)}: an order has one, remove the rest",
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _changed(lines: Mapping[str, CartLine], events: Events) -> dict[str, CartLine]:
    """The lines after a commit that does not end the cart."""
    changed = dict(lines)
    for event in events:
        match event:
            case CartItemAdded(sku=sku):
                before = changed[sku].quantity if sku in changed else 0
                changed[sku] = CartLine(
                    sku, event.name, before + event.quantity, event.unit_price_minor, event.currency
                )
            case CartItemRemoved(sku=sku) if changed[sku].quantity == event.quantity:
                del changed[sku]
            case CartItemRemoved(sku=sku):
                changed[sku] = changed[sku]._replace(quantity=changed[sku].quantity - event.quantity)
            case _:
                raise ValueError(f"a cart has no {event.type_name()}")
    return changed

"""The decisions of the order service: accept or refuse an order, and confirm or cancel it later."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from services.shared.cancel_reasons import CancelReason
from services.shared.causes import Cause
from services.shared.commits import Commit, order_stream, stock_after
from services.shared.events.order import (
    ForcedResult,
    OrderCancelled,
    OrderConfirmed,
    OrderLine,
    OrderPlaced,
    OrderValidated,
    PricedLine,
)
from services.shared.events.payment import (
    CANCELLATION,
    PaymentFailed,
    PaymentProcessed,
    PaymentRequested,
    RefundMode,
    RefundReason,
    RefundRequested,
    refund_id,
)
from services.shared.inventory import Move, StockItem, StockMove
from services.shared.order_lifecycle import DECISION


class NotDueError(Exception):
    """A deadline is still to come."""


class ShownTotal(NamedTuple):
    """What the customer was shown that the order costs: it may cost less, and not more."""

    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order as it was placed: one quantity per SKU."""

    order_id: str
    customer_id: str
    quantities: Mapping[str, int]
    forced_payment_result: ForcedResult | None = None
    shown: ShownTotal | None = None
    """None if the producer accepts any price."""

    @classmethod
    def of(cls, placed: OrderPlaced, *, allow_forced_payment_result: bool) -> Self:
        return cls(
            order_id=placed.order_id,
            customer_id=placed.customer_id,
            quantities=placed.quantities(),
            forced_payment_result=placed.forced_payment_result if allow_forced_payment_result else None,
            shown=_shown_total(placed),
        )

    @property
    def stream_id(self) -> str:
        return order_stream(self.order_id)

    @property
    def content_hash(self) -> str:
        """Tells two deliveries of one order from two orders that share an id."""
        content = [self.order_id, self.customer_id, sorted(self.quantities.items())]
        canonical = json.dumps([*content, self.shown] if self.shown else content)
        return hashlib.sha256(canonical.encode()).hexdigest()


def _shown_total(placed: OrderPlaced) -> ShownTotal | None:
    if placed.shown_total_minor is None or placed.currency is None:
        return None
    return ShownTotal(placed.shown_total_minor, placed.currency)


def content_hash(decided: Commit) -> str | None:
    """The content hash of the order that this commit decided."""
    event = decided.find(OrderValidated) or decided.find(OrderCancelled)
    return event.content_hash if event else None


def decide(order: PlacedOrder, inventory: Mapping[str, StockItem], cause: Cause, payment_timeout: timedelta) -> Commit:
    """The first commit of the order: every SKU reserved, or none and a reason.

    A SKU that `inventory` lacks does not exist.
    """
    items = {sku: inventory[sku] for sku in order.quantities if sku in inventory}
    if reason := _refusal(order, items):
        return _refuse(order, reason, cause)
    return _accept(order, items, cause, payment_timeout)


def _refusal(order: PlacedOrder, items: Mapping[str, StockItem]) -> CancelReason | None:
    """Why the order is refused; None if it is accepted. `items` are those of its SKUs that exist."""
    if len(items) < len(order.quantities):
        return CancelReason.UNKNOWN_SKU
    currencies = {item.product.currency for item in items.values()}
    if len(currencies) > 1:
        return CancelReason.MIXED_CURRENCIES
    if order.shown and ({order.shown.currency} != currencies or _amount(order, items) > order.shown.amount_minor):
        return CancelReason.PRICE_CHANGED
    if any(items[sku].available < quantity for sku, quantity in order.quantities.items()):
        return CancelReason.INSUFFICIENT_STOCK
    return None


def _amount(order: PlacedOrder, items: Mapping[str, StockItem]) -> int:
    """In minor units, by the prices of now."""
    return sum(quantity * items[sku].product.price_minor for sku, quantity in order.quantities.items())


def decide_all(
    placed: Sequence[tuple[PlacedOrder, Cause]], inventory: Mapping[str, StockItem], payment_timeout: timedelta
) -> list[Commit]:
    """Decide each order in turn, from the stock that the orders before it left."""
    decided: list[Commit] = []
    left = dict(inventory)
    for order, cause in placed:
        commit = decide(order, left, cause, payment_timeout)
        left = stock_after(left, [commit])
        decided.append(commit)
    return decided


def conclude(settled: Commit, cause: Cause) -> Commit | None:
    """The order's confirmation or cancellation, from its settled payment; None if there is nothing to conclude."""
    event: OrderConfirmed | OrderCancelled
    if paid := settled.find(PaymentProcessed):
        event = OrderConfirmed(
            order_id=paid.order_id,
            customer_id=paid.customer_id,
            amount_minor=paid.amount_minor,
            currency=paid.currency,
        )
    elif failed := settled.find(PaymentFailed):
        event = OrderCancelled(
            order_id=failed.order_id, customer_id=failed.customer_id, reason=CancelReason.PAYMENT_FAILED
        )
    else:
        return None
    return Commit(settled.stream_id, settled.version + 1, (event,), cause)


def expire(reserved: Commit, now: datetime) -> Commit:
    """Cancel an order that is still reserved: its stock is released, and a refund of any charge is requested.

    Raises NotDueError if its payment still has time.
    """
    if reserved.due_at is None or now < reserved.due_at:
        raise NotDueError(f"{reserved.stream_id} is not due yet")
    order = reserved.get(OrderValidated)
    requested = reserved.events.index(reserved.get(PaymentRequested))
    cause = Cause(reserved.event_id(requested), reserved.cause.correlation_id, now)
    return call_off(order, reserved.version + 1, CancelReason.PAYMENT_TIMEOUT, cause)


def call_off(order: OrderValidated, version: int, reason: CancelReason, cause: Cause) -> Commit:
    """Cancel an order whose payment is not settled: whatever is charged for it is given back."""
    cancelled = OrderCancelled(order_id=order.order_id, customer_id=order.customer_id, reason=reason)
    refund = RefundRequested(
        order_id=order.order_id,
        customer_id=order.customer_id,
        refund_id=refund_id(order.order_id, CANCELLATION),
        mode=RefundMode.CALL_OFF,
        amount_minor=order.amount_minor,
        currency=order.currency,
        reason=RefundReason(reason),
    )
    stream = order_stream(order.order_id)
    return Commit(stream, version, (cancelled, refund), cause, StockMove(Move.RELEASE, order.lines))


def _accept(order: PlacedOrder, items: Mapping[str, StockItem], cause: Cause, payment_timeout: timedelta) -> Commit:
    lines = tuple(
        PricedLine(sku=sku, quantity=quantity, unit_price_minor=items[sku].product.price_minor)
        for sku, quantity in order.quantities.items()
    )
    amount_minor = _amount(order, items)
    currency = next(iter(items.values())).product.currency
    validated = OrderValidated(
        order_id=order.order_id,
        customer_id=order.customer_id,
        items=lines,
        amount_minor=amount_minor,
        currency=currency,
        content_hash=order.content_hash,
        forced_payment_result=order.forced_payment_result,
    )
    requested = PaymentRequested(
        order_id=order.order_id, customer_id=order.customer_id, amount_minor=amount_minor, currency=currency
    )
    return Commit(
        stream_id=order.stream_id,
        version=DECISION,
        events=(validated, requested),
        cause=cause,
        stock_move=StockMove(Move.RESERVE, validated.lines),
        due_at=cause.at + payment_timeout,
    )


def _refuse(order: PlacedOrder, reason: CancelReason, cause: Cause) -> Commit:
    cancelled = OrderCancelled(
        order_id=order.order_id,
        customer_id=order.customer_id,
        reason=reason,
        content_hash=order.content_hash,
        items=tuple(OrderLine(sku=sku, quantity=quantity) for sku, quantity in order.quantities.items()),
    )
    return Commit(order.stream_id, DECISION, (cancelled,), cause)

"""The decisions of the order service once an order is accepted: cancel it, follow its parcels, take goods back.

Each returns the next commit of the order, or None if there is nothing to write, or raises RefusedError.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from services.order_service.domain import NotDueError, call_off
from services.shared.cancel_reasons import CancelReason
from services.shared.causes import Cause
from services.shared.commits import Commit, order_id_of
from services.shared.events.event import Event
from services.shared.events.order import (
    OrderCancelled,
    OrderDelivered,
    OrderShipped,
    OrderValidated,
    ParcelWrittenOff,
    PlannedShipment,
    ReturnReceived,
    ReturnRequested,
    WriteOffReason,
    order_lines,
    stock_lines,
)
from services.shared.events.payment import CANCELLATION, RefundMode, RefundReason, RefundRequested, refund_id
from services.shared.inventory import NO_MOVE, Move, StockLine, StockMove
from services.shared.lifecycle import Phase
from services.shared.order_lifecycle import (
    CANCELLED,
    CONFIRMED,
    IN_FULFILMENT,
    PAID,
    RESERVED,
    SHIPPED,
    UNPAID,
)
from services.shared.order_state import Order, RefundStatus
from services.shared.refusals import Refusal, RefusedError
from services.shared.shipment_lifecycle import DELIVERED as PARCEL_DELIVERED
from services.shared.shipment_lifecycle import LOST, RETURNED_TO_SENDER, WITH_THE_CARRIER

CANCELLABLE = (RESERVED, PAID, CONFIRMED)
"""The phases in which the customer may cancel the order."""
FOLLOWED = (IN_FULFILMENT, SHIPPED)
"""The phases in which something follows from the order's parcels."""
_WRITE_OFFS = {LOST: WriteOffReason.LOST, RETURNED_TO_SENDER: WriteOffReason.RETURNED_TO_SENDER}
# The sweeper's clock may be ahead of the clock here.
_CLOCKS_DIFFER = timedelta(minutes=1)


class ReceivedGoods(NamedTuple):
    """The units of a return that came back, and those of them that are fit for sale."""

    order_id: str
    return_id: str
    lines: tuple[StockLine, ...]
    restock: tuple[StockLine, ...]


def cancel(order: Order | None, order_id: str, customer_id: str, cause: Cause) -> Commit | None:
    """Cancel the order as its customer asks, with its stock and its refund; None if that is done already.

    Raises RefusedError for an order that is not decided yet, as is one that may still be placed; for one of another
    customer; and for one that fails otherwise, or is in fulfilment.
    """
    if order is None:
        raise RefusedError(Refusal.NOT_YET, f"order {order_id} is not decided yet, or does not exist: try again")
    _check_customer(order, order_id, customer_id)
    if order.state.phase == RESERVED:
        return call_off(accepted(order), order.next_version, CancelReason.CUSTOMER_REQUEST, _of(order, cause))
    if order.state.phase in {PAID, CONFIRMED}:
        return _cancel_paid(order, cause)
    if cancelled := _cancellation(order):
        if cancelled.reason is CancelReason.CUSTOMER_REQUEST:
            return None
        raise RefusedError(Refusal.NOT_ALLOWED, f"order {order_id} is cancelled already ({cancelled.reason})")
    if order.state.phase == UNPAID:
        raise RefusedError(Refusal.NOT_ALLOWED, f"order {order_id} is being cancelled, as its payment failed")
    raise RefusedError(
        Refusal.TOO_LATE,
        f"order {order_id} cannot be cancelled any more: its fulfilment has started; once delivered it can be returned",
    )


def follow_parcels(order: Order, parcels: Mapping[str, Phase], cause: Cause) -> Commit | None:
    """Write off a parcel that failed, or say that the order is shipped or delivered; one step per call.

    `parcels` are the phases of the order's parcels that are not written off, by shipment id.
    """
    if order.state.phase not in FOLLOWED:
        return None
    for shipment in order.shipments.values():
        if outcome := _WRITE_OFFS.get(parcels[shipment.shipment_id]):
            return _write_off(order, shipment, outcome, cause)
    phases = set(parcels.values())
    if order.state.phase == IN_FULFILMENT and phases <= set(WITH_THE_CARRIER):
        return _next(order, (OrderShipped(**_ids(order)),), cause)
    if order.state.phase == SHIPPED and phases == {PARCEL_DELIVERED}:
        return _next(order, (OrderDelivered(**_ids(order)),), cause)
    return None


def request_return(
    order: Order | None,
    announced: ReturnRequested,
    cause: Cause,
    *,
    window: timedelta,
    arrival: timedelta,
) -> Commit | None:
    """Open a return of delivered goods, which are to arrive within `arrival`; None if it was opened before.

    Goods of a return that was closed before they arrived may be announced again after the window. Raises RefusedError
    for an unknown order, another customer's, one that is not delivered or was delivered longer ago than `window`, a SKU
    or quantity that is not left to return, or a return id with other content.
    """
    order_id, return_id = announced.order_id, announced.return_id
    order = _known(order, order_id)
    _check_customer(order, order_id, announced.customer_id)
    announced = announced.model_copy(update={"lines": order_lines(_merged(announced.stock_lines))})
    if known := order.returns.get(return_id):
        if known.requested != announced:
            raise RefusedError(Refusal.CONFLICT, f"return {return_id} was requested with other lines")
        return None
    if order.delivered_at is None:
        raise RefusedError(Refusal.NOT_ALLOWED, f"order {order_id} is {order.state.phase}: it has no delivered goods")
    if cause.at > order.delivered_at + window and not _was_announced_in_time(order, announced):
        raise RefusedError(
            Refusal.TOO_LATE, f"order {order_id} was delivered more than {window.days} days ago: too late to return it"
        )
    _check_lines(announced.stock_lines, order.returnable(), "can still be returned")
    return replace(_next(order, (announced,), cause), due_at=cause.at + arrival)


def _was_announced_in_time(order: Order, announced: ReturnRequested) -> bool:
    """Whether an earlier return had these goods, and was closed as nothing had arrived."""
    closed = (one.requested for one in order.returns.values() if one.received and not one.received.lines)
    left = [dict(requested.stock_lines) for requested in closed]
    return any(all(units.get(sku, 0) >= number for sku, number in announced.stock_lines) for units in left)


def receive_return(order: Order | None, goods: ReceivedGoods, cause: Cause) -> Commit | None:
    """Close a return with the units that came back, refund these, and restock the units that are fit for sale.

    None if it was closed with the same units before. Raises RefusedError for an unknown order or return, for more units
    than were announced, for more to restock than came back, or if it was closed with other units.
    """
    order_id, return_id = goods.order_id, goods.return_id
    order = _known(order, order_id)
    lines, fit = _merged(goods.lines), _merged(goods.restock)
    known = order.returns.get(return_id)
    if known is None:
        raise RefusedError(Refusal.NOT_FOUND, f"order {order_id} has no return {return_id}")
    if known.received:
        if (known.received.stock_lines, stock_lines(known.received.restock)) == (lines, fit):
            return None
        how = "with other units" if known.received.lines else "as nothing had arrived in time: request another return"
        raise RefusedError(Refusal.CONFLICT, f"return {return_id} of order {order_id} is closed already, {how}")
    if not lines:
        raise RefusedError(Refusal.INVALID, "say which units came back: a return without any is closed by its deadline")
    _check_lines(lines, dict(known.requested.stock_lines), f"were announced in return {return_id}")
    _check_lines(fit, dict(lines), "came back", "restock")
    event = _received(order, return_id, lines, fit)
    refund = _refund(order, order.amount_of(lines), RefundReason.RETURNED, "return", return_id)
    return _next(order, (event, refund), cause, StockMove(Move.RESTOCK, fit) if fit else NO_MOVE)


def close_overdue_return(order: Order, now: datetime) -> Commit | None:
    """Close the return whose goods are overdue the longest, with no goods and no refund; None if none is due.

    Raises NotDueError if one falls due within a minute, so that its deadline comes again.
    """
    waiting = [(one.due_at, return_id) for return_id, one in order.returns.items() if one.due_at and not one.received]
    due_at, return_id = min(waiting, default=(None, ""))
    if due_at is None or due_at > now + _CLOCKS_DIFFER:
        return None
    if due_at > now:
        raise NotDueError(f"return {return_id} of {order.stream_id} is not due yet")
    requests = (commit for commit in order.history if commit.find(ReturnRequested))
    opened = next(commit for commit in requests if commit.get(ReturnRequested).return_id == return_id)
    cause = Cause(opened.event_id(0), opened.cause.correlation_id, now)
    return _next(order, (_received(order, return_id, (), ()),), cause)


def retry_refund(order: Order | None, order_id: str, failed_id: str, cause: Cause) -> Commit | None:
    """Ask for a failed refund again, under a new id; None if it was asked for again before.

    Raises RefusedError for an unknown order or refund, or a refund that has not failed.
    """
    order = _known(order, order_id)
    failed = order.refunds.get(failed_id)
    if failed is None:
        raise RefusedError(Refusal.NOT_FOUND, f"order {order_id} has no refund {failed_id}")
    if failed.status is RefundStatus.ASKED_AGAIN:
        return None
    if failed.status is not RefundStatus.FAILED:
        raise RefusedError(Refusal.NOT_ALLOWED, f"refund {failed_id} is {failed.status}: it has not failed")
    requested = failed.requested.model_copy(update={"refund_id": order.id_of_retry(failed_id), "retry_of": failed_id})
    return _next(order, (requested,), cause)


def _cancel_paid(order: Order, cause: Cause) -> Commit:
    fields = accepted(order)
    refund = _refund(order, fields.amount_minor, RefundReason.CUSTOMER_REQUEST, CANCELLATION)
    cancelled = _cancelled(order, CancelReason.CUSTOMER_REQUEST)
    return _next(order, (cancelled, refund), cause, StockMove(Move.RESTOCK, fields.lines))


def _write_off(order: Order, shipment: PlannedShipment, outcome: WriteOffReason, cause: Cause) -> Commit:
    lines = shipment.stock_lines
    written_off = ParcelWrittenOff(
        **_ids(order), shipment_id=shipment.shipment_id, outcome=outcome, lines=shipment.lines
    )
    number = shipment.shipment_id.removeprefix(f"{accepted(order).order_id}-")
    refund = _refund(order, order.amount_of(lines), RefundReason.UNDELIVERABLE, "parcel", number)
    cancelled = () if len(order.shipments) > 1 else (_cancelled(order, CancelReason.UNDELIVERABLE),)
    came_back = outcome is WriteOffReason.RETURNED_TO_SENDER
    move = StockMove(Move.RESTOCK, lines) if came_back else NO_MOVE
    return _next(order, (written_off, *cancelled, refund), cause, move)


def accepted(order: Order) -> OrderValidated:
    if order.validated is None:
        raise RefusedError(Refusal.NOT_ALLOWED, f"order {order_id_of(order.stream_id)} was refused when it was placed")
    return order.validated


def _ids(order: Order) -> dict[str, str]:
    return {"order_id": accepted(order).order_id, "customer_id": accepted(order).customer_id}


def _refund(order: Order, amount_minor: int, reason: RefundReason, *about: str) -> RefundRequested:
    return RefundRequested(
        **_ids(order),
        refund_id=refund_id(accepted(order).order_id, *about),
        mode=RefundMode.REFUND,
        amount_minor=amount_minor,
        currency=accepted(order).currency,
        reason=reason,
    )


def _cancelled(order: Order, reason: CancelReason) -> OrderCancelled:
    return OrderCancelled.model_validate({**_ids(order), "reason": reason})


def _received(
    order: Order, return_id: str, lines: tuple[StockLine, ...], restock: tuple[StockLine, ...]
) -> ReturnReceived:
    return ReturnReceived(**_ids(order), return_id=return_id, lines=order_lines(lines), restock=order_lines(restock))


def _next(order: Order, events: tuple[Event, ...], cause: Cause, move: StockMove = NO_MOVE) -> Commit:
    return Commit(order.stream_id, order.next_version, events, _of(order, cause), move)


def _of(order: Order, cause: Cause) -> Cause:
    """The cause with the correlation id of the order, which stays the same through its life."""
    return replace(cause, correlation_id=order.history[0].cause.correlation_id)


def _cancellation(order: Order) -> OrderCancelled | None:
    if order.state.phase != CANCELLED:
        return None
    return next((event for commit in order.history if (event := commit.find(OrderCancelled))), None)


def _known(order: Order | None, order_id: str) -> Order:
    if order is None:
        raise RefusedError(Refusal.NOT_FOUND, f"there is no order {order_id}")
    return order


def _check_customer(order: Order, order_id: str, customer_id: str) -> None:
    if order.customer_id != customer_id:
        raise RefusedError(Refusal.NOT_FOUND, f"customer {customer_id} has no order {order_id}")


def _check_lines(lines: Iterable[StockLine], left: Mapping[str, int], what: str, field: str = "lines") -> None:
    for sku, quantity in lines:
        if sku not in left:
            raise RefusedError(Refusal.INVALID, f"{sku} is not among the goods that {what}", field)
        if quantity > left[sku]:
            raise RefusedError(Refusal.TOO_MUCH, f"{sku}: {quantity} units are more than the {left[sku]} that {what}")


def _merged(lines: Iterable[StockLine]) -> tuple[StockLine, ...]:
    """The units by SKU, sorted, so that equal requests are equal; raise RefusedError for a quantity that is none."""
    units: dict[str, int] = {}
    for sku, quantity in lines:
        if type(quantity) is not int or quantity < 1:
            raise RefusedError(Refusal.INVALID, f"{sku}: the quantity is {quantity}: give a whole number, 1 or more")
        units[sku] = units.get(sku, 0) + quantity
    return tuple(StockLine(sku, quantity) for sku, quantity in sorted(units.items()))

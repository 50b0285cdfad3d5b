"""What customers and staff see of an order, as JSON."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from services.libs.http.bodies import ResponseBody
from services.libs.store.customer_orders import Undecided
from services.order_service.order_statuses import (
    REFUND_STATES,
    OrderAction,
    OrderStatus,
    OrderWaitsFor,
    ParcelState,
    RefundState,
    ReturnStatus,
    status_of,
    waits_of,
)
from services.shared.cancel_reasons import CancelReason
from services.shared.commits import Commit
from services.shared.events.fulfilment import ShipmentCreated, ShipmentDelivered, ShipmentTracked
from services.shared.events.order import (
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderLine,
    OrderShipped,
    OrderValidated,
)
from services.shared.events.payment import PaymentProcessed, RefundReason
from services.shared.order_state import Order, Refund, RefundStatus, Return
from services.shared.shipment_lifecycle import SHIPMENT

DECIDED_WITHIN = timedelta(minutes=15)
"""An order that takes longer is not on its way any more: a message is received ten times, a minute apart."""


_TIMES = {
    OrderValidated: "accepted_at",
    PaymentProcessed: "paid_at",
    OrderConfirmed: "confirmed_at",
    OrderShipped: "shipped_at",
    OrderDelivered: "delivered_at",
    OrderCancelled: "cancelled_at",
}


class GoodsView(ResponseBody):
    sku: str
    quantity: int


class OrderLineView(ResponseBody):
    sku: str
    quantity: int
    unit_price_minor: int | None = None
    """None if the order was not accepted."""


class ParcelView(ResponseBody):
    shipment_id: str
    state: ParcelState
    tracking_number: str | None
    """None until the carrier gives one."""
    updated_at: datetime
    lines: tuple[GoodsView, ...]

    @classmethod
    def of(cls, history: Sequence[Commit]) -> "ParcelView":
        created = history[0].get(ShipmentCreated)
        told = [
            event for commit in history if (event := commit.find(ShipmentTracked) or commit.find(ShipmentDelivered))
        ]
        tracked = (event for event in told if isinstance(event, ShipmentTracked))
        return cls(
            shipment_id=created.shipment_id,
            state=ParcelState(SHIPMENT.fold(history).phase.name),
            tracking_number=next((event.tracking_number for event in tracked if event.tracking_number), None),
            updated_at=told[-1].carrier_time if told else history[0].cause.at,
            lines=_goods(created.lines),
        )


class ReturnView(ResponseBody):
    return_id: str
    status: ReturnStatus
    lines: tuple[GoodsView, ...]
    """The goods that the customer announced."""
    arrive_by: datetime | None
    received_lines: tuple[GoodsView, ...] = ()
    """The goods that came back, which are refunded."""

    @classmethod
    def of(cls, one: Return) -> "ReturnView":
        status = ReturnStatus.OPEN
        if one.received:
            status = ReturnStatus.RECEIVED if one.received.lines else ReturnStatus.EXPIRED
        return cls(
            return_id=one.requested.return_id,
            status=status,
            lines=_goods(one.requested.lines),
            arrive_by=one.due_at,
            received_lines=_goods(one.received.lines) if one.received else (),
        )


class RefundView(ResponseBody):
    refund_id: str
    status: RefundState
    reason: RefundReason
    amount_minor: int
    """Once refunded, what was given back: 0 if nothing had been charged."""

    @classmethod
    def of(cls, refund: Refund) -> "RefundView":
        is_made = refund.status is RefundStatus.PROCESSED
        return cls(
            refund_id=refund.requested.refund_id,
            status=REFUND_STATES[refund.status],
            reason=refund.requested.reason,
            amount_minor=refund.refunded_minor if is_made else refund.requested.amount_minor,
        )


class OrderTimes(ResponseBody):
    placed_at: datetime | None = None
    """Of an order that is not decided yet."""
    accepted_at: datetime | None = None
    paid_at: datetime | None = None
    confirmed_at: datetime | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    cancelled_at: datetime | None = None


class OrderView(ResponseBody):
    order_id: str
    status: OrderStatus
    waits_for: tuple[OrderWaitsFor, ...]
    actions: tuple[OrderAction, ...] = ()
    customer_id: str | None = None
    """Told to staff."""
    amount_minor: int | None = None
    """None until the order is accepted, with its prices as they were then."""
    shown_total_minor: int | None = None
    """The total that the customer was shown, while the order is not decided."""
    currency: str | None = None
    cancel_reason: CancelReason | None = None
    lines: tuple[OrderLineView, ...]
    parcels: tuple[ParcelView, ...] = ()
    returns: tuple[ReturnView, ...] = ()
    refunds: tuple[RefundView, ...] = ()
    times: OrderTimes

    @classmethod
    def of(
        cls,
        order: Order,
        parcels: Iterable[Sequence[Commit]],
        actions: tuple[OrderAction, ...],
        *,
        for_staff: bool = False,
    ) -> "OrderView":
        accepted, cancelled = order.validated, _cancellation(order)
        return cls(
            order_id=(accepted or order.history[0].get(OrderCancelled)).order_id,
            status=status_of(order.state.phase),
            waits_for=waits_of(order),
            actions=actions,
            customer_id=order.customer_id if for_staff else None,
            amount_minor=accepted.amount_minor if accepted else None,
            currency=accepted.currency if accepted else None,
            cancel_reason=cancelled.reason if cancelled else None,
            lines=_lines(order),
            parcels=tuple(ParcelView.of(history) for history in parcels),
            returns=tuple(ReturnView.of(one) for one in order.returns.values()),
            refunds=tuple(map(RefundView.of, _present(order.refunds.values()))),
            times=_times(order),
        )

    @classmethod
    def of_undecided(cls, undecided: Undecided, now: datetime, *, for_staff: bool = False) -> "OrderView":
        placed, at = undecided
        is_stalled = now > at + DECIDED_WITHIN
        return cls(
            order_id=placed.order_id,
            status=OrderStatus.STALLED if is_stalled else OrderStatus.PLACED,
            waits_for=(OrderWaitsFor.STAFF if is_stalled else OrderWaitsFor.DECISION,),
            customer_id=placed.customer_id if for_staff else None,
            shown_total_minor=placed.shown_total_minor,
            currency=placed.currency,
            lines=tuple(OrderLineView(sku=sku, quantity=quantity) for sku, quantity in placed.quantities().items()),
            times=OrderTimes(placed_at=at),
        )


def _lines(order: Order) -> tuple[OrderLineView, ...]:
    if order.validated:
        return tuple(OrderLineView.model_validate(item.model_dump()) for item in order.validated.items)
    refused = order.history[0].get(OrderCancelled).items or ()
    return tuple(OrderLineView(sku=line.sku, quantity=line.quantity) for line in refused)


def _present(refunds: Iterable[Refund]) -> Iterable[Refund]:
    """Without those that failed and that another one took the place of."""
    return (refund for refund in refunds if refund.status is not RefundStatus.ASKED_AGAIN)


def _cancellation(order: Order) -> OrderCancelled | None:
    return next((event for commit in order.history if (event := commit.find(OrderCancelled))), None)


def _times(order: Order) -> OrderTimes:
    reached = {
        _TIMES[type(event)]: commit.cause.at
        for commit in order.history
        for event in commit.events
        if type(event) in _TIMES
    }
    return OrderTimes.model_validate(reached)


def _goods(lines: Iterable[OrderLine]) -> tuple[GoodsView, ...]:
    return tuple(GoodsView(sku=line.sku, quantity=line.quantity) for line in lines)

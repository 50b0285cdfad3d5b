"""The decisions of the payment service: which charge or refund an order asks for, and what the answer means."""

from collections.abc import Sequence

from services.payment_service.gateway import Charge, ChargeRequest
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.events.order import OrderValidated
from services.shared.events.payment import (
    FailureReason,
    PaymentFailed,
    PaymentProcessed,
    RefundFailed,
    RefundFailureReason,
    RefundProcessed,
    RefundRequested,
)
from services.shared.inventory import Move, StockMove
from services.shared.order_lifecycle import ORDER, RESERVED
from services.shared.order_state import Order


class NotReservedError(Exception):
    """No stock is reserved for the order, so nothing may be charged for it."""


class RefundNotRequestedError(Exception):
    """Nobody asked for money of the order to be given back, so its charge stands."""


def charge_for(history: Sequence[Commit]) -> ChargeRequest | None:
    """The charge that the order's history asks for, of the frozen amount; None once the payment is settled.

    Raises NotReservedError for an order that was never placed, or was refused.
    """
    order = history[0].find(OrderValidated) if history else None
    if order is None:
        raise NotReservedError("the order was refused" if history else "the order does not exist")
    if ORDER.fold(history).phase != RESERVED:
        return None
    return ChargeRequest(
        order_id=order.order_id,
        amount_minor=order.amount_minor,
        currency=order.currency,
        forced_result=order.forced_payment_result,
    )


def refunds_to_make(history: Sequence[Commit]) -> list[RefundRequested]:
    """The refunds that are requested and neither made nor refused yet, the oldest first.

    Raises RefundNotRequestedError for an order that no refund was ever requested for.
    """
    order = Order.of(history) if history else None
    if order is None or not order.refunds:
        raise RefundNotRequestedError("no refund of the order was requested")
    return order.open_refunds


def refunded(history: Sequence[Commit], refund: RefundRequested, refunded_minor: int, cause: Cause) -> Commit:
    """The commit of a refund that was made; its amount may be 0 where nothing had been charged."""
    processed = RefundProcessed(
        order_id=refund.order_id,
        customer_id=refund.customer_id,
        refund_id=refund.refund_id,
        refunded_minor=refunded_minor,
        currency=refund.currency,
    )
    return Commit(history[-1].stream_id, history[-1].version + 1, (processed,), cause)


def refund_refused(history: Sequence[Commit], refund: RefundRequested, cause: Cause) -> Commit:
    """The commit of a refund that the provider refused for good."""
    failed = RefundFailed(
        order_id=refund.order_id,
        customer_id=refund.customer_id,
        refund_id=refund.refund_id,
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        reason=RefundFailureReason.REFUSED,
    )
    return Commit(history[-1].stream_id, history[-1].version + 1, (failed,), cause)


def settlement(reserved: Commit, charge: Charge, cause: Cause) -> Commit:
    """The order's settlement: its stock leaves with the payment, or is released without one."""
    order = reserved.get(OrderValidated)
    event: PaymentProcessed | PaymentFailed
    if charge.accepted:
        move = Move.SETTLE
        event = PaymentProcessed(
            order_id=order.order_id,
            customer_id=order.customer_id,
            amount_minor=order.amount_minor,
            currency=order.currency,
            charge_id=charge.charge_id,
        )
    else:
        move = Move.RELEASE
        event = PaymentFailed(
            order_id=order.order_id,
            customer_id=order.customer_id,
            amount_minor=order.amount_minor,
            currency=order.currency,
            reason=FailureReason.DECLINED,
        )
    return Commit(reserved.stream_id, reserved.version + 1, (event,), cause, stock_move=StockMove(move, order.lines))

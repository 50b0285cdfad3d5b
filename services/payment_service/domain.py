"""The decisions of the payment service: whether to charge an order, and how to settle it after the charge."""

from collections.abc import Sequence

from services.payment_service.gateway import Charge, ChargeRequest
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.events.order import OrderValidated
from services.shared.events.payment import (
    FailureReason,
    PaymentFailed,
    PaymentProcessed,
    RefundProcessed,
    RefundRequested,
)
from services.shared.inventory import Move, StockMove
from services.shared.order_lifecycle import ORDER, RESERVED


class NotReservedError(Exception):
    """No stock is reserved for the order, so nothing may be charged for it."""


class RefundNotRequestedError(Exception):
    """Nobody asked for the order's charge to be called off, so it stands."""


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


def requested_refund(history: Sequence[Commit]) -> RefundRequested | None:
    """The refund that the order still waits for; None once it was made.

    Raises RefundNotRequestedError for an order whose payment did not run out of time.
    """
    refund = next((refund for commit in history if (refund := commit.find(RefundRequested))), None)
    if refund is None:
        raise RefundNotRequestedError("the order's payment did not run out of time")
    return refund if ORDER.fold(history).open else None


def refunded(history: Sequence[Commit], refund: RefundRequested, refunded_minor: int, cause: Cause) -> Commit:
    """The commit of the refund; its amount may be 0."""
    processed = RefundProcessed(
        order_id=refund.order_id,
        customer_id=refund.customer_id,
        refunded_minor=refunded_minor,
        currency=refund.currency,
    )
    return Commit(history[-1].stream_id, history[-1].version + 1, (processed,), cause)


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

"""What the payment service decides: whether an order may be charged, and what a charge's outcome means."""

from services.payment_service.gateway import Charge, ChargeRequest
from services.shared.commits import Cause, Commit
from services.shared.events import EventType
from services.shared.json_types import JsonObject, integer, text


class NotReservedError(Exception):
    """No stock is reserved for the order, so nothing may be charged for it."""


class RefundNotRequestedError(Exception):
    """Nobody asked for the order's charge to be called off, so it stands."""


def charge_for(history: tuple[Commit, ...]) -> ChargeRequest | None:
    """The charge that the order's history asks for, for the amount that version 1 froze; None once it is settled.

    Raises NotReservedError for an order that was never placed, or was refused.
    """
    if not history or EventType.PAYMENT_REQUESTED not in history[0].events:
        raise NotReservedError("the order was refused" if history else "the order does not exist")
    if len(history) > 1:
        return None
    order = history[0].body
    return ChargeRequest(
        order_id=text(order, "orderId"),
        amount_minor=integer(order, "amountMinor"),
        currency=text(order, "currency"),
        forced_result=text(order, "forcedPaymentResult") if "forcedPaymentResult" in order else None,
    )


def call_off(history: tuple[Commit, ...]) -> bool:
    """Whether the charge of the order is still to be called off.

    Raises RefundNotRequestedError for an order whose payment did not run out of time.
    """
    if len(history) < 2 or EventType.REFUND_REQUESTED not in history[1].events:  # noqa: PLR2004
        raise RefundNotRequestedError("the order's payment did not run out of time")
    return len(history) == 2  # noqa: PLR2004


def refunded(expired: Commit, refunded_minor: int, cause: Cause) -> Commit:
    """Version 3 of an expired order: what was taken is given back, which may be nothing."""
    body: JsonObject = {field: expired.body[field] for field in ("orderId", "customerId", "currency")}
    body["refundedMinor"] = refunded_minor
    return Commit(expired.stream_id, 3, (EventType.REFUND_PROCESSED,), body, cause)


def settle(reserved: Commit, charge: Charge, cause: Cause) -> Commit:
    """Version 2 of the order: its stock leaves with the payment, or is released without one."""
    body: JsonObject = {
        field: reserved.body[field] for field in ("orderId", "customerId", "items", "amountMinor", "currency")
    }
    if charge.accepted:
        body["chargeId"] = charge.charge_id
        return Commit(reserved.stream_id, 2, (EventType.PAYMENT_PROCESSED,), body, cause)
    body["reason"] = "declined"
    return Commit(reserved.stream_id, 2, (EventType.PAYMENT_FAILED,), body, cause)

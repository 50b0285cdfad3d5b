"""The payment service's use cases: charge an order that is reserved, and call off one that expired."""

from services.libs.event_store import EventStore, VersionTakenError
from services.libs.structured_logging import logger
from services.payment_service.domain import (
    NotReservedError,
    RefundNotRequestedError,
    call_off,
    charge_for,
    refunded,
    settle,
)
from services.payment_service.gateway import ChargeConflictError, PaymentGateway
from services.shared.commits import Cause, order_stream
from services.shared.rejections import RejectedError, RejectionReason


class PaymentService:
    def __init__(self, store: EventStore, gateway: PaymentGateway) -> None:
        self._store = store
        self._gateway = gateway

    def call_off(self, order_id: str, cause: Cause) -> None:
        """Write version 3 of an order that expired. A second delivery of the same request does nothing.

        A charge that is still under way is refused by the gateway from here on, or was taken before and is given back.
        """
        history = self._store.read(order_stream(order_id))
        try:
            open_still = call_off(history)
        except RefundNotRequestedError as refusal:
            raise RejectedError(RejectionReason.REFUND_NOT_REQUESTED, str(refusal)) from refusal
        if not open_still:
            logger.info("duplicate refund request ignored")
            return
        commit = refunded(history[1], self._gateway.call_off(order_id), cause)
        try:
            self._store.append(commit)
        except VersionTakenError:
            logger.info("payment was called off by another delivery")
            return
        logger.info("payment called off", extra={"refunded_minor": commit.body["refundedMinor"]})

    def pay(self, order_id: str, cause: Cause) -> None:
        """Write version 2 of the order. A second delivery of the same request does nothing.

        A crash between the charge and the commit charges nobody twice: the gateway gives the same answer again.
        """
        history = self._store.read(order_stream(order_id))
        try:
            request = charge_for(history)
        except NotReservedError as refusal:
            raise RejectedError(RejectionReason.ORDER_NOT_RESERVED, str(refusal)) from refusal
        if request is None:
            logger.info("duplicate payment request ignored")
            return
        try:
            charge = self._gateway.charge(request)
        except ChargeConflictError as conflict:
            raise RejectedError(RejectionReason.CONFLICT, "orderId: charged before with another amount") from conflict
        commit = settle(history[0], charge, cause)
        try:
            self._store.append(commit)
        except VersionTakenError:
            logger.info("payment was settled by another delivery")
            return
        logger.info("payment settled", extra={"events": commit.events})

"""The payment service's use cases: charge orders that are reserved, a batch at once, and make the refunds of one."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from services.libs.observability.structured_logging import logger
from services.libs.store.event_store import EventStore
from services.libs.store.group_writer import GroupWriter, Outcome
from services.libs.store.next_commit import History, write_next
from services.payment_service.domain import (
    NotReservedError,
    RefundNotRequestedError,
    charge_for,
    refund_refused,
    refunded,
    refunds_to_make,
    settlement,
)
from services.payment_service.gateway import (
    Charge,
    ChargeConflictError,
    ChargeRequest,
    PaymentGateway,
    RefundRequest,
)
from services.shared.causes import Cause
from services.shared.commits import Commit, order_stream
from services.shared.events.payment import RefundMode, RefundRequested
from services.shared.faults import RESERVE_SECONDS, DependencyError, OutOfTimeError, SecondsLeft, no_hurry
from services.shared.inventory import StockItem
from services.shared.order_lifecycle import DECISION, SETTLEMENT
from services.shared.rejections import RejectedError, RejectionReason

# A provider is slow, and takes many charges at once.
CHARGES_AT_ONCE = 10

Requested = tuple[str, Cause]
"""An order's id, and the cause of its payment."""
Charged = Charge | Exception
SideBySide = Callable[[Callable[[ChargeRequest], Charged], Iterable[ChargeRequest]], Iterable[Charged]]
"""Like `map`: the results are in the order of the arguments."""


class PaymentService:
    def __init__(self, store: EventStore, gateway: PaymentGateway, side_by_side: SideBySide = map) -> None:
        self._store = store
        self._writer = GroupWriter(store)
        self._gateway = gateway
        self._side_by_side = side_by_side

    def refund(self, order_id: str, cause: Cause) -> None:
        """Make every refund that the order waits for; a refund that was made or refused before is not made again.

        A charge that is still under way when its order is called off is refused by the gateway from then on, or was
        taken before and is given back. Raises RejectedError if no refund was ever requested, or a DependencyError after
        the other refunds are made.
        """
        failure: DependencyError | None = None
        for refund in self._refunds_to_make(order_id):
            try:
                self._close(refund, self._refunded_minor(refund), cause)
            except DependencyError as error:
                failure = error
        if failure:
            raise failure

    def _refunds_to_make(self, order_id: str) -> list[RefundRequested]:
        try:
            return refunds_to_make(self._store.read(order_stream(order_id)))
        except RefundNotRequestedError as refusal:
            raise RejectedError(RejectionReason.REFUND_NOT_REQUESTED, str(refusal)) from refusal

    def _refunded_minor(self, refund: RefundRequested) -> int | None:
        """Ask the gateway; return the amount that it gave back, or None if it refused for good."""
        if refund.mode is RefundMode.CALL_OFF:
            return self._gateway.call_off(refund.order_id)
        request = RefundRequest(refund.order_id, refund.refund_id, refund.amount_minor, refund.currency)
        return refund.amount_minor if self._gateway.refund(request) else None

    def _close(self, refund: RefundRequested, refunded_minor: int | None, cause: Cause) -> None:
        """Write the gateway's answer, unless another delivery has; it is the same again if it cannot be written."""

        def closed(history: History) -> Commit | None:
            if refund not in refunds_to_make(history):
                return None
            if refunded_minor is None:
                return refund_refused(history, refund, cause)
            return refunded(history, refund, refunded_minor, cause)

        stream = order_stream(refund.order_id)
        _, commit = write_next(self._store, lambda: self._store.read(stream), closed)
        if commit is None:
            logger.info("refund was closed by another delivery", extra={"refund_id": refund.refund_id})
        elif refunded_minor is None:
            logger.warning("refund refused for good", extra={"refund_id": refund.refund_id})
        else:
            logger.info("refund made", extra={"refund_id": refund.refund_id, "refunded_minor": refunded_minor})

    def pay_all(self, requested: Sequence[Requested], seconds_left: SecondsLeft = no_hurry) -> list[Exception | None]:
        """Charge and settle each order; a second delivery of a request changes nothing.

        Return one outcome per order, in the same order: None, or why it failed. A crash between a charge and its commit
        charges nobody twice: the gateway gives the same answer again.
        """
        causes: dict[str, Cause] = {}
        for order_id, cause in requested:
            causes.setdefault(order_stream(order_id), cause)
        histories = self._store.read_versions(list(causes), [DECISION, SETTLEMENT])
        failures: dict[str, Exception] = {}
        requests = dict(self._requests(causes, histories, failures))
        charges = self._charges(requests, failures, seconds_left)
        commits = {stream: settlement(histories[stream][0], charge, causes[stream]) for stream, charge in charges}

        def settled(_: Mapping[str, StockItem], done: Collection[str]) -> dict[str, Outcome]:
            return {stream: commit for stream, commit in commits.items() if stream not in done}

        # Settle every charge, even late: to charge again would take as long.
        outcomes = self._writer.write(settled)
        failures |= {stream: outcome for stream, outcome in outcomes.items() if isinstance(outcome, Exception)}
        return [failures.get(order_stream(order_id)) for order_id, _ in requested]

    def _charges(
        self, requests: Mapping[str, ChargeRequest], failures: dict[str, Exception], seconds_left: SecondsLeft
    ) -> list[tuple[str, Charge]]:
        """Charge in rounds, while there is time for another round and for settling the charges."""
        charged: list[tuple[str, Charge]] = []
        streams, left, round_seconds = list(requests), seconds_left(), 0.0
        for start in range(0, len(streams), CHARGES_AT_ONCE):
            # A round like the last one, and as much again for settling.
            if start and left < 2 * round_seconds + RESERVE_SECONDS:
                failures |= dict.fromkeys(streams[start:], OutOfTimeError())
                break
            round_ = streams[start : start + CHARGES_AT_ONCE]
            charges = self._side_by_side(self._charge, [requests[stream] for stream in round_])
            for stream, charge in zip(round_, charges, strict=True):
                if isinstance(charge, Exception):
                    failures[stream] = charge
                else:
                    charged.append((stream, charge))
            before, left = left, seconds_left()
            round_seconds = before - left
        return charged

    @staticmethod
    def _requests(
        streams: Iterable[str], histories: Mapping[str, tuple[Commit, ...]], failures: dict[str, Exception]
    ) -> Iterator[tuple[str, ChargeRequest]]:
        for stream in streams:
            try:
                request = charge_for(histories.get(stream, ()))
            except NotReservedError as refusal:
                failures[stream] = RejectedError(RejectionReason.ORDER_NOT_RESERVED, str(refusal))
                continue
            if request:
                yield stream, request

    def _charge(self, request: ChargeRequest) -> Charged:
        try:
            return self._gateway.charge(request)
        except ChargeConflictError:
            return RejectedError(RejectionReason.CONFLICT, "orderId: charged before with another amount")
        except Exception as error:  # noqa: BLE001 - the other orders of the batch were charged
            return error

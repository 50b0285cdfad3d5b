"""The order service's use cases once an order is accepted: cancel it, follow its parcels, take goods back."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from services.libs.observability.structured_logging import logger
from services.libs.store.event_store import EventStore
from services.libs.store.next_commit import History, write_command, write_next
from services.order_service import after_sale
from services.order_service.after_sale import FOLLOWED, ReceivedGoods
from services.order_service.progress import observe_progress
from services.shared.causes import Cause
from services.shared.commits import Command, Commit, order_id_of, order_stream
from services.shared.events.order import ReturnRequested
from services.shared.faults import OutOfTimeError, SecondsLeft, is_out_of_time, no_hurry
from services.shared.order_lifecycle import FIRST_RETURN
from services.shared.order_state import Order
from services.shared.refusals import Refusal, RefusedError
from services.shared.rejections import RejectedError, RejectionReason
from services.shared.shipment_lifecycle import SHIPMENT, shipment_stream


class ReturnTimes(NamedTuple):
    """For how long delivered goods may be returned, and how long announced goods may take to arrive."""

    window: timedelta
    arrival: timedelta


class Request(NamedTuple):
    """A command that may be repeated, and the version of the order that it is meant for; None for any version."""

    command: Command
    version: int | None = None


class Done(NamedTuple):
    """The order as a use case left it, and the commit that this took; None if it was so already."""

    order: Order
    commit: Commit | None


class AfterSale:
    """Each use case reads the order, decides, and writes; another writer's commit lets it read and decide again.

    The commit of a Request is found by its repetition, which gets it again, whatever happened to the order since.
    """

    def __init__(self, store: EventStore, returns: ReturnTimes) -> None:
        self._store = store
        self._returns = returns

    def cancel(self, order_id: str, customer_id: str, cause: Cause, request: Request | None = None) -> Done:
        """Cancel as the customer asks, unless that is done already. Raises RefusedError."""
        return self._carry_out(order_id, lambda order: after_sale.cancel(order, order_id, customer_id, cause), request)

    def request_return(self, announced: ReturnRequested, cause: Cause, request: Request | None = None) -> Done:
        """Open a return, unless it was opened before. Raises RefusedError."""
        window, arrival = self._returns
        return self._carry_out(
            announced.order_id,
            lambda order: after_sale.request_return(order, announced, cause, window=window, arrival=arrival),
            request,
        )

    def receive_return(self, goods: ReceivedGoods, cause: Cause, request: Request | None = None) -> Done:
        """Close a return with the goods that came back, unless that was done before. Raises RefusedError."""
        return self._carry_out(goods.order_id, lambda order: after_sale.receive_return(order, goods, cause), request)

    def retry_refund(self, order_id: str, refund_id: str, cause: Cause) -> Commit | None:
        """Ask for a failed refund again; None if that was done before. Raises RefusedError."""
        return self._write(order_id, lambda order: after_sale.retry_refund(order, order_id, refund_id, cause))

    def follow_all(
        self, told: Sequence[tuple[str, Cause]], seconds_left: SecondsLeft = no_hurry
    ) -> list[Exception | None]:
        """Follow the parcels of each order once, however many messages tell of it: the store is the truth.

        An empty id stands for no order.

        Return one outcome per message, in the same order: None, or why its order failed.
        """
        causes: dict[str, Cause] = {}
        for order_id, cause in told:
            if order_id:
                causes.setdefault(order_id, cause)
        failures = _each(causes, lambda order_id: self.follow_parcels(order_id, causes[order_id]), seconds_left)
        return [failures.get(order_id) for order_id, _ in told]

    def follow_parcels(self, order_id: str, cause: Cause) -> list[Commit]:
        """Write what follows from the order's parcels until nothing is left to write; return these commits.

        The parcels are read after the event that led here, and again after each write. So of two last events on two
        workers the later one sees both parcels.
        """
        written: list[Commit] = []
        while commit := self._write(order_id, lambda order: self._next_step(order, order_id, cause)):
            written.append(commit)
        return written

    def close_overdue_returns(
        self, stream_ids: Sequence[str], now: datetime, seconds_left: SecondsLeft = no_hurry
    ) -> dict[str, Exception]:
        """Close the returns whose goods did not arrive in time; return the failures by stream.

        Most orders that are due have no return: one read tells which have so many versions that they may have one.
        """
        streams = self._store.with_version(stream_ids, FIRST_RETURN)
        return _each(streams, lambda stream_id: self._close_overdue(order_id_of(stream_id), now), seconds_left)

    def _close_overdue(self, order_id: str, now: datetime) -> None:
        while self._write(order_id, lambda order: after_sale.close_overdue_return(order, now) if order else None):
            logger.info("return closed, as nothing arrived", extra={"order_id": order_id})

    def _next_step(self, order: Order | None, order_id: str, cause: Cause) -> Commit | None:
        if order is None:
            raise RejectedError(RejectionReason.PARCEL_UNKNOWN, f"order {order_id} does not exist")
        if order.state.phase not in FOLLOWED:
            return None
        parcels = {
            shipment_id: SHIPMENT.fold(self._store.read(shipment_stream(shipment_id))).phase
            for shipment_id in order.shipments
        }
        return after_sale.follow_parcels(order, parcels, cause)

    def _carry_out(
        self, order_id: str, decide: Callable[[Order | None], Commit | None], request: Request | None
    ) -> Done:
        history, commit = write_command(
            self._store,
            lambda: self._store.read(order_stream(order_id)),
            request.command if request else None,
            lambda history: _of(request, decide(_folded(history))),
        )
        return Done(Order.of(history), commit)

    def _write(self, order_id: str, decide: Callable[[Order | None], Commit | None]) -> Commit | None:
        history, commit = write_next(
            self._store, lambda: self._store.read(order_stream(order_id)), lambda history: decide(_folded(history))
        )
        if commit and history:
            observe_progress(Order.of(history), commit)
        return commit


def _of(request: Request | None, commit: Commit | None) -> Commit | None:
    """The commit as the request's; raise RefusedError (STALE) if the order is at another version than it is meant for.

    Whoever may not change the order, or changes nothing, is not told of its version.
    """
    if commit is None or request is None:
        return commit
    if request.version not in {None, commit.version - 1}:
        raise RefusedError(
            Refusal.STALE, f"the order is at version {commit.version - 1} by now: read it again, and send its ETag"
        )
    return replace(commit, command=request.command)


def _folded(history: History) -> Order | None:
    return Order.of(history) if history else None


def _each(ids: Iterable[str], do: Callable[[str], object], seconds_left: SecondsLeft) -> dict[str, Exception]:
    """Do it for each; return the failures. One that fails does not fail the others."""
    failures: dict[str, Exception] = {}
    for one in ids:
        if is_out_of_time(seconds_left):
            failures[one] = OutOfTimeError()
            continue
        try:
            do(one)
        except Exception as error:  # noqa: BLE001 - no fault of one order may fail the others
            failures[one] = error
    return failures

"""The fulfilment service's use cases: start an order's fulfilment, book its parcels, and follow them on their way."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from services.fulfilment_service.carrier import Carrier, CarrierError, CarrierEvent
from services.fulfilment_service.domain import (
    NotConfirmedError,
    advance,
    booked,
    booked_at,
    is_unbooked,
    start,
)
from services.libs.observability.structured_logging import logger
from services.libs.store.deadline_table import DeadlineTable
from services.libs.store.due_streams import look_at_each
from services.libs.store.event_store import ContentionError, EventStore, GroupRefusedError
from services.libs.store.inventory_table import InventoryTable
from services.libs.store.next_commit import History, write_next
from services.shared.causes import Cause
from services.shared.commits import Commit, order_stream
from services.shared.deadlines import DeadlineGroup, next_look
from services.shared.faults import SecondsLeft, no_hurry
from services.shared.order_state import Order
from services.shared.rejections import RejectedError, RejectionReason
from services.shared.shipment_lifecycle import SHIPMENT, UNDER_WAY, shipment_id_of, shipment_stream

# A customer cancels at the same time.
_ATTEMPTS = 5
_UNTIL_ASKED_FOR_A_LABEL_AGAIN = timedelta(minutes=2)


class FulfilmentService:
    """A parcel under way is looked at once per `tracking_interval`. Events are hints; the event store is the truth."""

    def __init__(
        self,
        store: EventStore,
        inventory: InventoryTable,
        deadlines: DeadlineTable,
        carrier: Carrier,
        tracking_interval: timedelta,
    ) -> None:
        self._store = store
        self._inventory = inventory
        self._deadlines = deadlines
        self._carrier = carrier
        self._tracking_interval = tracking_interval

    def start(self, order_id: str, cause: Cause) -> None:
        """Divide a confirmed order into parcels, one per warehouse, in one transaction.

        An order that is started or cancelled by then stays as it is. Raises RejectedError for one that was never
        confirmed.
        """
        for _ in range(_ATTEMPTS):
            commits = self._parcels(order_id, cause)
            if not commits:
                return
            try:
                self._store.append_group(commits)
            except GroupRefusedError:
                continue
            return
        raise ContentionError(f"others wrote to the order in each of {_ATTEMPTS} attempts")

    def book(self, shipment_id: str, cause: Cause) -> None:
        """Ask the carrier for a label, unless the parcel is past that; later again if it gives none.

        Raises RejectedError for an unknown parcel.
        """
        history = self._store.read(shipment_stream(shipment_id))
        if not history:
            raise RejectedError(RejectionReason.PARCEL_UNKNOWN, "the parcel does not exist")
        self._book(history, cause)

    def track(
        self, stream_ids: Sequence[str], now: datetime, seconds_left: SecondsLeft = no_hurry
    ) -> dict[str, Exception]:
        """Ask the carrier about each parcel under way, and commit the furthest that it tells; book one without a label.

        Each has its next deadline when this returns, with a commit or without; a carrier that does not answer has no
        news. Return the failures by stream: these have no deadline, as their message comes again.
        """
        failures = look_at_each(
            stream_ids, lambda stream_id: self._track(stream_id, now), self._deadlines, now, seconds_left
        )
        if failures:
            logger.warning("parcels could not be tracked", extra={"shipment_ids": [*map(shipment_id_of, failures)]})
        return failures

    def _parcels(self, order_id: str, cause: Cause) -> list[Commit]:
        history = self._store.read(order_stream(order_id))
        if not history:
            raise RejectedError(RejectionReason.ORDER_NOT_CONFIRMED, "the order does not exist")
        order = Order.of(history)
        stock = self._inventory.read(line.sku for line in order.validated.lines) if order.validated else {}
        try:
            return start(order, {sku: item.product.warehouse for sku, item in stock.items()}, cause)
        except NotConfirmedError as refusal:
            raise RejectedError(RejectionReason.ORDER_NOT_CONFIRMED, str(refusal)) from refusal

    def _book(self, history: History, cause: Cause) -> None:
        """The label is the same if the commit is not written, and the carrier is asked again."""
        if not is_unbooked(history):
            return
        stream_id = history[0].stream_id
        try:
            label = self._carrier.book(shipment_id_of(stream_id), cause.at)
        except CarrierError as error:
            logger.warning(
                "no label for a parcel yet", exc_info=error, extra={"shipment_id": shipment_id_of(stream_id)}
            )
            self._deadlines.write(DeadlineGroup((stream_id,), cause.at + _UNTIL_ASKED_FOR_A_LABEL_AGAIN, cause.at))
            return
        due_at = self._next_look(stream_id, cause.at)
        self._write(history, lambda history: booked(history, label, cause, due_at))

    def _track(self, stream_id: str, now: datetime) -> None:
        history = self._store.read(stream_id)
        if not history or SHIPMENT.fold(history).phase not in UNDER_WAY:
            return
        cause = Cause(history[-1].event_id(0), history[-1].cause.correlation_id, now)
        if is_unbooked(history):
            self._book(history, cause)
            return
        told = self._told(shipment_id_of(stream_id), booked_at(history), now)
        due_at = self._next_look(stream_id, now)
        if self._write(history, lambda history: advance(history, told, cause, due_at)) is None:
            self._deadlines.write(DeadlineGroup((stream_id,), due_at, now))

    def _told(self, shipment_id: str, booked_at: datetime, now: datetime) -> Sequence[CarrierEvent]:
        try:
            return self._carrier.track(shipment_id, booked_at, now)
        except CarrierError as error:
            logger.warning("no answer about a parcel", exc_info=error, extra={"shipment_id": shipment_id})
            return ()

    def _next_look(self, stream_id: str, now: datetime) -> datetime:
        return next_look(stream_id, now, self._tracking_interval)

    def _write(self, history: History, decide: Callable[[History], Commit | None]) -> Commit | None:
        stream = history[0].stream_id
        _, commit = write_next(self._store, lambda: self._store.read(stream), decide, history)
        return commit

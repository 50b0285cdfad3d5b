"""What a carrier tells of a parcel by itself."""

from datetime import timedelta

from services.fulfilment_service.carrier import CarrierEvent
from services.fulfilment_service.domain import advance, check_time
from services.libs.store.event_store import EventStore
from services.libs.store.next_commit import History, write_next
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.deadlines import next_look
from services.shared.refusals import Refusal, RefusedError
from services.shared.shipment_lifecycle import shipment_stream


class CarrierMessages:
    """A parcel that a message brings further is looked at again within `tracking_interval`, unless it is at its end."""

    def __init__(self, store: EventStore, tracking_interval: timedelta) -> None:
        self._store = store
        self._tracking_interval = tracking_interval

    def record(self, shipment_id: str, message: CarrierEvent, cause: Cause) -> Commit | None:
        """Commit what the carrier tells; None if it brings the parcel no further: it is late, or repeated.

        Raises RefusedError: NOT_FOUND for an unknown parcel, INVALID for a time more than five minutes before the
        parcel was created, or more than a day from now.
        """
        stream = shipment_stream(shipment_id)

        def read() -> History:
            return self._store.read(stream)

        history = read()
        if not history:
            raise RefusedError(Refusal.NOT_FOUND, f"there is no parcel {shipment_id}")
        check_time(history, message, cause.at)
        due_at = next_look(stream, cause.at, self._tracking_interval)
        _, commit = write_next(self._store, read, lambda history: advance(history, [message], cause, due_at), history)
        return commit

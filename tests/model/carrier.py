"""A carrier in memory, which knows its parcels and answers as it likes."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from services.fulfilment_service.carrier import Carrier, CarrierError, CarrierEvent, Label
from services.shared.events.fulfilment import ParcelStatus

_RECENT = 20
ENDS = frozenset({None, ParcelStatus.LOST, ParcelStatus.RETURNED_TO_SENDER})
NEWS: tuple[ParcelStatus | None, ...] = (
    ParcelStatus.PICKED_UP,
    ParcelStatus.IN_TRANSIT,
    ParcelStatus.OUT_FOR_DELIVERY,
    None,
    ParcelStatus.LOST,
    ParcelStatus.RETURNED_TO_SENDER,
)
"""What it may tell of a parcel; None is its delivery."""


class Answer(StrEnum):
    ALL = "all"
    NOTHING = "nothing"
    FIRST = "the first only"
    LAST = "the last only"
    TWICE_BACKWARDS = "all, twice and backwards"


_ANSWERS: Mapping[Answer, Callable[[list[CarrierEvent]], list[CarrierEvent]]] = {
    Answer.ALL: lambda events: events,
    Answer.NOTHING: lambda _: [],
    Answer.FIRST: lambda events: events[:1],
    Answer.LAST: lambda events: events[-1:],
    Answer.TWICE_BACKWARDS: lambda events: [*reversed(events), *events],
}


class ModelCarrier(Carrier):
    def __init__(self) -> None:
        self.parcels: dict[str, list[CarrierEvent]] = {}
        """What befell each parcel that has a label, in the order of its events."""
        self.recent: deque[str] = deque(maxlen=_RECENT)
        """The parcels that were given a label last."""
        self.answer = Answer.ALL
        self.hurries = False
        """Whether every parcel that is asked about arrives at once, unless it has ended otherwise."""

    def book(self, shipment_id: str, now: datetime) -> Label:  # noqa: ARG002 - the port's
        if shipment_id not in self.parcels:
            self.parcels[shipment_id] = []
            self.recent.append(shipment_id)
        return Label(f"label-{shipment_id}")

    def track(self, shipment_id: str, booked_at: datetime, now: datetime) -> Sequence[CarrierEvent]:  # noqa: ARG002 - the port's
        if self.hurries and not self.has_ended(shipment_id):
            self.move(shipment_id, None, now)
        return _ANSWERS[self.answer](self.parcels.get(shipment_id, []))

    def move(self, shipment_id: str, status: ParcelStatus | None, at: datetime) -> CarrierEvent:
        events = self.parcels.setdefault(shipment_id, [])
        events.append(CarrierEvent(f"{shipment_id}-{len(events)}", status, at))
        return events[-1]

    def has_ended(self, shipment_id: str) -> bool:
        return any(event.status in ENDS for event in self.parcels.get(shipment_id, []))


def no_answer(*_: object) -> CarrierError:
    return CarrierError("the carrier does not answer")

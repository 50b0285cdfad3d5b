"""The port to a carrier."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from services.shared.events.event import Identifier
from services.shared.events.fulfilment import ParcelStatus
from services.shared.faults import DependencyError
from services.shared.lifecycle import Phase
from services.shared.refusals import Refusal, RefusedError
from services.shared.shipment_lifecycle import DELIVERED, PHASE_OF
from services.shared.validation_errors import causes


class CarrierError(DependencyError):
    """The carrier gave no answer that can be acted on; ask again."""


class CarrierEvent(NamedTuple):
    """A message of the carrier about one parcel, at a time by its clock. `status` is None for a delivery."""

    event_id: str
    status: ParcelStatus | None
    at: datetime

    @property
    def phase(self) -> Phase:
        """The phase that the parcel is in by this message."""
        return PHASE_OF[self.status] if self.status else DELIVERED


CARRIER_STATES = {
    # A label is what the service asks the carrier for, never news of the carrier's.
    **{status.value: status for status in ParcelStatus if status is not ParcelStatus.BOOKED},
    DELIVERED.name: None,
}
"""The states that a carrier's own message may tell of, and the status of each."""


class _Message(BaseModel):
    model_config = ConfigDict(defer_build=True)

    event_id: Identifier
    at: AwareDatetime


def carrier_event(event_id: str, state: str, at: str | datetime) -> CarrierEvent:
    """Parse a carrier's own message; `at` is a time with its zone, such as 2026-01-01T12:00:00Z.

    Raises RefusedError (INVALID) for an unknown state, or an id or a time that is none.
    """
    if state not in CARRIER_STATES:
        raise RefusedError(Refusal.INVALID, f"state: {state!r} is unknown; it is one of {', '.join(CARRIER_STATES)}")
    try:
        message = _Message.model_validate({"event_id": event_id, "at": at})
    except ValidationError as error:
        problems = causes(error)
        wrong = "; ".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in problems)
        raise RefusedError(Refusal.INVALID, wrong, str(problems[0]["loc"][0])) from None
    return CarrierEvent(message.event_id, CARRIER_STATES[state], message.at)


class Label(NamedTuple):
    tracking_number: str


class Carrier(Protocol):
    def book(self, shipment_id: str, now: datetime) -> Label:
        """Ask for a label; the shipment id is the idempotency key, so another call gives the same label.

        Raises CarrierError.
        """
        ...

    def track(self, shipment_id: str, booked_at: datetime, now: datetime) -> Sequence[CarrierEvent]:
        """What the carrier tells of a parcel by now: perhaps late, twice, in any order or not at all.

        Raises CarrierError.
        """
        ...

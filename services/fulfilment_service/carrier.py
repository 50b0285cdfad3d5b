"""The port to a carrier."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from services.shared.events.fulfilment import ParcelStatus
from services.shared.faults import DependencyError
from services.shared.lifecycle import Phase
from services.shared.shipment_lifecycle import DELIVERED, PHASE_OF


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


class Label(NamedTuple):
    tracking_number: str


class Carrier(Protocol):
    def book(self, shipment_id: str) -> Label:
        """Ask for a label; the shipment id is the idempotency key, so another call gives the same label.

        Raises CarrierError.
        """
        ...

    def track(self, shipment_id: str, booked_at: datetime, now: datetime) -> Sequence[CarrierEvent]:
        """What the carrier tells of a parcel by now: perhaps late, twice, in any order or not at all.

        Raises CarrierError.
        """
        ...

"""A carrier for development: a pure function of the shipment id and of the times that it is given."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from services.fulfilment_service.carrier import CarrierError, CarrierEvent, Label
from services.shared.deadlines import minute_of
from services.shared.events.fulfilment import ParcelStatus

_WAY = timedelta(days=2)
"""From the label to the delivery, at speed 1; a parcel takes three to five quarters of it."""
# The share of its way after which a parcel is there.
_STEPS = ((ParcelStatus.PICKED_UP, 0.2), (ParcelStatus.IN_TRANSIT, 0.4))
_ARRIVAL = ((ParcelStatus.OUT_FOR_DELIVERY, 0.85), (None, 1.0))
_LOSS = ((ParcelStatus.LOST, 1.0),)
_REFUSAL = ((ParcelStatus.OUT_FOR_DELIVERY, 0.85), (ParcelStatus.RETURNED_TO_SENDER, 1.0))


class _Fault(StrEnum):
    LATE = "late"
    TWICE = "twice"
    DISORDER = "disorder"
    NO_ANSWER = "no_answer"


class SimulatedCarrier:
    """`speed` is in times of real time. `lost_share` and `returned_share` are of all parcels, `fault_rate` of answers.

    A faulty answer lacks the latest news, which comes in a later minute; tells all twice or in disorder; or is none.
    """

    def __init__(
        self, speed: float = 1, lost_share: float = 0, returned_share: float = 0, fault_rate: float = 0
    ) -> None:
        self._speed = speed
        self._lost_share = lost_share
        self._returned_share = returned_share
        self._fault_rate = fault_rate

    def book(self, shipment_id: str, now: datetime) -> Label:
        if self._fault(shipment_id, now) is _Fault.NO_ANSWER:
            raise CarrierError("the simulated carrier gave no label: ask again")
        return Label(_tracking_number(shipment_id))

    def track(self, shipment_id: str, booked_at: datetime, now: datetime) -> Sequence[CarrierEvent]:
        told = [event for event in self._way(shipment_id, booked_at) if event.at <= now]
        match self._fault(shipment_id, now):
            case _Fault.NO_ANSWER:
                raise CarrierError("the simulated carrier gave no answer: ask again")
            case _Fault.LATE:
                return told[:-1]
            case _Fault.TWICE:
                return [*told, *told]
            case _Fault.DISORDER:
                return told[::-1]
            case None:
                return told

    def _way(self, shipment_id: str, booked_at: datetime) -> list[CarrierEvent]:
        """All that ever happens to the parcel."""
        whole = _WAY * (0.75 + _share("pace", shipment_id) / 2) / self._speed
        number = _tracking_number(shipment_id)
        return [
            CarrierEvent(f"{number}-{status or 'delivered'}", status, booked_at + whole * part)
            for status, part in (*_STEPS, *self._end(shipment_id))
        ]

    def _end(self, shipment_id: str) -> tuple[tuple[ParcelStatus | None, float], ...]:
        fate = _share("fate", shipment_id)
        if fate < self._lost_share:
            return _LOSS
        return _REFUSAL if fate < self._lost_share + self._returned_share else _ARRIVAL

    def _fault(self, shipment_id: str, now: datetime) -> _Fault | None:
        """The fault of the answers about this parcel in this minute."""
        minute = f"{minute_of(now):%Y-%m-%dT%H:%M}"
        if _share("fault", shipment_id, minute) >= self._fault_rate:
            return None
        return list(_Fault)[int(_share("kind", shipment_id, minute) * len(_Fault))]


def _tracking_number(shipment_id: str) -> str:
    return f"sim{_digest('label', shipment_id)[:20]}"


def _share(*of: str) -> float:
    """A number from 0 to below 1, evenly spread and always the same."""
    return int(_digest(*of)[:8], 16) / 0x1_0000_0000


def _digest(*of: str) -> str:
    return hashlib.sha256("/".join(of).encode()).hexdigest()

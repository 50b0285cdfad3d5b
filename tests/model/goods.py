"""The goods of all orders, and the way of a parcel, in other words than those of the code under test."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from services.shared.events.event import Event
from services.shared.events.fulfilment import ParcelStatus, ShipmentCreated, ShipmentDelivered, ShipmentTracked

_STEPS = ("created", "booked", "picked_up", "in_transit", "out_for_delivery", "delivered")


@dataclass(slots=True)
class Goods:
    """Units by SKU, over all orders."""

    reserved: Counter[str] = field(default_factory=Counter)
    sold: Counter[str] = field(default_factory=Counter)
    back: Counter[str] = field(default_factory=Counter)
    """Sold once, and in stock again."""


@dataclass(slots=True)
class Parcel:
    """A parcel's way so far; `status` is one of the steps, or lost, or returned_to_sender."""

    created: ShipmentCreated
    created_at: datetime
    status: str = "created"
    was_picked_up: bool = False

    def add(self, event: Event) -> str | None:
        """Return the id of the carrier's message, of a step after the first."""
        if isinstance(event, ShipmentCreated):
            return None
        assert isinstance(event, (ShipmentTracked, ShipmentDelivered))
        to = event.status.value if isinstance(event, ShipmentTracked) else "delivered"
        name = self.created.shipment_id
        assert self.status in _STEPS[:-1], f"parcel {name} moves to {to} after its end, {self.status}"
        forward = to not in _STEPS or _STEPS.index(to) > _STEPS.index(self.status)
        assert forward, f"parcel {name} goes back from {self.status} to {to}"
        self.status = to
        self.was_picked_up |= to in _STEPS[2:]
        return None if to == ParcelStatus.BOOKED else event.carrier_event_id

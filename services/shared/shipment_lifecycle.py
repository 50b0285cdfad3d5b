"""The life of a parcel: it only moves forward, and may skip steps."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from services.shared.commits import Commit
from services.shared.events.fulfilment import ParcelStatus, ShipmentCreated, ShipmentDelivered, ShipmentTracked
from services.shared.lifecycle import Lifecycle, Phase, Transition, Wait

SHIPMENT_PREFIX = "shipment#"
_FULFILMENT_SERVICE = "fulfilment-service"

_FOR_A_LABEL = timedelta(minutes=20)
_TO_PICK_UP = timedelta(days=3)
_TO_DELIVER = timedelta(days=14)

NEW = Phase("new")
CREATED = Phase("created", Wait("the carrier has given it no label yet", _FOR_A_LABEL))
BOOKED = Phase("booked", Wait("the carrier has not picked it up yet", _TO_PICK_UP))
PICKED_UP = Phase("picked_up", Wait("it is on its way", _TO_DELIVER))
IN_TRANSIT = Phase("in_transit", Wait("it is on its way", _TO_DELIVER))
OUT_FOR_DELIVERY = Phase("out_for_delivery", Wait("it is on its way", _TO_DELIVER))
DELIVERED = Phase("delivered")
LOST = Phase("lost")
RETURNED_TO_SENDER = Phase("returned_to_sender")

UNDER_WAY = (CREATED, BOOKED, PICKED_UP, IN_TRANSIT, OUT_FOR_DELIVERY)
"""The phases in which it may still move, from the first to the last."""
WITH_THE_CARRIER = (PICKED_UP, IN_TRANSIT, OUT_FOR_DELIVERY, DELIVERED)
"""The phases of a parcel that was picked up and has not failed."""
PHASE_OF = {ParcelStatus(phase.name): phase for phase in (*UNDER_WAY[1:], LOST, RETURNED_TO_SENDER)}
"""The phase that a status of the carrier leads to."""


def is_forward(phase: Phase, to: Phase) -> bool:
    """Whether a parcel may move so: to a later step, or to an end."""
    return phase in UNDER_WAY and (to not in UNDER_WAY or UNDER_WAY.index(to) > UNDER_WAY.index(phase))


def _has(status: ParcelStatus) -> Callable[[Commit], bool]:
    return lambda commit: commit.get(ShipmentTracked).status == status


def _transitions() -> Iterator[Transition]:
    yield Transition((NEW,), (ShipmentCreated,), _FULFILMENT_SERVICE, CREATED)
    for status, to in PHASE_OF.items():
        before = tuple(phase for phase in UNDER_WAY if is_forward(phase, to))
        yield Transition(before, (ShipmentTracked,), _FULFILMENT_SERVICE, to, _has(status))
    yield Transition(UNDER_WAY, (ShipmentDelivered,), _FULFILMENT_SERVICE, DELIVERED)


SHIPMENT = Lifecycle(prefix=SHIPMENT_PREFIX, start=NEW, transitions=tuple(_transitions()))


def shipment_stream(shipment_id: str) -> str:
    return f"{SHIPMENT_PREFIX}{shipment_id}"


def shipment_id_of(stream_id: str) -> str:
    return stream_id.removeprefix(SHIPMENT_PREFIX)


def shipment_id(order_id: str, number: int) -> str:
    """The id of an order's first, second ... parcel; the carrier's idempotency key."""
    return f"{order_id}-{number}"

"""The decisions of the fulfilment service: which parcels an order makes, and how far a parcel is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.fulfilment_service.carrier import CarrierEvent, Label
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.events.fulfilment import ParcelStatus, ShipmentCreated, ShipmentDelivered, ShipmentTracked
from services.shared.events.order import (
    FulfilmentStarted,
    OrderConfirmed,
    OrderValidated,
    PlannedShipment,
    order_lines,
)
from services.shared.inventory import MAIN_WAREHOUSE, StockLine
from services.shared.order_lifecycle import CONFIRMED
from services.shared.order_state import Order
from services.shared.refusals import Refusal, RefusedError
from services.shared.shipment_lifecycle import CREATED, SHIPMENT, UNDER_WAY, is_forward, shipment_id, shipment_stream

# How far a carrier's clock may be behind, and ahead: it may take local time for UTC.
_BEHIND, _AHEAD = timedelta(minutes=5), timedelta(days=1)


class NotConfirmedError(Exception):
    """The order was never confirmed, so nothing may be shipped for it."""


def start(order: Order, warehouses: Mapping[str, str], cause: Cause) -> list[Commit]:
    """The order's commit and the first commit of each parcel, one per warehouse; none if that is decided already.

    `warehouses` are by SKU; a SKU that it lacks is in the main one. Raises NotConfirmedError.
    """
    validated = order.validated
    if validated is None or not any(commit.find(OrderConfirmed) for commit in order.history):
        raise NotConfirmedError(f"the order is {order.state.phase}, and was not confirmed")
    if order.state.phase != CONFIRMED:
        return []
    planned = _plan(validated, warehouses)
    fields = {"order_id": validated.order_id, "customer_id": validated.customer_id}
    started = Commit(order.stream_id, order.next_version, (FulfilmentStarted(**fields, shipments=planned),), cause)
    return [started, *(_created(shipment, fields, cause) for shipment in planned)]


def is_unbooked(history: Sequence[Commit]) -> bool:
    """Whether the parcel still needs a label."""
    return SHIPMENT.fold(history).phase == CREATED


def booked_at(history: Sequence[Commit]) -> datetime:
    """When the carrier was given the parcel; its creation if the carrier was faster than its label."""
    tracked = (event for commit in history if (event := commit.find(ShipmentTracked)))
    return next((event.carrier_time for event in tracked if event.status is ParcelStatus.BOOKED), history[0].cause.at)


def booked(history: Sequence[Commit], label: Label, cause: Cause, due_at: datetime) -> Commit | None:
    """The parcel's label is there; the parcel is looked at again at `due_at`. None if it is past that already."""
    if not is_unbooked(history):
        return None
    created = history[0].get(ShipmentCreated)
    tracked = ShipmentTracked(
        shipment_id=created.shipment_id,
        order_id=created.order_id,
        status=ParcelStatus.BOOKED,
        carrier_event_id=f"{label.tracking_number}-booked",
        carrier_time=cause.at,
        tracking_number=label.tracking_number,
    )
    return Commit(history[0].stream_id, history[-1].version + 1, (tracked,), cause, due_at=due_at)


def advance(
    history: Sequence[Commit], told: Iterable[CarrierEvent], cause: Cause, due_at: datetime | None
) -> Commit | None:
    """The furthest that the carrier's messages bring the parcel; None if they bring it no further.

    A parcel only moves forward: late, repeated and contradicting messages change nothing. `due_at` is when it is looked
    at again, unless it is at its end.
    """
    phase, last = SHIPMENT.fold(history).phase, None
    for message in sorted(told, key=lambda message: (message.at, message.event_id)):
        if is_forward(phase, message.phase):
            phase, last = message.phase, message
    if last is None:
        return None
    event = _tracked(history[0].get(ShipmentCreated), last)
    ends = phase not in UNDER_WAY
    cause = replace(cause, correlation_id=history[0].cause.correlation_id)
    return Commit(history[0].stream_id, history[-1].version + 1, (event,), cause, due_at=None if ends else due_at)


def check_time(history: Sequence[Commit], message: CarrierEvent, now: datetime) -> None:
    """Raise RefusedError for a time that no clock's error explains: before the parcel was created, or days to come."""
    shipment, created = history[0].get(ShipmentCreated).shipment_id, history[0].cause
    if message.at < created.at - _BEHIND:
        raise RefusedError(
            Refusal.INVALID, f"at: parcel {shipment} was created at {created.occurred_at}, after this message", "at"
        )
    if message.at > now + _AHEAD:
        text = f"at: the message about parcel {shipment} is of more than a day to come"
        raise RefusedError(Refusal.INVALID, text, "at")


def _plan(order: OrderValidated, warehouses: Mapping[str, str]) -> tuple[PlannedShipment, ...]:
    by_warehouse: dict[str, list[StockLine]] = {}
    for line in order.lines:
        by_warehouse.setdefault(warehouses.get(line.sku, MAIN_WAREHOUSE), []).append(line)
    return tuple(
        PlannedShipment(shipment_id=shipment_id(order.order_id, number), warehouse=name, lines=order_lines(lines))
        for number, (name, lines) in enumerate(sorted(by_warehouse.items()), start=1)
    )


def _created(shipment: PlannedShipment, fields: Mapping[str, str], cause: Cause) -> Commit:
    created = ShipmentCreated(
        shipment_id=shipment.shipment_id, warehouse=shipment.warehouse, lines=shipment.lines, **fields
    )
    return Commit(shipment_stream(shipment.shipment_id), 1, (created,), cause)


def _tracked(created: ShipmentCreated, message: CarrierEvent) -> ShipmentTracked | ShipmentDelivered:
    fields = {
        "shipment_id": created.shipment_id,
        "order_id": created.order_id,
        "carrier_event_id": message.event_id,
        "carrier_time": message.at,
    }
    if message.status is None:
        return ShipmentDelivered.model_validate(fields)
    return ShipmentTracked.model_validate({**fields, "status": message.status})

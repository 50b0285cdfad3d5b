"""The events of a parcel, on its way from the warehouse to the customer."""

from enum import StrEnum
from typing import ClassVar

from pydantic import AwareDatetime

from services.shared.events.event import Bus, Event, EventPart, Identifier, ShipmentId
from services.shared.events.order import OrderLine


class ShipmentReference(EventPart):
    """All that a service reads of an event about a parcel: the event store has the rest."""

    shipment_id: ShipmentId


class ParcelStatus(StrEnum):
    """How far a parcel is that has not been delivered, by the carrier."""

    BOOKED = "booked"
    PICKED_UP = "picked_up"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    LOST = "lost"
    RETURNED_TO_SENDER = "returned_to_sender"


class ShipmentCreated(Event):
    """A parcel of the order is to be packed in this warehouse; the carrier is asked for a label next."""

    BUS: ClassVar[Bus] = Bus.FULFILMENT

    shipment_id: ShipmentId
    order_id: Identifier
    customer_id: Identifier
    warehouse: Identifier
    lines: tuple[OrderLine, ...]


class ShipmentTracked(Event):
    """The parcel came further, at `carrier_time` by the carrier's clock; it may have skipped steps."""

    BUS: ClassVar[Bus] = Bus.FULFILMENT

    shipment_id: ShipmentId
    order_id: Identifier
    status: ParcelStatus
    carrier_event_id: Identifier
    carrier_time: AwareDatetime
    tracking_number: Identifier | None = None
    """Of a parcel that was booked."""


class ShipmentDelivered(Event):
    """The parcel was handed over, at `carrier_time` by the carrier's clock."""

    BUS: ClassVar[Bus] = Bus.FULFILMENT

    shipment_id: ShipmentId
    order_id: Identifier
    carrier_event_id: Identifier
    carrier_time: AwareDatetime

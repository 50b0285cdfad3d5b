"""An event that no service knows, in the forms that changes of its class would give it."""

from collections.abc import Mapping
from types import MappingProxyType, new_class

from services.shared.events import event
from services.shared.events.event import Bus, Event, Upcaster

NONE: Mapping[int, Upcaster] = MappingProxyType({})


def parcel_sent(
    *,
    version: int = 1,
    upcasters: Mapping[int, Upcaster] = NONE,
    bus: Bus = Bus.ORDER,
    outside: bool = False,
    **fields: object,
) -> type[Event]:
    """Make the class anew, of these fields and `parcel_id`."""
    event._TYPES.pop("ParcelSent", None)  # noqa: SLF001 - no other code takes an event away
    namespace = {
        "__module__": __name__,
        "__doc__": "A parcel is on its way.",
        "__annotations__": {"parcel_id": str, **fields},
        "BUS": bus,
        "FROM_OUTSIDE": outside,
        "SCHEMA_VERSION": version,
        "UPCASTERS": upcasters,
    }
    return new_class("ParcelSent", (Event,), exec_body=lambda body: body.update(namespace))

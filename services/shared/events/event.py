"""What every event is: its type, bus and schema version, and its fields under the names that are published.

An event's class states its fields once: in snake case for Python, in camel case for the wire and the store. A field
that is annotated as `Stored` is kept with the commit and never published.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Self, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, StrictInt, StringConstraints
from pydantic.alias_generators import to_camel

from services.shared.inventory import StockChange
from services.shared.json_types import JsonObject

Fields: TypeAlias = Mapping[str, object]
"""The fields of an event, under their published names."""
Upcaster: TypeAlias = Callable[[Fields], Fields]
"""Turns the fields of one schema version into the fields of the next."""


class Bus(StrEnum):
    ORDER = "order"
    PAYMENT = "payment"
    FULFILMENT = "fulfilment"
    SHOP = "shop"

    @property
    def source(self) -> str:
        """The EventBridge `source`: it belongs to the bus, whichever service wrote the event."""
        return f"{self.value}.service"


class UnknownEventError(ValueError):
    """No event of this type or schema version is known here: its writer may be newer than its reader."""


class EventDeclarationError(TypeError):
    """An event's class is wrong, such as one without an upcaster: it is raised as its module is imported."""


_STORED = object()
_T = TypeVar("_T")
Stored = Annotated[_T, _STORED]
"""A field that is kept in the commit and never published."""

Count = StrictInt
"""Units or minor units: a float, a boolean or a numeric text is refused."""
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", max_length=128)]
ShipmentId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", max_length=160)]
"""An order's id and the number of its parcel."""
RefundId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", max_length=300)]
"""An order's id and the subject of the refund, which may be a return's id."""
Sku = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", max_length=64)]
Sealed = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+=*$")]
"""Ciphertext, in base64: only its customer's key opens it."""
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]

# A model is built on its first use: a function does not use every event that it imports.
_CONFIG = ConfigDict(
    frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, defer_build=True
)


class EventPart(BaseModel):
    """An object inside of an event."""

    model_config = _CONFIG


class Event(BaseModel):
    """Something that happened. The class's name is the event's type, EventBridge's `detail-type`."""

    model_config = _CONFIG

    BUS: ClassVar[Bus]
    NO_CONSUMER: ClassVar[str] = ""
    """Why no service of PulseQueue receives it; empty if one does."""
    FROM_OUTSIDE: ClassVar[bool] = False
    """Whether producers that are no part of PulseQueue may send it."""
    SCHEMA_VERSION: ClassVar[int] = 1
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = MappingProxyType({})
    """By the schema version that each reads: one for each version before the present one."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:  # noqa: ANN401 - pydantic's signature
        if sorted(cls.UPCASTERS) != list(range(1, cls.SCHEMA_VERSION)):
            raise EventDeclarationError(
                f"{cls.__name__} is at schema version {cls.SCHEMA_VERSION} and upcasts {[*cls.UPCASTERS]}: "
                "give it one upcaster per earlier version, in UPCASTERS"
            )
        if cls.__name__ in _TYPES:
            raise EventDeclarationError(f"two events are called {cls.__name__}")
        _TYPES[cls.__name__] = cls

    @classmethod
    def type_name(cls) -> str:
        return cls.__name__

    @classmethod
    def of(cls, fields: Fields, schema_version: int = 1) -> Self:
        """Read an event of any schema version so far; unknown fields are ignored.

        Raises UnknownEventError for another version, and pydantic's ValidationError (a ValueError) for other content.
        """
        if not 1 <= schema_version <= cls.SCHEMA_VERSION:
            raise UnknownEventError(f"{cls.__name__} has no schema version {schema_version}")
        for version in range(schema_version, cls.SCHEMA_VERSION):
            fields = cls.UPCASTERS[version](fields)
        return cls.model_validate(fields)

    @classmethod
    def stored_fields(cls) -> frozenset[str]:
        return frozenset(name for name, field in cls.model_fields.items() if _STORED in field.metadata)

    def published(self) -> JsonObject:
        """The fields that are published, under their names on the wire."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=set(self.stored_fields()))

    def stored(self) -> JsonObject:
        """All fields, under their names on the wire."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def adjustment(self) -> StockChange:
        """The stock that the event sets; raise TypeError if it sets none."""
        raise TypeError(f"{self.type_name()} adjusts no stock")


_TYPES: dict[str, type[Event]] = {}


def type_names(events: Iterable[type[Event]]) -> tuple[str, ...]:
    return tuple(event.type_name() for event in events)


def known_events() -> tuple[type[Event], ...]:
    """The events whose modules are imported."""
    return tuple(_TYPES.values())


def event_type(name: str) -> type[Event]:
    """Find an event of the imported modules by its type; raise UnknownEventError."""
    try:
        return _TYPES[name]
    except KeyError:
        raise UnknownEventError(f"{name} is no event that is known here") from None

"""Which changes of an event break whom."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from scripts.check.event_documents.breaks import Contract, find_breaks
from scripts.check.event_documents.folder import contract_of
from scripts.check.event_documents.traffic import OUTSIDE, Traffic
from services.shared.events.event import Bus, EventPart
from tests.unit.events.parcels import parcel_sent

READERS = "order-service, and every consumer outside that listens to the order bus"
PRODUCERS = "every producer outside that sends it to the order bus"
WAREHOUSE = ("warehouse-service",)


class Box(EventPart):
    size: int


class LabelledBox(EventPart):
    size: int
    label: str


class MaybeLabelledBox(EventPart):
    size: int
    label: str | None = None


def _stated(
    fields: Mapping[str, object],
    *,
    senders: tuple[str, ...] = WAREHOUSE,
    receivers: tuple[str, ...] = ("order-service",),
    bus: Bus = Bus.ORDER,
    version: int = 1,
) -> Contract:
    upcasters = dict.fromkeys(range(1, version), dict[str, object])
    event = parcel_sent(version=version, upcasters=upcasters, bus=bus, outside=OUTSIDE in senders, **fields)
    return contract_of({event: Traffic(bus.value, senders, receivers)})


def _breaks(before: Contract, now: Contract) -> list[str]:
    return [str(one) for one in find_breaks(before, now)]


Text, Short, Shorter = str, Annotated[str, Field(max_length=20)], Annotated[str, Field(max_length=10)]
Many, One = Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)]
Patterned, Otherwise = Annotated[str, Field(pattern="^a$")], Annotated[str, Field(pattern="^[ab]$")]
Optional = Annotated[int | None, Field(None)]
Few, More = Literal["a", "b"], Literal["a", "b", "c"]

# What the field was, what it is, and what that means to readers and to producers: None where it breaks none of them.
CHANGES: list[tuple[Any, Any, str | None, str | None]] = [
    (int, None, "x is removed", None),
    (Optional, None, "x is removed", None),
    (None, int, None, "x is new, and required"),
    (None, Optional, None, None),
    (int, str, "x was integer, is string", "x was integer, is string"),
    (int, float, "x was integer, is number", None),
    (float, int, None, "x was number, is integer"),
    (int, int | str, "x was integer, is integer or string", None),
    (int | str, int, None, "x was integer or string, is integer"),
    (int, Optional, "x may be missing", None),
    (Optional, int, None, "x is required now\n  x was integer or null, is integer"),
    (Few, More, "x may be c, which is new", None),
    (More, Few, None, "x may no longer be c"),
    (Few, Text, "x was one of a, b, is anything", None),
    (Text, Few, None, "x was anything, is one of a, b"),
    (Literal["a"], Few, "x may be b, which is new", None),
    (Shorter, Short, "x: maxLength was 10, is 20", None),
    (Short, Shorter, None, "x: maxLength was 20, is 10"),
    (Short, Text, "x: maxLength was 20, is not limited", None),
    (Text, Short, None, "x: maxLength was not limited, is 20"),
    (One, Many, "x: minimum was 1, is 0", None),
    (Many, One, None, "x: minimum was 0, is 1"),
    (Patterned, Text, "x: pattern was ^a$, is not limited", None),
    (Text, Patterned, None, "x: pattern was not limited, is ^a$"),
    (Patterned, Otherwise, "x: pattern was ^a$, is ^[ab]$", "x: pattern was ^a$, is ^[ab]$"),
    (tuple[LabelledBox, ...], tuple[Box, ...], "x[].label is removed", None),
    (tuple[Box, ...], tuple[LabelledBox, ...], None, "x[].label is new, and required"),
    (LabelledBox, MaybeLabelledBox, "x.label may be missing", None),
    (MaybeLabelledBox, LabelledBox, None, "x.label is required now\n  x.label was null or string, is string"),
    (Box, MaybeLabelledBox, None, None),
    (dict[str, int], dict[str, int | str], "x{} was integer, is integer or string", None),
    (LabelledBox | int, Box | int, "x.label is removed", None),
    (LabelledBox | Box, Box, None, None),
]


def _fields(kind: Any) -> dict[str, object]:  # noqa: ANN401 - what an annotation can be
    return {} if kind is None else {"x": kind}


@pytest.mark.parametrize(("was", "now", "to_readers", "to_producers"), CHANGES)
def test_a_change_of_a_published_event_breaks_readers(
    was: object, now: object, to_readers: str | None, to_producers: str | None
) -> None:
    del to_producers

    breaks = _breaks(_stated(_fields(was)), _stated(_fields(now)))

    assert breaks == ([f"ParcelSent breaks {READERS}:\n  {to_readers}"] if to_readers else [])


@pytest.mark.parametrize(("was", "now", "to_readers", "to_producers"), CHANGES)
def test_a_change_of_an_accepted_event_breaks_producers(
    was: object, now: object, to_readers: str | None, to_producers: str | None
) -> None:
    del to_readers

    breaks = _breaks(_stated(_fields(was), senders=(OUTSIDE,)), _stated(_fields(now), senders=(OUTSIDE,)))

    assert breaks == ([f"ParcelSent breaks {PRODUCERS}:\n  {to_producers}"] if to_producers else [])


def test_another_default_means_another_thing_to_producers() -> None:
    once, twice = (_stated({"x": Annotated[int, Field(default)]}, senders=(OUTSIDE,)) for default in (1, 2))

    assert _breaks(once, twice) == [f"ParcelSent breaks {PRODUCERS}:\n  x: default was 1, is 2"]


def test_an_event_that_is_accepted_and_published_may_change_for_neither() -> None:
    senders = (*WAREHOUSE, OUTSIDE)
    before, now = _stated({"x": Short}, senders=senders), _stated({"x": Text, "y": int}, senders=senders)

    assert _breaks(before, now) == [
        f"ParcelSent breaks {READERS}:\n  x: maxLength was 20, is not limited",
        f"ParcelSent breaks {PRODUCERS}:\n  y is new, and required",
    ]


def test_all_changes_of_an_event_are_named() -> None:
    assert _breaks(_stated({"x": int, "y": int}), _stated({"y": str})) == [
        f"ParcelSent breaks {READERS}:\n  x is removed\n  y was integer, is string"
    ]


def test_an_event_that_nobody_inside_receives_breaks_consumers_outside() -> None:
    assert _breaks(_stated({"x": int}, receivers=()), _stated({}, receivers=())) == [
        "ParcelSent breaks every consumer outside that listens to the order bus:\n  x is removed"
    ]


def test_an_event_that_moves_to_another_bus_breaks_both_sides() -> None:
    senders = (*WAREHOUSE, OUTSIDE)

    assert _breaks(_stated({}, senders=senders), _stated({}, senders=senders, bus=Bus.PAYMENT)) == [
        f"ParcelSent breaks {READERS}:\n  it was on the order bus, and is on the payment bus",
        f"ParcelSent breaks {PRODUCERS}:\n  it is expected on the payment bus, no longer on the order bus",
    ]


def test_an_event_that_is_removed_breaks_those_who_received_it() -> None:
    assert _breaks(_stated({}), Contract()) == [f"ParcelSent breaks {READERS}:\n  the event is removed"]


def test_an_accepted_event_that_is_removed_breaks_producers_too() -> None:
    assert _breaks(_stated({}, senders=(OUTSIDE,)), Contract()) == [
        f"ParcelSent breaks {READERS}:\n  the event is removed",
        f"ParcelSent breaks {PRODUCERS}:\n  the event is removed",
    ]


def test_an_event_that_is_sent_no_more_breaks_readers() -> None:
    assert _breaks(_stated({}), _stated({}, senders=())) == [
        f"ParcelSent breaks {READERS}:\n  no service sends it any more"
    ]


def test_an_event_that_is_accepted_no_more_breaks_producers() -> None:
    now = _stated({}, senders=WAREHOUSE)

    breaks = _breaks(_stated({}, senders=(*WAREHOUSE, OUTSIDE)), now)

    assert f"ParcelSent breaks {PRODUCERS}:\n  it is no longer accepted from outside" in breaks


def test_an_older_schema_version_breaks_readers() -> None:
    assert _breaks(_stated({}, version=2), _stated({})) == [
        f"ParcelSent breaks {READERS}:\n  schema version 2 is gone: 1 is the newest"
    ]


def test_a_new_schema_version_breaks_nobody() -> None:
    assert _breaks(_stated({"x": int}), _stated({"x": str}, version=2)) == []


def test_a_new_event_breaks_nobody() -> None:
    assert _breaks(Contract(), _stated({})) == []

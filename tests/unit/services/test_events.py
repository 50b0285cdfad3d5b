"""What is published, against the table in docs/events.md, and how an event of any version is read."""

import pkgutil
import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import ClassVar

import pytest
from pydantic import ValidationError

from scripts.cli.paths import REPO_ROOT
from services.libs.messaging.event_publisher import event_detail
from services.shared import events
from services.shared.commits import Commit
from services.shared.events import event as events_of_any_kind
from services.shared.events import every
from services.shared.events.event import Bus, Count, Event, Fields, Stored, UnknownEventError, event_type
from tests.factories import decide, inventory, placed_order, stock_item
from tests.unit.services.every_commit import COMMITS

_PAGE = (REPO_ROOT / "docs" / "events.md").read_text("utf-8")
_ROW = re.compile(
    r"^\| (?:`\S+-bus`)? ?\| (?:`(.+)`)? ?\| `(\w+)`(?: \((?:in, out|(\d+))\))? \| (.+) \|$", re.MULTILINE
)


def _documented() -> Iterator[tuple[str, tuple[str, int, set[str]]]]:
    """Each event of the table, with source, schema version and fields: a bus's first row alone names the source."""
    source = ""
    for named, event, version, content in _ROW.findall(_PAGE):
        source = named or source
        # What follows a colon are the values of the last field.
        yield event, (source, int(version or 1), set(re.findall(r"`(\w+)[`\[]", content.partition(":")[0])))


PUBLISHED = dict(_documented())


def _events() -> Iterator[type[Event]]:
    for module in every.MODULES:
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Event) and kind.__module__ == module.__name__:
                yield kind


def _wire_name(kind: type[Event], field: str) -> str:
    return kind.model_fields[field].alias or field


def test_the_modules_of_all_events_are_listed() -> None:
    found = {f"{events.__name__}.{module.name}" for module in pkgutil.iter_modules(events.__path__)}

    assert {module.__name__ for module in every.MODULES} == found - {
        f"{events.__name__}.{name}" for name in ("event", "every")
    }


def test_the_declared_events_are_the_documented_table() -> None:
    declared = {
        kind.type_name(): (
            kind.BUS.source,
            kind.SCHEMA_VERSION,
            {_wire_name(kind, field) for field in kind.model_fields if field not in kind.stored_fields()},
        )
        for kind in _events()
    }

    # Only our own tests force a payment's result.
    declared["OrderPlaced"][2].remove("_postDeployTestForceResult")
    assert declared == PUBLISHED


@pytest.mark.parametrize("commit", COMMITS.values(), ids=COMMITS.keys())
def test_an_event_is_published_with_its_own_fields_and_no_others(commit: Commit) -> None:
    for index, event in enumerate(commit.events):
        *_, fields = PUBLISHED[event.type_name()]
        unset = {_wire_name(type(event), name) for name in type(event).model_fields if getattr(event, name) is None}
        detail = event_detail(commit, index)

        assert set(detail) == {*fields - unset, "metadata"}
        assert {field: detail[field] for field in fields - unset} == {
            field: event.stored()[field] for field in fields - unset
        }


def test_every_event_that_we_publish_is_one_of_a_commit() -> None:
    made = {type(event) for commit in COMMITS.values() for event in commit.events}

    assert made == set(_events())


def test_the_metadata_names_the_event_its_cause_and_its_time() -> None:
    accepted = decide(placed_order(), inventory(stock_item()))

    assert [event_detail(accepted, index)["metadata"] for index in (0, 1)] == [
        {
            "eventId": f"order#order-1/1/{index}",
            "correlationId": "correlation-1",
            "causationId": "event-1",
            "occurredAt": "2026-01-01T12:00:00.123Z",
            "schemaVersion": 1,
        }
        for index in (0, 1)
    ]


with pytest.MonkeyPatch.context() as _patched:
    # What is made up here is known to nobody else.
    _patched.setattr(events_of_any_kind, "_TYPES", {})

    class OrderTold(Event):
        """At its third version: `who` was `name`, and `loudness` came last."""

        BUS: ClassVar[Bus] = Bus.ORDER
        SCHEMA_VERSION: ClassVar[int] = 3
        UPCASTERS = MappingProxyType(
            {
                1: lambda fields: {"who": fields["name"]},
                2: lambda fields: {**fields, "loudness": 1},
            }
        )

        who: str
        loudness: Count
        secret: Stored[str | None] = None


@pytest.fixture
def order_told(monkeypatch: pytest.MonkeyPatch) -> type[OrderTold]:
    monkeypatch.setitem(events_of_any_kind._TYPES, "OrderTold", OrderTold)  # noqa: SLF001
    return OrderTold


@pytest.mark.parametrize(
    ("fields", "version"),
    [({"name": "ann"}, 1), ({"who": "ann"}, 2), ({"who": "ann", "loudness": 1, "mood": "glad"}, 3)],
)
def test_an_event_of_any_version_is_read_as_one_of_the_present(fields: Fields, version: int) -> None:
    assert OrderTold.of(fields, version) == OrderTold(who="ann", loudness=1)


@pytest.mark.parametrize("version", [0, 4])
def test_an_event_of_a_version_that_there_is_not_is_unknown(version: int) -> None:
    with pytest.raises(UnknownEventError, match=f"OrderTold has no schema version {version}"):
        OrderTold.of({"who": "ann", "loudness": 1}, version)


@pytest.mark.parametrize("loudness", [1.0, "1", True, None])
def test_a_count_is_an_integer_and_nothing_like_one(loudness: object) -> None:
    with pytest.raises(ValidationError, match="loudness"):
        OrderTold.of({"who": "ann", "loudness": loudness}, 3)


def test_a_stored_field_is_kept_and_not_published() -> None:
    told = OrderTold(who="ann", loudness=1, secret="hush")  # noqa: S106

    assert told.published() == {"who": "ann", "loudness": 1}
    assert told.stored() == {"who": "ann", "loudness": 1, "secret": "hush"}


def test_an_event_is_never_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        OrderTold(who="ann", loudness=1).who = "bob"


def test_an_event_is_found_by_its_type(order_told: type[OrderTold]) -> None:
    assert event_type("OrderTold") is order_told
    with pytest.raises(UnknownEventError, match="OrderSung"):
        event_type("OrderSung")


@pytest.mark.usefixtures("order_told")
def test_no_two_events_have_one_name() -> None:
    with pytest.raises(TypeError, match="two events are called OrderTold"):
        type("OrderTold", (Event,), {"__module__": __name__})


def test_an_event_has_an_upcaster_for_each_version_before_its_own() -> None:
    with pytest.raises(TypeError, match=r"OrderSung is at schema version 3 and upcasts \[1\]"):
        type(
            "OrderSung",
            (Event,),
            {
                "__module__": __name__,
                "__annotations__": {"SCHEMA_VERSION": ClassVar[int], "UPCASTERS": ClassVar[object]},
                "SCHEMA_VERSION": 3,
                "UPCASTERS": {1: dict},
            },
        )

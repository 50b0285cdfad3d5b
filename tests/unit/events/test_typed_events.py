"""Versions and upcasters of an event, and what is stored of it and never published."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, ClassVar

import pytest
from pydantic import Field

from scripts.check.event_documents.schemas import event_schema
from scripts.check.event_documents.traffic import OUTSIDE, TOOLS, declared_events, declared_traffic, declared_writers
from scripts.cli.paths import REPO_ROOT
from scripts.lambdas_config import LAMBDAS
from services.shared.events import every
from services.shared.events.event import Bus, Event, EventPart, Fields, Stored, UnknownEventError, event_type
from tests.unit.events.parcels import parcel_sent


def _with_carrier(fields: Fields) -> Fields:
    return {**fields, "carrier": "unknown"}


def _with_weight(fields: Fields) -> Fields:
    return {**fields, "weightGrams": int(str(fields["weight"])) * 1000}


def _at_version_3() -> type[Event]:
    return parcel_sent(version=3, upcasters={1: _with_carrier, 2: _with_weight}, carrier=str, weight_grams=int)


@pytest.mark.parametrize(
    ("version", "upcasts"), [(3, []), (3, [1]), (3, [2]), (3, [1, 3]), (3, [1, 2, 3]), (1, [1]), (2, [])]
)
def test_an_event_whose_upcasters_are_not_those_of_its_versions_is_refused(version: int, upcasts: list[int]) -> None:
    with pytest.raises(TypeError, match=f"ParcelSent is at schema version {version} and upcasts"):
        parcel_sent(version=version, upcasters=dict.fromkeys(upcasts, _with_carrier))


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        (1, {"parcelId": "1", "weight": "2"}),
        (2, {"parcelId": "1", "weight": "2", "carrier": "unknown"}),
        (3, {"parcelId": "1", "weightGrams": 2000, "carrier": "unknown"}),
    ],
)
def test_each_version_is_read_through_the_upcasters_that_follow_it(version: int, fields: Fields) -> None:
    read = _at_version_3().of(fields, version)

    assert read.published() == {"parcelId": "1", "weightGrams": 2000, "carrier": "unknown"}


@pytest.mark.parametrize("version", [0, 4])
def test_a_version_that_there_never_was_is_unknown(version: int) -> None:
    with pytest.raises(UnknownEventError, match=f"ParcelSent has no schema version {version}"):
        _at_version_3().of({"weightGrams": 1, "carrier": "x"}, version)


def test_no_two_events_have_one_name() -> None:
    parcel_sent()

    with pytest.raises(TypeError, match="two events are called ParcelSent"):

        class ParcelSent(Event):
            BUS: ClassVar[Bus] = Bus.ORDER


def test_an_event_is_found_by_its_name() -> None:
    found = parcel_sent()

    assert event_type("ParcelSent") is found
    with pytest.raises(UnknownEventError, match="ParcelLost"):
        event_type("ParcelLost")


def test_each_module_of_events_is_one_that_the_relay_and_the_tools_know() -> None:
    folder = Path(REPO_ROOT, "services/shared/events")
    names = {file.stem for file in folder.glob("*.py")} - {"__init__", "event", "every"}

    assert {import_module(f"services.shared.events.{name}") for name in names} == set(every.MODULES)


def test_each_event_has_a_sender_that_is_declared() -> None:
    assert [event.type_name() for event, traffic in declared_traffic().items() if not traffic.senders] == []


def test_each_event_has_a_consumer_or_a_note_that_none_is_meant() -> None:
    unsettled = [
        event.type_name()
        for event, traffic in declared_traffic().items()
        if bool(traffic.receivers) == bool(event.NO_CONSUMER)
    ]

    assert unsettled == []


def test_each_writer_is_a_service_or_the_tools() -> None:
    assert declared_writers() - {TOOLS} <= {config.service for config in LAMBDAS}


def test_senders_and_receivers_are_those_of_lifecycles_and_handlers() -> None:
    found = {event.type_name(): (traffic.senders, traffic.receivers) for event, traffic in declared_traffic().items()}

    assert found["OrderPlaced"] == (("cart-service", OUTSIDE), ("order-service",))
    assert found["PaymentRequested"] == (("order-service",), ("payment-service",))
    assert found["PaymentProcessed"] == (("payment-service",), ("order-service",))
    assert found["ProductInventoryUpdated"] == (("catalog-service", TOOLS), ())


@pytest.mark.parametrize("event", declared_events(), ids=lambda event: event.type_name())
def test_what_is_stored_is_in_no_schema(event: type[Event]) -> None:
    stored = {event.model_fields[field].alias for field in event.stored_fields()}

    assert not stored & event_schema(event)["properties"].keys()


def test_a_stored_field_and_what_it_consists_of_are_left_out() -> None:
    class Address(EventPart):
        street: str

    class Secret(Event):
        """Its `weight_grams` are told, its sender is not."""

        BUS: ClassVar[Bus] = Bus.ORDER
        weight_grams: int
        sender: Stored[tuple[Address, ...]]
        note: str | None = None
        mode: str = "slow"
        grade: Annotated[int | str | None, Field(description="How good.")] = None

    schema = event_schema(Secret)

    assert schema["description"] == "Its `weightGrams` are told, its sender is not."
    assert "$defs" not in schema
    assert schema["required"] == ["weightGrams", "mode", "metadata"]
    assert {name: field for name, field in schema["properties"].items() if name != "metadata"} == {
        "weightGrams": {"type": "integer"},
        "note": {"type": "string"},
        "mode": {"type": "string"},
        "grade": {"description": "How good.", "anyOf": [{"type": "integer"}, {"type": "string"}]},
    }

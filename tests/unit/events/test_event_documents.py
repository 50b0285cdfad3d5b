"""The documents of the events: valid by the official schemas, true to what is published, and written upon a change."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

from scripts.check.event_documents.asyncapi import document, schema_file, traffic_in
from scripts.check.event_documents.schemas import event_schema, resolved
from scripts.check.event_documents.traffic import Traffic, declared_events, declared_traffic
from scripts.check.event_documents.update import check_documents, update_documents, write_documents
from scripts.cli.errors import UserError
from scripts.cli.paths import EVENT_DOCUMENTS, REPO_ROOT
from services.libs.messaging.event_publisher import event_detail
from services.libs.messaging.incoming_events import parse_message
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.events.event import Event, Fields
from services.shared.events.order import OrderPlaced
from services.shared.events.payment import RefundProcessed
from services.shared.rejections import RejectedError
from tests.unit.events.parcels import parcel_sent

PAGE = REPO_ROOT / "docs" / "events.md"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
OFFICIAL: dict[str, Any] = json.loads((Path(__file__).parent / "asyncapi" / "3.0.0.json").read_text("utf-8"))
_GOLDEN = Path(__file__).parents[2] / "golden"
GOLDEN = sorted((_GOLDEN / "commits").glob("*.json"))
EVENTS = pytest.mark.parametrize("event", declared_events(), ids=lambda event: event.type_name())
SENT = Traffic("order", ("warehouse-service",), ("order-service",))
ORDER = {"orderId": "order-1", "customerId": "customer-1", "items": [{"sku": "prod-001", "quantity": 2}]}


def _validator(event: str, version: int = 1) -> Draft202012Validator:
    return Draft202012Validator(json.loads((EVENT_DOCUMENTS / schema_file(event, version)).read_text("utf-8")))


def _published(golden: Path) -> list[dict[str, Any]]:
    """How the relay publishes the golden commit now: where that has changed, a file of its own says it."""
    today = _GOLDEN / "published_today" / golden.name
    events: list[dict[str, Any]] = (
        json.loads(today.read_text("utf-8")) if today.exists() else json.loads(golden.read_text("utf-8"))["published"]
    )
    return events


def _document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((EVENT_DOCUMENTS / "asyncapi.yaml").read_text("utf-8"))
    return loaded


def test_the_committed_documents_are_what_the_code_says() -> None:
    update_documents(check=True)


def test_the_asyncapi_document_is_valid_by_the_official_schema() -> None:
    Draft7Validator(OFFICIAL).validate(_document())


def test_the_official_schema_finds_what_is_wrong() -> None:
    wrong = _document()
    wrong["operations"]["outside.sends.order-bus"]["action"] = "sends"

    assert not Draft7Validator(OFFICIAL).is_valid(wrong)


def test_the_asyncapi_document_is_valid_with_the_schemas_of_all_events_in_it() -> None:
    whole = _document()
    for message in whole["components"]["messages"].values():
        content = message["payload"]["allOf"][1]["properties"]
        content["detail"] = resolved(json.loads((EVENT_DOCUMENTS / content["detail"]["$ref"]).read_text("utf-8")))

    Draft7Validator(OFFICIAL).validate(whole)


def _references(node: object) -> Iterator[str]:
    if isinstance(node, Mapping):
        yield from [node["$ref"]] if "$ref" in node else []
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def test_each_reference_of_the_document_leads_somewhere() -> None:
    whole = _document()

    for reference in _references(whole):
        file, _, place = reference.partition("#/")
        target: Any = whole
        for step in place.split("/") if place else []:
            target = target[step]
        assert not file or (EVENT_DOCUMENTS / file).is_file()


def test_the_document_says_who_sends_and_receives() -> None:
    whole = _document()
    said = {name: message["description"] for name, message in whole["components"]["messages"].items()}

    assert said["OrderPlaced"] == "Sent by cart-service and producers outside. Received by order-service."
    assert said["RefundProcessed"] == (
        "Sent by payment-service. Received by no service of PulseQueue: it closes the refund, and nothing follows."
    )
    assert whole["operations"]["payment-service.receives.payment-bus"]["messages"] == [
        {"$ref": "#/channels/payment-bus/messages/PaymentRequested"},
        {"$ref": "#/channels/payment-bus/messages/RefundRequested"},
    ]


def test_the_traffic_is_read_back_as_it_was_written() -> None:
    traffic = declared_traffic()

    assert traffic_in(document(traffic)) == {event.type_name(): each for event, each in traffic.items()}


@EVENTS
def test_each_event_has_a_valid_schema_in_the_folder(event: type[Event]) -> None:
    schema = json.loads((EVENT_DOCUMENTS / schema_file(event.type_name(), event.SCHEMA_VERSION)).read_text("utf-8"))

    Draft202012Validator.check_schema(schema)
    assert schema == event_schema(event)
    assert schema["description"]


@EVENTS
def test_the_page_lists_each_event_with_its_fields(event: type[Event]) -> None:
    (row,) = [line for line in PAGE.read_text("utf-8").splitlines() if f"| `{event.type_name()}`" in line]
    # A field of an event's test is described below the table.
    fields = {name for name in event_schema(event)["properties"] if name[0] != "_"} - {"metadata"}

    assert set(re.findall(r"`(\w+)[\[`]", row.rpartition(f"`{event.type_name()}`")[2])) >= fields


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_what_is_published_is_valid_by_its_schema(file: Path) -> None:
    for event in _published(file):
        _validator(event["detail-type"], event["detail"]["metadata"]["schemaVersion"]).validate(event["detail"])


def test_what_was_published_at_an_earlier_schema_version_is_valid_by_that_schema() -> None:
    versions = {event.type_name(): event.SCHEMA_VERSION for event in declared_events()}
    earlier = [
        (event["detail-type"], version, event["detail"])
        for file in GOLDEN
        for event in json.loads(file.read_text("utf-8"))["published"]
        if (version := event["detail"]["metadata"]["schemaVersion"]) < versions[event["detail-type"]]
    ]

    assert {name for name, *_ in earlier} == {name for name, version in versions.items() if version > 1}
    for name, version, detail in earlier:
        _validator(name, version).validate(detail)


def test_each_event_that_is_published_is_a_golden_one() -> None:
    published = {event["detail-type"] for file in GOLDEN for event in json.loads(file.read_text("utf-8"))["published"]}

    assert published == {event.type_name() for event, traffic in declared_traffic().items() if traffic.is_published}


def test_a_published_event_has_all_metadata_and_the_schema_lists_it() -> None:
    refunded = RefundProcessed(
        order_id="order-1", customer_id="customer-1", refund_id="order-1-2", refunded_minor=0, currency="GBP"
    )
    detail = event_detail(Commit("order#order-1", 3, (refunded,), Cause("event-1", "correlation-1", NOW)), 0)
    metadata = event_schema(RefundProcessed)["properties"]["metadata"]

    assert metadata["properties"].keys() == detail["metadata"].keys()  # type: ignore[union-attr] # or the test fails
    assert metadata["required"] == list(metadata["properties"])
    assert not _validator("RefundProcessed").is_valid({key: detail[key] for key in detail.keys() - {"metadata"}})


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"metadata": {}},
        {"metadata": None},
        {"metadata": {"eventId": "e-1", "correlationId": "c-1", "schemaVersion": 1, "other": 1}},
        {"_postDeployTestForceResult": "SUCCESS", "other": "ignored"},
        {"orderId": ""},
        {"orderId": "o" * 129},
        {"customerId": "no spaces"},
        {"items": []},
        {"items": [{"sku": "prod-001"}]},
        {"items": [{"sku": "prod-001", "quantity": 0}]},
        {"items": [{"sku": "s" * 65, "quantity": 1}]},
        {"metadata": {"schemaVersion": 2}},
        {"metadata": {"eventId": ""}},
        {"_postDeployTestForceResult": "MAYBE"},
    ],
    ids=json.dumps,
)
def test_an_order_is_valid_by_its_schema_exactly_if_it_is_accepted(change: Fields) -> None:
    detail = {**ORDER, **change}
    body = json.dumps({"id": "1", "detail-type": "OrderPlaced", "detail": detail})
    try:
        message = parse_message(body, NOW)
        OrderPlaced.of(message.detail, message.schema_version)
    except (RejectedError, ValueError):
        is_accepted = False
    else:
        is_accepted = True

    assert _validator("OrderPlaced").is_valid(detail) is is_accepted


def test_of_an_accepted_event_a_later_version_has_to_be_named() -> None:
    schema = event_schema(parcel_sent(version=2, upcasters={1: dict}, outside=True))

    assert "metadata" in schema["required"]
    assert Draft202012Validator(schema).is_valid({"parcelId": "1", "metadata": {"schemaVersion": 2}})
    assert not Draft202012Validator(schema).is_valid({"parcelId": "1", "metadata": {}})


def test_documents_are_written_once_and_are_then_up_to_date(tmp_path: Path) -> None:
    traffic = {parcel_sent(): SENT}

    assert write_documents(tmp_path, traffic) == [tmp_path / "asyncapi.yaml", tmp_path / "schemas/ParcelSent.v1.json"]
    assert write_documents(tmp_path, traffic) == []
    check_documents(tmp_path, traffic)


def test_a_check_names_the_files_that_are_to_be_written(tmp_path: Path) -> None:
    write_documents(tmp_path, {parcel_sent(): SENT})

    with pytest.raises(UserError, match=r"run `invoke events`\n  \S+/schemas/ParcelSent\.v1\.json$"):
        check_documents(tmp_path, {parcel_sent(weight=int): SENT})


def test_a_breaking_change_is_neither_passed_nor_written_unless_it_is_accepted(tmp_path: Path) -> None:
    write_documents(tmp_path, {parcel_sent(weight=int): SENT})
    text = (tmp_path / "schemas/ParcelSent.v1.json").read_text()
    changed = {parcel_sent(): SENT}
    message = "ParcelSent breaks order-service, and every consumer outside .*\n  weight is removed\n.*--accept-breaking"

    with pytest.raises(UserError, match=message):
        check_documents(tmp_path, changed)
    with pytest.raises(UserError, match=message):
        write_documents(tmp_path, changed)
    assert (tmp_path / "schemas/ParcelSent.v1.json").read_text() == text

    write_documents(tmp_path, changed, accept_breaking=True)
    check_documents(tmp_path, changed)


def test_a_new_schema_version_may_break_and_the_old_one_stays(tmp_path: Path) -> None:
    write_documents(tmp_path, {parcel_sent(weight=int): SENT})
    text = (tmp_path / "schemas/ParcelSent.v1.json").read_text()
    changed = {parcel_sent(version=2, upcasters={1: dict}): SENT}

    written = write_documents(tmp_path, changed)

    assert tmp_path / "schemas/ParcelSent.v2.json" in written
    assert (tmp_path / "schemas/ParcelSent.v1.json").read_text() == text
    check_documents(tmp_path, changed)


def test_the_schema_of_an_old_version_must_not_be_lost(tmp_path: Path) -> None:
    changed = {parcel_sent(version=2, upcasters={1: dict}): SENT}

    for act in (check_documents, write_documents):
        with pytest.raises(UserError, match=r"ParcelSent\.v1\.json is gone"):
            act(tmp_path, changed)


def test_the_schemas_of_an_event_that_was_removed_go_once_that_is_accepted(tmp_path: Path) -> None:
    write_documents(tmp_path, {parcel_sent(): SENT})

    with pytest.raises(UserError, match="the event is removed"):
        write_documents(tmp_path, {})
    write_documents(tmp_path, {}, accept_breaking=True)

    assert list(tmp_path.glob("schemas/*")) == []
    check_documents(tmp_path, {})


@pytest.mark.parametrize("file", ["asyncapi.yaml", "schemas/ParcelSent.v1.json"])
@pytest.mark.parametrize("text", ["{", "[1]", "null", "{}"])
def test_a_damaged_document_is_named(tmp_path: Path, file: str, text: str) -> None:
    write_documents(tmp_path, {parcel_sent(): SENT})
    (tmp_path / file).write_text(text)

    with pytest.raises(UserError, match=file):
        check_documents(tmp_path, {parcel_sent(): SENT})


def test_a_file_that_is_no_events_schema_is_named(tmp_path: Path) -> None:
    write_documents(tmp_path, {parcel_sent(): SENT})
    (tmp_path / "schemas/notes.json").write_text("{}")

    with pytest.raises(UserError, match="notes"):
        check_documents(tmp_path, {parcel_sent(): SENT})


def test_a_check_accepts_nothing() -> None:
    with pytest.raises(UserError, match="leave out --accept-breaking"):
        update_documents(check=True, accept_breaking=True)


@pytest.mark.parametrize("task", ["lint", "events"])
def test_a_missing_upcaster_is_explained_without_a_traceback(task: str, tmp_path: Path) -> None:
    """The tasks run with a copy of the services, in which an event has a new version and no upcaster."""
    shutil.copytree(REPO_ROOT / "services", tmp_path / "services", ignore=shutil.ignore_patterns("__pycache__"))
    module = tmp_path / "services" / "shared" / "events" / "order.py"
    text = module.read_text("utf-8")
    module.write_text(
        text.replace("class OrderValidated(Event):", "class OrderValidated(Event):\n    SCHEMA_VERSION = 2", 1)
    )
    skipped = "from scripts.check import secret_scan; from scripts.cli import steps; steps.run_tool = print; "
    program = f"{skipped}secret_scan.scan = print; from scripts.tasks import develop; develop.{task}.body(None)"

    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPO_ROOT,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{REPO_ROOT}", "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert (
        "OrderValidated is at schema version 2 and upcasts []: give it one upcaster per earlier version" in ended.stderr
    )
    assert "Traceback" not in ended.stderr

"""The three handlers as Lambda calls them: events in, tables and buses looked at."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from pydantic import ValidationError

from services.event_relay import handler as relay
from services.libs import aws_clients
from services.libs.event_publisher import EventPublisher, event_detail
from services.libs.event_store import commit_to_item
from services.libs.lambda_types import BatchResponse, SqsEvent, StreamEvent
from services.order_service import handler as order_service
from services.payment_service import handler as payment_service
from services.shared.commits import Commit
from services.shared.events import CATALOGUE, Bus, EventType
from tests.factories import CAUSE, Context, decide, event_body, inventory, placed_order, seeding, sqs_event, stock_item
from tests.unit.conftest import EVENT_STORE_TABLE, GATEWAY_TABLE, INVENTORY_TABLE, METRICS_TABLE, Aws

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient

LOCAL_EVENT = Path("scripts/order-service-event.local.json")
DONE: BatchResponse = {"batchItemFailures": []}


@pytest.fixture(autouse=True)
def _environment(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {
        "ENVIRONMENT": "test",
        "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
        "INVENTORY_TABLE": INVENTORY_TABLE,
        "METRICS_TABLE": METRICS_TABLE,
        "PAYMENT_TIMEOUT_SECONDS": "900",
        "GATEWAY_TABLE": GATEWAY_TABLE,
        "DEAD_LETTER_QUEUE_URL": aws.dead_letter_queue_url,
        "ALLOW_FORCED_PAYMENT_RESULT": "true",
        "PAYMENT_SUCCESS_RATE": "1",
        "ORDER_BUS": "test-order-bus",
        "PAYMENT_BUS": "test-payment-bus",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for module in (order_service, payment_service, relay):
        module._application.cache_clear()  # noqa: SLF001


def _stream_event(*commits: Commit) -> StreamEvent:
    return {
        "Records": [
            {
                "dynamodb": {"SequenceNumber": f"{number}", "NewImage": commit_to_item(commit)},
                "eventSourceARN": "arn:aws:dynamodb:eu-west-2:123456789012:table/test/stream/1",
            }
            for number, commit in enumerate(commits, start=1)
        ]
    }


def test_an_order_runs_through_all_versions(aws: Aws) -> None:
    aws.store.append(seeding(stock=10))
    placed = cast("SqsEvent", json.loads(LOCAL_EVENT.read_text()))

    assert order_service.handler(placed, Context()) == DONE
    assert payment_service.handler(sqs_event(event_body("PaymentRequested", orderId="order-123")), Context()) == DONE
    assert order_service.handler(sqs_event(event_body("PaymentProcessed", orderId="order-123")), Context()) == DONE

    history = aws.store.read("order#order-123")
    assert [event for commit in history for event in commit.events] == [
        EventType.ORDER_VALIDATED,
        EventType.PAYMENT_REQUESTED,
        EventType.PAYMENT_PROCESSED,
        EventType.ORDER_CONFIRMED,
    ]
    assert history[0].cause.event_id == "evt-1"
    assert history[0].cause.correlation_id == "corr-1"
    assert aws.stock() == (8, 0, 8)


@pytest.mark.parametrize("service", [order_service, payment_service])
def test_an_event_that_no_service_takes_is_a_dead_letter(aws: Aws, service: object) -> None:
    handler = getattr(service, "handler")  # noqa: B009

    assert handler(sqs_event(event_body("OrderShipped", orderId="order-1")), Context()) == DONE
    assert [letter["reason"] for letter in aws.read_dead_letters()] == ["unknown_event"]


def test_a_missing_setting_is_named_and_no_other_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVENT_STORE_TABLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")

    with pytest.raises(ValidationError, match="EVENT_STORE_TABLE") as error:
        order_service.handler(sqs_event(), Context())

    assert "hush" not in str(error.value)


def test_logs_carry_the_ids_and_never_the_customer(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.store.append(seeding(stock=10))

    order_service.handler(cast("SqsEvent", json.loads(LOCAL_EVENT.read_text())), Context())

    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["order_id"], line["correlation_id"], line["service"]) == ("order-123", "corr-1", "order-service")
    assert "customer-456" not in json.dumps(line)


def test_the_relay_publishes_every_event_of_every_commit_to_its_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = _record_entries(monkeypatch)
    commits = [decide(placed_order(f"order-{number}"), inventory(stock_item()), CAUSE) for number in range(12)]

    assert relay.handler(_stream_event(*commits), Context()) == DONE

    assert len(sent) == 24
    assert {(entry["DetailType"], entry["EventBusName"], entry["Source"]) for entry in sent} == {
        ("OrderValidated", "test-order-bus", "order.service"),
        ("PaymentRequested", "test-payment-bus", "payment.service"),
    }
    assert len({json.loads(entry["Detail"])["metadata"]["eventId"] for entry in sent}) == 24


def _record_entries(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    sent: list[dict[str, str]] = []
    client = aws_clients.events()
    put_events = client.put_events

    def record(**request: list[dict[str, str]]) -> object:
        assert len(request["Entries"]) <= 10
        sent.extend(request["Entries"])
        return put_events(**request)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "put_events", record)
    return sent


def test_a_record_that_is_no_commit_is_a_dead_letter_and_does_not_block_the_stream(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = _record_entries(monkeypatch)
    event = _stream_event(seeding("a"), seeding("b"))
    event["Records"][0]["dynamodb"]["NewImage"] = {"stream_id": {"S": "order#1"}}

    assert relay.handler(event, Context()) == DONE

    assert [letter["reason"] for letter in aws.read_dead_letters()] == ["validation_error"]
    assert [entry["DetailType"] for entry in sent] == ["ProductInventoryUpdated"]


class _Refusing:
    """EventBridge that refuses the events of one order, `times` times."""

    def __init__(self, order_id: str, times: int) -> None:
        self._order_id = order_id
        self._left = times
        self.published: list[str] = []

    def put_events(self, Entries: list[dict[str, str]]) -> dict[str, object]:  # noqa: N803 - boto3's name
        results = []
        for entry in Entries:
            refuse = f'"{self._order_id}"' in entry["Detail"] and self._left > 0
            self._left -= refuse
            if not refuse:
                self.published.append(json.loads(entry["Detail"])["metadata"]["eventId"])
            results.append({"ErrorCode": "ThrottlingException"} if refuse else {"EventId": "1"})
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}


def _publisher(client: _Refusing) -> EventPublisher:
    names = {Bus.ORDER: "order-bus", Bus.PAYMENT: "payment-bus"}
    return EventPublisher(cast("EventBridgeClient", client), names, sleep=lambda _: None)


def test_an_entry_that_eventbridge_refused_once_is_sent_again_alone() -> None:
    commits = [decide(placed_order(order_id), inventory(stock_item()), CAUSE) for order_id in ("a", "b")]
    client = _Refusing("a", times=1)

    assert _publisher(client).publish(commits) == []
    assert sorted(client.published) == ["order#a/1/0", "order#a/1/1", "order#b/1/0", "order#b/1/1"]


def test_a_commit_whose_events_stay_refused_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    client = _Refusing("b", times=99)
    monkeypatch.setattr(relay._application(), "publisher", _publisher(client))  # noqa: SLF001
    commits = [decide(placed_order(order_id), inventory(stock_item()), CAUSE) for order_id in ("a", "b", "c")]

    response = relay.handler(_stream_event(*commits), Context())

    assert response == {"batchItemFailures": [{"itemIdentifier": "2"}]}


def test_what_is_published_is_what_the_catalogue_names() -> None:
    commit = decide(placed_order(forced="SUCCESS"), inventory(stock_item()), CAUSE)

    for index, event in enumerate(commit.events):
        detail = event_detail(commit, index)
        assert set(detail) == {*CATALOGUE[event].fields, "metadata"}
        assert detail["metadata"] == {
            "eventId": f"order#order-1/1/{index}",
            "correlationId": "correlation-1",
            "causationId": "event-1",
            "occurredAt": "2026-01-01T12:00:00.123Z",
            "schemaVersion": 1,
        }


def test_unknown_exceptions_are_logged_with_their_trace(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.dynamodb.delete_table(TableName=INVENTORY_TABLE)

    response = order_service.handler(cast("SqsEvent", json.loads(LOCAL_EVENT.read_text())), Context())

    assert len(response["batchItemFailures"]) == 1
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["level"] == logging.getLevelName(logging.ERROR)
    assert "ResourceNotFoundException" in line["exception"]
    assert (line["order_id"], line["correlation_id"]) == ("order-123", "corr-1")

"""The handlers as Lambda calls them: messages in, tables and logs looked at."""

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import ValidationError

from services.deadline_sweeper import handler as deadline_sweeper
from services.deadline_sweeper.service import DeadlineSweeper, Swept
from services.libs.runtime.lambda_types import BatchResponse, LambdaContext, SqsEvent
from services.order_service import handler as order_service
from services.order_service.domain import expire
from services.payment_service import handler as payment_service
from services.shared.events.event import Event
from services.shared.events.order import OrderCancelled, OrderConfirmed, OrderValidated
from services.shared.events.payment import (
    PaymentFailed,
    PaymentProcessed,
    PaymentRequested,
    RefundProcessed,
    RefundRequested,
)
from tests.factories import (
    CAUSE,
    NOW,
    PAYMENT_TIMEOUT,
    Context,
    decide,
    event_body,
    inventory,
    order_placed,
    placed_order,
    seeding,
    sqs_event,
    stock_item,
)
from tests.unit.conftest import INVENTORY_TABLE, Aws

LOCAL_EVENT = Path("scripts/order-service-event.local.json")
DONE: BatchResponse = {"batchItemFailures": []}

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def _sweep_to_the_order_queue(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """The metrics service has a variable of this name too, which says something else."""
    monkeypatch.setenv("OWNER_QUEUE_URLS", json.dumps({"order": aws.order_queue_url}))


def _local_event() -> SqsEvent:
    return cast("SqsEvent", json.loads(LOCAL_EVENT.read_text(encoding="utf-8")))


def _events(aws: Aws, order_id: str = "order-1") -> list[type[Event]]:
    return [type(event) for commit in aws.store.read(f"order#{order_id}") for event in commit.events]


def test_an_order_runs_through_all_versions(aws: Aws) -> None:
    aws.store.append(seeding(stock=10))

    assert order_service.handler(_local_event(), Context()) == DONE
    assert payment_service.handler(sqs_event(event_body("PaymentRequested", orderId="order-123")), Context()) == DONE
    assert order_service.handler(sqs_event(event_body("PaymentProcessed", orderId="order-123")), Context()) == DONE

    assert _events(aws, "order-123") == [
        OrderValidated,
        PaymentRequested,
        PaymentProcessed,
        OrderConfirmed,
    ]
    first = aws.store.read("order#order-123")[0]
    assert (first.cause.event_id, first.cause.correlation_id) == ("evt-1", "corr-1")
    assert aws.stock() == (8, 0, 8)


def test_a_declined_order_is_cancelled(aws: Aws) -> None:
    aws.store.append(seeding(stock=10))

    order_service.handler(sqs_event(order_placed(_postDeployTestForceResult="FAILURE")), Context())
    payment_service.handler(sqs_event(event_body("PaymentRequested", orderId="order-1")), Context())
    assert order_service.handler(sqs_event(event_body("PaymentFailed", orderId="order-1")), Context()) == DONE

    assert tuple(_events(aws)[2:]) == (PaymentFailed, OrderCancelled)
    assert aws.stock() == (10, 0, 10)


def test_a_payment_is_called_off_where_a_refund_was_requested(aws: Aws) -> None:
    aws.store.append(seeding(stock=10))
    reserved = decide(placed_order(), inventory(stock_item()))
    aws.store.append(reserved)
    aws.store.append(expire(reserved, NOW + PAYMENT_TIMEOUT))

    assert payment_service.handler(sqs_event(event_body("RefundRequested", orderId="order-1")), Context()) == DONE

    assert _events(aws)[-1] is RefundProcessed


@pytest.mark.usefixtures("_sweep_to_the_order_queue")
def test_an_overdue_order_is_expired_once_there_was_time_for_the_sweep_that_tells_of_it(aws: Aws) -> None:
    aws.store.append(seeding(stock=10))
    placed_at = datetime.now(UTC) - PAYMENT_TIMEOUT - timedelta(minutes=1)
    aws.store.append(decide(placed_order(), inventory(stock_item()), replace(CAUSE, at=placed_at)))

    hurried = deadline_sweeper.handler({}, Context(remaining_milliseconds=1_000))
    unhurried = deadline_sweeper.handler({}, Context(remaining_milliseconds=60_000))

    assert hurried == {"sent": 0, "postponed": 0, "unreadable": 0}
    assert unhurried == {"sent": 1, "postponed": 0, "unreadable": 0}
    assert order_service.handler(sqs_event(*aws.received()), Context()) == DONE
    assert _events(aws)[2:] == [OrderCancelled, RefundRequested]
    assert aws.stock() == (10, 0, 10)


@pytest.mark.usefixtures("_sweep_to_the_order_queue")
def test_what_was_swept_is_counted_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    swept = Swept(sent=1, postponed=2, unreadable=3)
    monkeypatch.setattr(DeadlineSweeper, "sweep", lambda *_: swept)

    assert deadline_sweeper.handler({}, Context()) == asdict(swept)

    (line,) = _log_lines(capsys.readouterr().out)
    assert line.items() >= asdict(swept).items()


@pytest.mark.usefixtures("_sweep_to_the_order_queue")
@pytest.mark.parametrize(
    ("swept", "failed"), [(Swept(sent=1), 0), (Swept(sent=1, postponed=1), 1), (Swept(sent=1, unreadable=1), 1)]
)
def test_a_sweep_that_could_not_tell_of_all_has_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], swept: Swept, failed: int
) -> None:
    monkeypatch.setattr(DeadlineSweeper, "sweep", lambda *_: swept)

    deadline_sweeper.handler({}, Context())

    (line,) = _log_lines(capsys.readouterr().out)
    assert (line["succeeded"], line["failed"]) == (1 - failed, failed)


@pytest.mark.parametrize(("allowed", "kept"), [("true", "SUCCESS"), ("false", None)])
def test_a_payment_is_forced_only_where_the_environment_allows_it(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, allowed: str, kept: str | None
) -> None:
    monkeypatch.setenv("ALLOW_FORCED_PAYMENT_RESULT", allowed)
    aws.store.append(seeding(stock=10))

    order_service.handler(sqs_event(order_placed(_postDeployTestForceResult="SUCCESS")), Context())

    (accepted,) = aws.store.read("order#order-1")
    assert accepted.get(OrderValidated).forced_payment_result == kept


@pytest.mark.parametrize(
    ("handler", "event_type"),
    [
        (order_service.handler, "OrderShipped"),
        (order_service.handler, "PaymentRequested"),
        (order_service.handler, "RefundProcessed"),
        (payment_service.handler, "OrderShipped"),
        (payment_service.handler, "OrderPlaced"),
        (payment_service.handler, "PaymentProcessed"),
    ],
)
def test_an_event_that_is_not_for_the_service_is_a_dead_letter(
    aws: Aws, handler: Callable[[SqsEvent, LambdaContext], BatchResponse], event_type: str
) -> None:
    assert handler(sqs_event(event_body(event_type, orderId="order-1")), Context()) == DONE
    assert [letter["reason"] for letter in aws.read_dead_letters()] == ["unknown_event"]


@pytest.mark.parametrize("missing", ["EVENT_STORE_TABLE", "DEADLINE_TABLE"])
def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.delenv(missing)

    with pytest.raises(ValidationError, match=missing):
        order_service.handler(sqs_event(), Context())


def test_logs_carry_the_ids_and_never_the_customer(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.store.append(seeding(stock=10))

    order_service.handler(_local_event(), Context())

    printed = capsys.readouterr().out
    for line in _log_lines(printed):
        assert line["order_ids"] == ["order-123"]
        assert line["service"] == "order-service"
    assert "customer-456" not in printed


@pytest.mark.parametrize("order_id", [{"name": "jane doe"}, "jane doe <jane@example.org>"])
def test_what_is_no_order_id_is_not_logged(capsys: pytest.CaptureFixture[str], order_id: object) -> None:
    order_service.handler(sqs_event(order_placed(orderId=order_id)), Context())

    printed = capsys.readouterr().out
    assert _log_lines(printed)[-1]["order_id"] == ""
    assert "jane" not in printed


@pytest.mark.parametrize(
    "body", [order_placed(customerId="jane doe <jane@example.org>"), json.dumps({"id": "jane doe <jane@example.org>"})]
)
def test_a_dead_letter_that_cannot_be_sent_is_logged_without_what_it_says(
    aws: Aws, capsys: pytest.CaptureFixture[str], body: str
) -> None:
    aws.sqs.delete_queue(QueueUrl=aws.dead_letter_queue_url)

    assert order_service.handler(sqs_event(body), Context()) == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}

    printed = capsys.readouterr().out
    assert "QueueDoesNotExist" in _log_lines(printed)[-1]["exception"]
    assert "jane" not in printed


def test_the_log_level_is_a_setting(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    aws.store.append(seeding(stock=10))

    order_service.handler(_local_event(), Context())

    assert _log_lines(capsys.readouterr().out) == []
    assert len(_events(aws, "order-123")) == 2


def test_unknown_exceptions_are_logged_with_their_trace(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.dynamodb.delete_table(TableName=INVENTORY_TABLE)

    response = order_service.handler(_local_event(), Context())

    assert len(response["batchItemFailures"]) == 1
    line = _log_lines(capsys.readouterr().out)[-1]
    assert line["level"] == logging.getLevelName(logging.ERROR)
    assert "ResourceNotFoundException" in line["exception"]
    assert (line["order_ids"], line["correlation_ids"]) == (["order-123"], ["corr-1"])


def _log_lines(printed: str) -> list[dict[str, Any]]:
    """All that was printed but the metrics."""
    return [line for line in map(json.loads, printed.splitlines()) if "_aws" not in line]

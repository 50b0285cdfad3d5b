import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, cast

import pytest

from services.libs.messaging.dead_letters import DeadLetters
from services.libs.messaging.incoming_events import parse_message
from services.libs.messaging.messages import Message
from services.libs.messaging.queue_consumer import MessageHandler, QueueConsumer, one_by_one
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging, logger
from services.libs.store.event_store import ContentionError
from services.shared.faults import SecondsLeft
from services.shared.rejections import RejectedError, RejectionReason
from tests.factories import Context, event_body, order_placed, sqs_event
from tests.unit.conftest import Aws

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient


def _consumer(handle: Callable[[Message], None], dead_letters: DeadLetters) -> QueueConsumer:
    handler = MessageHandler(one_by_one(handle), ("OrderPlaced",))
    return QueueConsumer((handler,), dead_letters, RequestMetrics("order-service", "test"), parse_message)


def test_a_fault_is_handed_back_and_its_neighbours_are_done(aws: Aws) -> None:
    handled: list[object] = []

    def handle(message: Message) -> None:
        if message.detail["orderId"] == "b":
            raise RuntimeError("the table is away")
        handled.append(message.detail["orderId"])

    response = _consumer(handle, aws.dead_letters).consume(sqs_event(*map(order_placed, "abc")), Context())

    assert response == {"batchItemFailures": [{"itemIdentifier": "message-2"}]}
    assert handled == ["a", "c"]
    assert aws.read_dead_letters() == []


def test_what_one_message_logs_does_not_carry_the_ids_of_the_one_before(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("test-service", "INFO")

    _consumer(lambda _: logger.info("done"), aws.dead_letters).consume(sqs_event(order_placed(), "not json"), Context())

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    first = next(line for line in lines if line.get("message") == "done")
    second = next(line for line in lines if line.get("message") == "message rejected")
    assert (first["order_id"], first["correlation_id"]) == ("order-1", "bridge-1")
    assert second["message_id"] == "message-2"
    assert second.keys().isdisjoint({"order_id", "correlation_id"})


def test_a_message_that_can_never_succeed_is_a_dead_letter_at_once_with_its_reason(aws: Aws) -> None:
    def handle(_: Message) -> None:
        raise RejectedError(RejectionReason.CONFLICT, "orderId: taken")

    response = _consumer(handle, aws.dead_letters).consume(sqs_event(order_placed()), Context())

    assert response == {"batchItemFailures": []}
    assert aws.read_dead_letters() == [
        {
            "body": order_placed(),
            "reason": "conflict",
            "detail": "orderId: taken",
            "message_id": "message-1",
            "source_arn": "arn:aws:sqs:eu-west-2:123456789012:test-queue",
            "function_name": "test-function",
        }
    ]


@pytest.mark.parametrize("body", ["not json", "[1, 2]", "null"])
def test_a_body_that_is_no_event_is_a_dead_letter_too(aws: Aws, body: str) -> None:
    response = _consumer(lambda _: None, aws.dead_letters).consume(sqs_event(body), Context())

    assert response == {"batchItemFailures": []}
    assert [(letter["body"], letter["reason"]) for letter in aws.read_dead_letters()] == [(body, "validation_error")]


def test_a_message_that_cannot_reach_the_dead_letters_comes_again(aws: Aws) -> None:
    nowhere = DeadLetters(aws.sqs, aws.dead_letter_queue_url + "-missing")

    response = _consumer(lambda _: None, nowhere).consume(sqs_event("not json", order_placed()), Context())

    assert response == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}


def test_messages_that_no_time_is_left_for_come_again(aws: Aws) -> None:
    context = Context()

    def handle(_: Message) -> None:
        context.remaining_milliseconds = 1000

    handlers = (
        MessageHandler(one_by_one(handle), ("OrderPlaced",)),
        MessageHandler(one_by_one(handle), ("PaymentFailed",)),
    )
    consumer = QueueConsumer(handlers, aws.dead_letters, RequestMetrics("order-service", "test"), parse_message)
    bodies = [event_body("PaymentFailed", orderId="a"), order_placed("b"), event_body("PaymentFailed", orderId="c")]

    response = consumer.consume(sqs_event(*bodies), context)

    assert response == {"batchItemFailures": [{"itemIdentifier": "message-1"}, {"itemIdentifier": "message-3"}]}


def test_messages_of_one_kind_are_handled_together_in_their_order(aws: Aws) -> None:
    handled: list[list[object]] = []

    def handle(messages: Sequence[Message], _: SecondsLeft) -> list[None]:
        handled.append([message.detail["orderId"] for message in messages])
        return [None] * len(messages)

    handlers = (MessageHandler(handle, ("OrderPlaced",)), MessageHandler(handle, ("PaymentProcessed", "PaymentFailed")))
    consumer = QueueConsumer(handlers, aws.dead_letters, RequestMetrics("order-service", "test"), parse_message)
    bodies = [
        event_body("PaymentFailed", orderId="a"),
        order_placed("b"),
        event_body("PaymentProcessed", orderId="c"),
        order_placed("d"),
    ]

    assert consumer.consume(sqs_event(*bodies), Context()) == {"batchItemFailures": []}

    assert handled == [["b", "d"], ["a", "c"]]


def test_a_fault_of_all_hands_all_back(aws: Aws) -> None:
    calls: list[int] = []

    def handle(messages: Sequence[Message], _: SecondsLeft) -> list[None]:
        calls.append(len(messages))
        raise ContentionError("the table is away")

    consumer = QueueConsumer(
        (MessageHandler(handle, ("OrderPlaced",)),),
        aws.dead_letters,
        RequestMetrics("order-service", "test"),
        parse_message,
    )

    response = consumer.consume(sqs_event(order_placed("a"), "not json", order_placed("b")), Context())

    assert response == {"batchItemFailures": [{"itemIdentifier": "message-1"}, {"itemIdentifier": "message-3"}]}
    assert [letter["body"] for letter in aws.read_dead_letters()] == ["not json"]
    assert calls == [2]


def test_a_message_that_breaks_its_batch_fails_alone(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("test-service", "INFO")
    done: list[object] = []

    def handle(messages: Sequence[Message], _: SecondsLeft) -> list[None]:
        ids = [message.detail["orderId"] for message in messages]
        if "broken" in ids:
            raise KeyError("name")
        done.extend(ids)
        return [None] * len(messages)

    consumer = QueueConsumer(
        (MessageHandler(handle, ("OrderPlaced",)),),
        aws.dead_letters,
        RequestMetrics("order-service", "test"),
        parse_message,
    )

    response = consumer.consume(sqs_event(*map(order_placed, ("a", "broken", "b"))), Context())

    assert response == {"batchItemFailures": [{"itemIdentifier": "message-2"}]}
    assert done == ["a", "b"]
    errors = [line for line in map(json.loads, capsys.readouterr().out.splitlines()) if line.get("level") == "ERROR"]
    assert [(line["order_ids"], line["message_ids"]) for line in errors] == [(["broken"], ["message-2"])]


def test_a_broken_batch_is_handled_message_by_message_only_as_long_as_there_is_time(aws: Aws) -> None:
    context = Context(remaining_milliseconds=4000)
    done: list[object] = []

    def handle(messages: Sequence[Message], _: SecondsLeft) -> list[None]:
        if len(messages) > 1:
            raise KeyError("name")
        done.append(messages[0].detail["orderId"])
        context.remaining_milliseconds -= 1500
        return [None]

    consumer = QueueConsumer(
        (MessageHandler(handle, ("OrderPlaced",)),),
        aws.dead_letters,
        RequestMetrics("order-service", "test"),
        parse_message,
    )

    response = consumer.consume(sqs_event(*map(order_placed, "abcd")), context)

    assert done == ["a", "b"]
    assert response == {"batchItemFailures": [{"itemIdentifier": "message-3"}, {"itemIdentifier": "message-4"}]}


def test_a_parser_that_breaks_on_a_message_fails_it_alone(aws: Aws) -> None:
    def parse(body: str, now: datetime) -> Message:
        if body == "strange":
            raise ValueError(body)
        return parse_message(body, now)

    handler = MessageHandler(one_by_one(lambda _: None), ("OrderPlaced",))
    consumer = QueueConsumer((handler,), aws.dead_letters, RequestMetrics("order-service", "test"), parse)

    response = consumer.consume(sqs_event(order_placed(), "strange"), Context())

    assert response == {"batchItemFailures": [{"itemIdentifier": "message-2"}]}


def test_the_time_is_looked_at_before_each_message_that_is_handled_by_itself(aws: Aws) -> None:
    context = Context(remaining_milliseconds=4000)
    handled: list[object] = []

    def handle(message: Message) -> None:
        handled.append(message.detail["orderId"])
        context.remaining_milliseconds -= 1000

    response = _consumer(handle, aws.dead_letters).consume(sqs_event(*map(order_placed, "abcdef")), context)

    assert handled == ["a", "b", "c"]
    assert len(response["batchItemFailures"]) == 3


def test_a_long_explanation_is_cut_to_what_an_attribute_should_hold() -> None:
    sent: list[dict[str, object]] = []

    class _Recorder:
        def send_message(self, **request: object) -> None:
            sent.append(request)

    letters = DeadLetters(cast("SQSClient", _Recorder()), "queue")
    rejected = RejectedError(RejectionReason.VALIDATION_ERROR, "x" * 5000)
    letters.send("body", rejected, message_id="1", source_arn="arn", function_name="f")

    assert "x" * 1024 in json.dumps(sent)
    assert "x" * 1025 not in json.dumps(sent)


def test_a_batch_logs_one_line_with_each_of_its_orders_once_and_none_of_no_order(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    def handled(*bodies: str) -> dict[str, object]:
        configure_logging("test-service", "INFO")
        _consumer(lambda _: None, aws.dead_letters).consume(sqs_event(*bodies), Context())
        (line,) = (line for line in map(json.loads, capsys.readouterr().out.splitlines()) if "succeeded" in line)
        return dict(line)

    assert handled(*map(order_placed, "aab"))["order_ids"] == ["a", "b"]
    assert "order_ids" not in handled(event_body("OrderPlaced", orderId="not an id"))

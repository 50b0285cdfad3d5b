"""Consume an SQS batch: messages of one handler are handled together, and one that fails does not fail the others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from services.libs.messaging.dead_letters import DeadLetters
from services.libs.messaging.messages import Message
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import log_fields, logger
from services.libs.runtime.lambda_types import BatchResponse, LambdaContext, SqsEvent, SqsRecord, seconds_left
from services.shared.causes import Cause
from services.shared.faults import DependencyError, OutOfTimeError, SecondsLeft, is_out_of_time
from services.shared.rejections import RejectedError, RejectionReason

if TYPE_CHECKING:
    from prometheus_client import Histogram

# Faults of a dependency: each message alone would meet them too.
_SHARED_FAULTS = (DependencyError, ClientError, BotoCoreError)

_Content = TypeVar("_Content")

Outcome = Exception | None
"""None for success. After a RejectedError the message goes to the dead letters; any other error is retried."""
Handle = Callable[[Sequence[Message], SecondsLeft], Sequence[Outcome]]


class MessageHandler(NamedTuple):
    """Handles the messages of some event types; `duration_metric` observes how long each success took."""

    handle: Handle
    event_types: Sequence[str]
    duration_metric: "Histogram | None" = None


def validated(
    messages: Sequence[Message],
    content: Callable[[Message], _Content],
    handle: Callable[[Sequence[tuple[_Content, Cause]]], Sequence[Outcome]],
) -> list[Outcome]:
    """Handle the valid messages together. Each message that `content` rejects fails with that RejectedError."""
    valid: list[tuple[_Content, Cause]] = []
    rejected: dict[int, RejectedError] = {}
    for place, message in enumerate(messages):
        try:
            valid.append((content(message), message.cause))
        except RejectedError as error:
            rejected[place] = error
    outcomes = iter(handle(valid) if valid else ())
    return [rejected[place] if place in rejected else next(outcomes) for place in range(len(messages))]


def one_by_one(handle: Callable[[Message], None]) -> Handle:
    """Turn a function for one message into one for a batch, which stops when the time is nearly over."""

    def outcome(message: Message, seconds_left: SecondsLeft) -> Outcome:
        if is_out_of_time(seconds_left):
            return OutOfTimeError()
        with log_fields(correlation_id=message.cause.correlation_id, order_id=message.order_id):
            try:
                handle(message)
            except Exception as error:  # noqa: BLE001 - no fault of one message may fail the others
                return error
        return None

    return lambda messages, seconds_left: [outcome(message, seconds_left) for message in messages]


class _Received(NamedTuple):
    record: SqsRecord
    parsed: "Message | Exception"

    @property
    def ids(self) -> Mapping[str, str]:
        ids = {"message_id": self.record["messageId"]}
        if isinstance(self.parsed, Message):
            ids |= {"correlation_id": self.parsed.cause.correlation_id, "order_id": self.parsed.order_id}
        return ids


@dataclass(frozen=True)
class QueueConsumer:
    handlers: Sequence[MessageHandler]
    dead_letters: DeadLetters
    metrics: RequestMetrics
    parse: Callable[[str, datetime], Message]
    """Raises RejectedError."""

    def consume(self, event: SqsEvent, context: LambdaContext) -> BatchResponse:
        """Handle the batch. SQS delivers the messages that the response names again."""
        with self.metrics.invocation():
            received = [_Received(record, self._parsed(record)) for record in event["Records"]]
            failures: dict[Exception, list[_Received]] = {}
            for one, outcome in self._handle_all(received, seconds_left(context)):
                if error := self._error_to_retry(one, outcome, context):
                    failures.setdefault(error, []).append(one)
            for error, failed_messages in failures.items():
                _log_failure(error, failed_messages)
        failed = {one.record["messageId"] for failed_messages in failures.values() for one in failed_messages}
        ids = [record["messageId"] for record in event["Records"]]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in ids if message_id in failed]}

    def _parsed(self, record: SqsRecord) -> Message | Exception:
        try:
            message = self.parse(record["body"], datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - no fault of one message may fail the others
            return error
        if not any(message.event_type in handler.event_types for handler in self.handlers):
            return RejectedError(RejectionReason.UNKNOWN_EVENT, "detail-type: not one that this service takes")
        return message

    def _handle_all(
        self, received: Sequence[_Received], seconds_left: SecondsLeft
    ) -> Iterator[tuple[_Received, Outcome]]:
        unparsed = [(one, one.parsed) for one in received if isinstance(one.parsed, Exception)]
        with self.metrics.batch(len(unparsed)) as batch:
            batch.outcomes = [error for _, error in unparsed]
        yield from unparsed
        for handler in self.handlers:
            own = [
                (one, one.parsed)
                for one in received
                if isinstance(one.parsed, Message) and one.parsed.event_type in handler.event_types
            ]
            outcomes = self._handle_batch(handler, [message for _, message in own], seconds_left)
            yield from zip((one for one, _ in own), outcomes, strict=True)

    def _handle_batch(
        self, handler: MessageHandler, messages: Sequence[Message], seconds_left: SecondsLeft
    ) -> Sequence[Outcome]:
        if not messages:
            return []
        if is_out_of_time(seconds_left):
            return [OutOfTimeError()] * len(messages)
        with self.metrics.batch(len(messages), handler.duration_metric) as batch:
            # One line per batch: CloudWatch bills by the byte. The event store has each order's correlation id.
            batch.fields = {"event_types": sorted({message.event_type for message in messages})}
            if order_ids := list(dict.fromkeys(message.order_id for message in messages if message.order_id)):
                batch.fields["order_ids"] = order_ids
            batch.outcomes = outcomes = _handle(handler.handle, messages, seconds_left)
        return outcomes

    def _error_to_retry(self, received: _Received, error: Outcome, context: LambdaContext) -> Outcome:
        """Send a rejected message to the dead letters. Return the error of a message that must be retried."""
        if not isinstance(error, RejectedError):
            return error
        try:
            self.dead_letters.send(
                received.record["body"],
                error,
                message_id=received.record["messageId"],
                source_arn=received.record["eventSourceARN"],
                function_name=context.function_name,
            )
        except Exception as failure:  # noqa: BLE001 - the message is retried, and so is this
            return failure
        with log_fields(**received.ids):
            logger.warning("message rejected", extra={"reason": error.reason.value, "detail": error.detail})
        return None


def _handle(handle: Handle, messages: Sequence[Message], seconds_left: SecondsLeft) -> Sequence[Outcome]:
    """Handle the messages together. After an unexpected error handle each alone, so that only the faulty one fails."""
    try:
        return handle(messages, seconds_left)
    except _SHARED_FAULTS as fault:
        return [fault] * len(messages)
    except Exception as error:  # noqa: BLE001 - SQS retries failed messages, and its DLQ keeps the hopeless ones
        if len(messages) == 1:
            return [error]
    return [
        OutOfTimeError() if is_out_of_time(seconds_left) else _handle(handle, [message], seconds_left)[0]
        for message in messages
    ]


def _log_failure(error: Exception, failed: Sequence[_Received]) -> None:
    """Log one line, however many messages the error struck."""
    names = ("message_id", "order_id", "correlation_id")
    found = {name: [one.ids[name] for one in failed if one.ids.get(name)] for name in names}
    ids = {f"{name}s": list(dict.fromkeys(values)) for name, values in found.items() if values}
    if isinstance(error, OutOfTimeError):
        logger.warning("no time left for messages", extra=ids)
    else:
        logger.error("messages failed", exc_info=error, extra=ids)

"""Consume an SQS batch: the messages of one kind together, and yet none takes its neighbours down with it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from services.libs.dead_letters import DeadLetters
from services.libs.lambda_types import BatchResponse, LambdaContext, SqsEvent, SqsRecord
from services.libs.messages import Message, parse_message
from services.libs.request_metrics import RequestMetrics
from services.libs.structured_logging import log_fields, logger
from services.shared.commits import Cause
from services.shared.rejections import RejectedError, RejectionReason

if TYPE_CHECKING:
    from prometheus_client import Histogram

# A function that is cut off reports nothing and its whole batch comes again; rather hand back what is left in time.
_RESERVE_MILLISECONDS = 1500

_Content = TypeVar("_Content")

Outcome = Exception | None
"""Why a message failed: upon RejectedError it goes to the dead letters, upon any other error it comes again."""


@dataclass(frozen=True)
class Kind:
    """What is done with messages of some types, and what else observes how long that took."""

    handle: Callable[[Sequence[Message]], Sequence[Outcome]]
    types: Sequence[str]
    duration_metric: "Histogram | None" = None


class OutOfTimeError(Exception):
    """The invocation ends before the message can be handled."""


def validated(
    messages: Sequence[Message],
    content: Callable[[Message], _Content],
    handle: Callable[[Sequence[tuple[_Content, Cause]]], Sequence[Outcome]],
) -> list[Outcome]:
    """Handle together what `content` finds valid; what it rejects fails by itself."""
    valid: list[tuple[_Content, Cause]] = []
    rejected: dict[int, RejectedError] = {}
    for place, message in enumerate(messages):
        try:
            valid.append((content(message), message.cause))
        except RejectedError as error:
            rejected[place] = error
    outcomes = iter(handle(valid) if valid else ())
    return [rejected[place] if place in rejected else next(outcomes) for place in range(len(messages))]


def one_by_one(handle: Callable[[Message], None]) -> Callable[[Sequence[Message]], list[Outcome]]:
    """Make of a handler of one message a handler of many."""

    def outcome(message: Message) -> Outcome:
        with log_fields(**_ids(message)):
            try:
                handle(message)
            except Exception as error:  # noqa: BLE001 - whatever it was, the others have nothing to do with it
                return error
        return None

    return lambda messages: [outcome(message) for message in messages]


@dataclass(frozen=True)
class QueueConsumer:
    kinds: Sequence[Kind]
    dead_letters: DeadLetters
    metrics: RequestMetrics
    parse: Callable[[str, datetime], Message] = parse_message
    """Raises RejectedError."""

    def consume(self, event: SqsEvent, context: LambdaContext) -> BatchResponse:
        """Handle the batch; what is named in the response comes again."""
        with self.metrics.invocation():
            parsed = [(record, self._parsed(record)) for record in event["Records"]]
            failed = {
                record["messageId"]
                for record, message, outcome in self._handled(parsed, context)
                if outcome and not self._put_away(record, message, outcome, context)
            }
        ids = [record["messageId"] for record in event["Records"]]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in ids if message_id in failed]}

    def _parsed(self, record: SqsRecord) -> Message | RejectedError:
        try:
            message = self.parse(record["body"], datetime.now(UTC))
        except RejectedError as rejected:
            return rejected
        if not any(message.event_type in kind.types for kind in self.kinds):
            return RejectedError(RejectionReason.UNKNOWN_EVENT, "detail-type: not one that this service takes")
        return message

    def _handled(
        self, parsed: "Sequence[tuple[SqsRecord, Message | RejectedError]]", context: LambdaContext
    ) -> "Iterator[tuple[SqsRecord, Message | None, Outcome]]":
        hopeless = [(record, error) for record, error in parsed if isinstance(error, RejectedError)]
        with self.metrics.batch(len(hopeless)) as batch:
            batch.outcomes = [error for _, error in hopeless]
        yield from ((record, None, error) for record, error in hopeless)
        for kind in self.kinds:
            mine = [
                (record, message)
                for record, message in parsed
                if isinstance(message, Message) and message.event_type in kind.types
            ]
            outcomes = self._outcomes(kind, [message for _, message in mine], context)
            for (record, message), outcome in zip(mine, outcomes, strict=True):
                yield record, message, outcome

    def _outcomes(self, kind: Kind, messages: Sequence[Message], context: LambdaContext) -> Sequence[Outcome]:
        if messages and context.get_remaining_time_in_millis() < _RESERVE_MILLISECONDS:
            return [OutOfTimeError()] * len(messages)
        with self.metrics.batch(len(messages), kind.duration_metric) as batch:
            # Where an order came from stands in the event store: what is logged of each is paid for each.
            batch.fields = {"event_type": kind.types[0], "order_ids": [message.order_id for message in messages]}
            try:
                outcomes = kind.handle(messages) if messages else []
            except Exception as error:  # noqa: BLE001 - the queue retries them all, and the DLQ keeps what never gets through
                outcomes = [error] * len(messages)
            batch.outcomes = outcomes
        return outcomes

    def _put_away(self, record: SqsRecord, message: Message | None, error: Exception, context: LambdaContext) -> bool:
        """Send a rejected message to the dead letters; return whether it is done with."""
        with log_fields(message_id=record["messageId"], **_ids(message)):
            if not isinstance(error, RejectedError):
                logger.error("message failed", exc_info=error)
                return False
            try:
                self.dead_letters.send(
                    record["body"],
                    error,
                    message_id=record["messageId"],
                    source_arn=record["eventSourceARN"],
                    function_name=context.function_name,
                )
            except Exception:  # noqa: BLE001 - it comes again, and with it the next try
                logger.exception("message failed")
                return False
            logger.warning("message rejected", extra={"reason": error.reason.value, "detail": error.detail})
            return True


def _ids(message: Message | None) -> Mapping[str, str]:
    if message is None:
        return {}
    return {"correlation_id": message.cause.correlation_id, "order_id": message.order_id}

"""Consume an SQS batch one message at a time, so that none takes its neighbours down with it."""

from collections.abc import Callable
from datetime import UTC, datetime

from services.libs.dead_letters import DeadLetters
from services.libs.lambda_types import BatchResponse, LambdaContext, SqsEvent, SqsRecord
from services.libs.messages import Message, parse_message
from services.libs.structured_logging import bind_log_fields, log_fields, logger
from services.shared.rejections import RejectedError

# A function that is cut off reports nothing and its whole batch comes again; rather hand back what is left in time.
_RESERVE_MILLISECONDS = 1500


def consume(
    event: SqsEvent, context: LambdaContext, dead_letters: DeadLetters, handle: Callable[[Message], None]
) -> BatchResponse:
    """Call `handle` with each message that is an event; otherwise as `consume_bodies`."""
    return consume_bodies(event, context, dead_letters, lambda body: _parse_and_handle(body, handle))


def consume_bodies(
    event: SqsEvent, context: LambdaContext, dead_letters: DeadLetters, handle: Callable[[str], None]
) -> BatchResponse:
    """Call `handle` with each body; what raises comes again, what is rejected goes to the dead letters."""
    failed = [record for record in event["Records"] if not _done(record, context, dead_letters, handle)]
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}


def _parse_and_handle(body: str, handle: Callable[[Message], None]) -> None:
    message = parse_message(body, datetime.now(UTC))
    bind_log_fields(correlation_id=message.cause.correlation_id, order_id=message.order_id)
    handle(message)


def _done(record: SqsRecord, context: LambdaContext, dead_letters: DeadLetters, handle: Callable[[str], None]) -> bool:
    with log_fields(message_id=record["messageId"]):
        if context.get_remaining_time_in_millis() < _RESERVE_MILLISECONDS:
            logger.warning("no time left for the message")
            return False
        try:
            _handle_or_reject(record, context, dead_letters, handle)
        except Exception:  # noqa: BLE001 - whatever it was, the queue retries it, and the DLQ keeps what never gets through
            logger.exception("message failed")
            return False
        return True


def _handle_or_reject(
    record: SqsRecord, context: LambdaContext, dead_letters: DeadLetters, handle: Callable[[str], None]
) -> None:
    try:
        handle(record["body"])
    except RejectedError as rejected:
        dead_letters.send(
            record["body"],
            rejected,
            message_id=record["messageId"],
            source_arn=record["eventSourceARN"],
            function_name=context.function_name,
        )
        logger.warning("message rejected", extra={"reason": rejected.reason.value, "detail": rejected.detail})

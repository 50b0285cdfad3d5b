"""Consume an SQS batch one message at a time, so that none takes its neighbours down with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.libs.dead_letters import DeadLetters
from services.libs.lambda_types import BatchResponse, LambdaContext, SqsEvent, SqsRecord
from services.libs.messages import Message, parse_message
from services.libs.request_metrics import Request, RequestMetrics
from services.libs.structured_logging import bind_log_fields, log_fields, logger
from services.shared.rejections import RejectedError

if TYPE_CHECKING:
    from prometheus_client import Histogram

# A function that is cut off reports nothing and its whole batch comes again; rather hand back what is left in time.
_RESERVE_MILLISECONDS = 1500

Handle = Callable[[str, Request], None]
"""Takes a message's body; upon RejectedError it goes to the dead letters, upon any other error it comes again."""


def event_handler(handle: Callable[[Message], None], duration_metrics: "Mapping[str, Histogram]") -> Handle:
    """Make of a handler of events one of bodies; `duration_metrics`, by event type, observe how long an event took."""

    def parse_and_handle(body: str, request: Request) -> None:
        message = parse_message(body, datetime.now(UTC))
        bind_log_fields(correlation_id=message.cause.correlation_id, order_id=message.order_id)
        handle(message)
        # Only now it is known to be a type of ours, and no text that somebody sent.
        request.fields["event_type"] = message.event_type
        request.duration_metric = duration_metrics.get(message.event_type)

    return parse_and_handle


@dataclass(frozen=True)
class QueueConsumer:
    handle: Handle
    dead_letters: DeadLetters
    metrics: RequestMetrics

    def consume(self, event: SqsEvent, context: LambdaContext) -> BatchResponse:
        """Handle each message of the batch; what is named in the response comes again."""
        with self.metrics.invocation():
            failed = [record for record in event["Records"] if not self._done(record, context)]
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}

    def _done(self, record: SqsRecord, context: LambdaContext) -> bool:
        with log_fields(message_id=record["messageId"]):
            if context.get_remaining_time_in_millis() < _RESERVE_MILLISECONDS:
                logger.warning("no time left for the message")
                return False
            try:
                self._handle_or_reject(record, context)
            except Exception:  # noqa: BLE001 - whatever it was, the queue retries it, and the DLQ keeps what never gets through
                logger.exception("message failed")
                return False
            return True

    def _handle_or_reject(self, record: SqsRecord, context: LambdaContext) -> None:
        try:
            with self.metrics.request() as request:
                self.handle(record["body"], request)
        except RejectedError as rejected:
            self.dead_letters.send(
                record["body"],
                rejected,
                message_id=record["messageId"],
                source_arn=record["eventSourceARN"],
                function_name=context.function_name,
            )
            logger.warning("message rejected", extra={"reason": rejected.reason.value, "detail": rejected.detail})

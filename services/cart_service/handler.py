"""The cart service: one Lambda behind the cart queue, which tells of the carts that may be abandoned."""

from functools import cache

from services.cart_service.service import AbandonedCarts
from services.cart_service.settings import CartSettings
from services.libs.messaging.dead_letters import DeadLetters
from services.libs.messaging.deadline_messages import deadline_handler
from services.libs.messaging.incoming_events import parse_message
from services.libs.messaging.queue_consumer import QueueConsumer
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging
from services.libs.runtime import aws_clients
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import BatchResponse, LambdaContext, SqsEvent
from services.libs.store.deadline_table import DeadlineTable
from services.libs.store.event_store import EventStore

FUNCTION = function_name(__name__)


class QueueSettings(CartSettings):
    dead_letter_queue_url: str


class _Application:
    def __init__(self, settings: QueueSettings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        client = aws_clients.dynamodb()
        carts = AbandonedCarts(
            EventStore(client, settings.tables),
            DeadlineTable(client, settings.deadline_table),
            settings.abandoned_after,
        )
        self.consumer = QueueConsumer(
            (deadline_handler(carts.clear_all),),
            DeadLetters(aws_clients.sqs(), settings.dead_letter_queue_url),
            RequestMetrics(FUNCTION, settings.environment),
            parse_message,
        )


@cache
def _application() -> _Application:
    return _Application(QueueSettings.from_environment())


def handler(event: SqsEvent, context: LambdaContext) -> BatchResponse:
    return _application().consumer.consume(event, context)

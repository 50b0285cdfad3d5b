"""The customer service: one Lambda behind the customer queue, which tells of the customers who are erased."""

from functools import cache

from services.customer_service.service import Erasures
from services.customer_service.user_pool import UserPool
from services.libs.messaging.dead_letters import DeadLetters
from services.libs.messaging.incoming_events import event_in, parse_message
from services.libs.messaging.messages import Message
from services.libs.messaging.queue_consumer import MessageHandler, QueueConsumer, one_by_one
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging
from services.libs.personal.customer_keys import Tombstones
from services.libs.runtime import aws_clients
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import BatchResponse, LambdaContext, SqsEvent
from services.libs.runtime.settings import Settings
from services.shared.events.customer import CustomerErased
from services.shared.events.event import type_names

FUNCTION = function_name(__name__)
CONSUMES = (CustomerErased,)


class ErasureSettings(Settings):
    customer_key_table: str
    user_pool_id: str
    dead_letter_queue_url: str


class _Application:
    def __init__(self, settings: ErasureSettings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        self._erasures = Erasures(
            Tombstones(aws_clients.dynamodb(), settings.customer_key_table),
            UserPool(aws_clients.cognito(), settings.user_pool_id),
        )
        self.consumer = QueueConsumer(
            (MessageHandler(one_by_one(self._finish), type_names(CONSUMES)),),
            DeadLetters(aws_clients.sqs(), settings.dead_letter_queue_url),
            RequestMetrics(FUNCTION, settings.environment),
            parse_message,
        )

    def _finish(self, message: Message) -> None:
        self._erasures.finish(event_in(message, CustomerErased).customer_id)


@cache
def _application() -> _Application:
    return _Application(ErasureSettings.from_environment())


def handler(event: SqsEvent, context: LambdaContext) -> BatchResponse:
    return _application().consumer.consume(event, context)

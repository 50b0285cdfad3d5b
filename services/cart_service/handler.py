"""The cart service: one Lambda behind the cart queue, which tells of abandoned carts and of erased customers."""

from functools import cache

from services.cart_service.service import AbandonedCarts, ErasedCustomers
from services.cart_service.settings import CartSettings
from services.libs.messaging.dead_letters import DeadLetters
from services.libs.messaging.deadline_messages import deadline_handler
from services.libs.messaging.incoming_events import event_in, parse_message
from services.libs.messaging.messages import Message
from services.libs.messaging.queue_consumer import MessageHandler, QueueConsumer, one_by_one
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging
from services.libs.runtime import aws_clients
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import BatchResponse, LambdaContext, SqsEvent
from services.libs.store.deadline_table import DeadlineTable
from services.libs.store.event_store import EventStore
from services.shared.events.customer import CustomerErased
from services.shared.events.event import type_names

FUNCTION = function_name(__name__)
CONSUMES = (CustomerErased,)


class QueueSettings(CartSettings):
    dead_letter_queue_url: str


class _Application:
    def __init__(self, settings: QueueSettings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        client = aws_clients.dynamodb()
        store = EventStore(client, settings.tables)
        self._erased = ErasedCustomers(store)
        carts = AbandonedCarts(
            store,
            DeadlineTable(client, settings.deadline_table),
            settings.abandoned_after,
        )
        self.consumer = QueueConsumer(
            (
                MessageHandler(one_by_one(self._clear_cart), type_names(CONSUMES)),
                deadline_handler(carts.clear_all),
            ),
            DeadLetters(aws_clients.sqs(), settings.dead_letter_queue_url),
            RequestMetrics(FUNCTION, settings.environment),
            parse_message,
        )

    def _clear_cart(self, message: Message) -> None:
        self._erased.clear_cart(event_in(message, CustomerErased).customer_id, message.cause)


@cache
def _application() -> _Application:
    return _Application(QueueSettings.from_environment())


def handler(event: SqsEvent, context: LambdaContext) -> BatchResponse:
    return _application().consumer.consume(event, context)

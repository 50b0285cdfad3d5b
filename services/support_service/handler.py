"""The support service: one Lambda behind the support queue, which tells of erased customers."""

from functools import cache

from services.libs.messaging.dead_letters import DeadLetters
from services.libs.messaging.incoming_events import event_in, parse_message
from services.libs.messaging.messages import Message
from services.libs.messaging.queue_consumer import MessageHandler, QueueConsumer, one_by_one
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging
from services.libs.runtime import aws_clients
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import BatchResponse, LambdaContext, SqsEvent
from services.libs.store.event_store import EventStore
from services.libs.store.store_settings import StoreSettings
from services.libs.store.ticket_index import TicketIndex
from services.shared.events.customer import CustomerErased
from services.shared.events.event import type_names
from services.support_service.orphaned_tickets import OrphanedTickets

FUNCTION = function_name(__name__)
CONSUMES = (CustomerErased,)


class QueueSettings(StoreSettings):
    dead_letter_queue_url: str


class _Application:
    def __init__(self, settings: QueueSettings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        client = aws_clients.dynamodb()
        self._tickets = OrphanedTickets(EventStore(client, settings.tables), TicketIndex(client, settings.tables))
        self.consumer = QueueConsumer(
            (MessageHandler(one_by_one(self._close), type_names(CONSUMES)),),
            DeadLetters(aws_clients.sqs(), settings.dead_letter_queue_url),
            RequestMetrics(FUNCTION, settings.environment),
            parse_message,
        )

    def _close(self, message: Message) -> None:
        self._tickets.close_all(event_in(message, CustomerErased).customer_id, message.cause)


@cache
def _application() -> _Application:
    return _Application(QueueSettings.from_environment())


def handler(event: SqsEvent, context: LambdaContext) -> BatchResponse:
    return _application().consumer.consume(event, context)

"""The payment service: one Lambda behind the payment queue."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial

from services.libs.messaging.dead_letters import DeadLetters
from services.libs.messaging.incoming_events import order_id, parse_message
from services.libs.messaging.messages import Message
from services.libs.messaging.queue_consumer import MessageHandler, Outcome, QueueConsumer, one_by_one, validated
from services.libs.observability.metrics import PAYMENT_PROCESSING_DURATION
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging
from services.libs.runtime import aws_clients
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import BatchResponse, LambdaContext, SqsEvent
from services.libs.runtime.settings import Share
from services.libs.store.event_store import EventStore
from services.libs.store.store_settings import StoreSettings
from services.payment_service.service import CHARGES_AT_ONCE, PaymentService
from services.payment_service.simulated_gateway import SimulatedGateway
from services.shared.events.event import type_names
from services.shared.events.payment import PaymentRequested, RefundRequested
from services.shared.faults import SecondsLeft

FUNCTION = function_name(__name__)
REQUESTED, REFUNDS = (PaymentRequested,), (RefundRequested,)
CONSUMES = (*REQUESTED, *REFUNDS)


class PaymentSettings(StoreSettings):
    dead_letter_queue_url: str
    gateway_table: str
    payment_success_rate: Share
    refund_failure_rate: Share
    gateway_fault_rate: Share


class _Application:
    def __init__(self, settings: PaymentSettings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        client = aws_clients.dynamodb()
        self._service = PaymentService(
            EventStore(client, settings.tables),
            SimulatedGateway(
                client,
                settings.gateway_table,
                settings.payment_success_rate,
                settings.refund_failure_rate,
                settings.gateway_fault_rate,
            ),
            ThreadPoolExecutor(CHARGES_AT_ONCE).map,
        )
        self.consumer = QueueConsumer(
            (
                MessageHandler(self._pay, type_names(REQUESTED), PAYMENT_PROCESSING_DURATION),
                MessageHandler(one_by_one(self._refund), type_names(REFUNDS)),
            ),
            DeadLetters(aws_clients.sqs(), settings.dead_letter_queue_url),
            RequestMetrics(FUNCTION, settings.environment),
            parse_message,
        )

    def _pay(self, messages: Sequence[Message], seconds_left: SecondsLeft) -> Sequence[Outcome]:
        return validated(messages, order_id, partial(self._service.pay_all, seconds_left=seconds_left))

    def _refund(self, message: Message) -> None:
        self._service.refund(order_id(message), message.cause)


@cache
def _application() -> _Application:
    return _Application(PaymentSettings.from_environment())


def handler(event: SqsEvent, context: LambdaContext) -> BatchResponse:
    return _application().consumer.consume(event, context)

"""The payment service: one Lambda behind the payment queue."""

from functools import cache
from typing import Annotated

from pydantic import Field

from services.libs import aws_clients
from services.libs.dead_letters import DeadLetters
from services.libs.event_store import EventStore
from services.libs.lambda_types import BatchResponse, LambdaContext, SqsEvent
from services.libs.messages import Message, OrderReference, validate
from services.libs.metrics import PAYMENT_PROCESSING_DURATION, Function
from services.libs.queue_consumer import QueueConsumer, event_handler
from services.libs.request_metrics import RequestMetrics
from services.libs.settings import StoreSettings
from services.libs.structured_logging import configure_logging
from services.payment_service.service import PaymentService
from services.payment_service.simulated_gateway import SimulatedGateway
from services.shared.events import EventType
from services.shared.rejections import RejectedError, RejectionReason


class PaymentSettings(StoreSettings):
    dead_letter_queue_url: str
    gateway_table: str
    payment_success_rate: Annotated[float, Field(ge=0, le=1)]


class _Application:
    def __init__(self, settings: PaymentSettings) -> None:
        configure_logging(Function.PAYMENT_SERVICE, settings.log_level)
        client = aws_clients.dynamodb()
        self._service = PaymentService(
            EventStore(client, settings.tables),
            SimulatedGateway(client, settings.gateway_table, settings.payment_success_rate),
        )
        self.consumer = QueueConsumer(
            event_handler(self._handle, {EventType.PAYMENT_REQUESTED: PAYMENT_PROCESSING_DURATION}),
            DeadLetters(aws_clients.sqs(), settings.dead_letter_queue_url),
            RequestMetrics(Function.PAYMENT_SERVICE, settings.environment),
        )

    def _handle(self, message: Message) -> None:
        match message.event_type:
            case EventType.PAYMENT_REQUESTED:
                self._service.pay(validate(OrderReference, message.detail).order_id, message.cause)
            case EventType.REFUND_REQUESTED:
                self._service.call_off(validate(OrderReference, message.detail).order_id, message.cause)
            case _:
                raise RejectedError(
                    RejectionReason.UNKNOWN_EVENT, "detail-type: not one that the payment service takes"
                )


@cache
def _application() -> _Application:
    return _Application(PaymentSettings.from_environment())


def handler(event: SqsEvent, context: LambdaContext) -> BatchResponse:
    return _application().consumer.consume(event, context)

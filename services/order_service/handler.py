"""The order service: one Lambda behind the order queue."""

from datetime import timedelta
from functools import cache
from typing import Annotated

from pydantic import Field

from services.libs import aws_clients
from services.libs.dead_letters import DeadLetters
from services.libs.event_store import EventStore
from services.libs.inventory_table import InventoryTable
from services.libs.lambda_types import BatchResponse, LambdaContext, SqsEvent
from services.libs.messages import Message, OrderReference, validate
from services.libs.metrics import ORDER_PROCESSING_DURATION, Function
from services.libs.queue_consumer import QueueConsumer, event_handler
from services.libs.request_metrics import RequestMetrics
from services.libs.settings import StoreSettings
from services.libs.structured_logging import configure_logging
from services.order_service.messages import OrderPlaced
from services.order_service.service import OrderService
from services.shared.events import EventType
from services.shared.rejections import RejectedError, RejectionReason


class OrderSettings(StoreSettings):
    dead_letter_queue_url: str
    payment_timeout_seconds: Annotated[int, Field(ge=1)]
    allow_forced_payment_result: bool


class _Application:
    def __init__(self, settings: OrderSettings) -> None:
        configure_logging(Function.ORDER_SERVICE, settings.log_level)
        client = aws_clients.dynamodb()
        self._service = OrderService(
            EventStore(client, settings.tables),
            InventoryTable(client, settings.inventory_table),
            timedelta(seconds=settings.payment_timeout_seconds),
        )
        self._allow_forced_payment_result = settings.allow_forced_payment_result
        self.consumer = QueueConsumer(
            event_handler(self._handle, {EventType.ORDER_PLACED: ORDER_PROCESSING_DURATION}),
            DeadLetters(aws_clients.sqs(), settings.dead_letter_queue_url),
            RequestMetrics(Function.ORDER_SERVICE, settings.environment),
        )

    def _handle(self, message: Message) -> None:
        match message.event_type:
            case EventType.ORDER_PLACED:
                placed = validate(OrderPlaced, message.detail)
                order = placed.to_order(allow_forced_payment_result=self._allow_forced_payment_result)
                self._service.place(order, message.cause)
            case EventType.PAYMENT_PROCESSED | EventType.PAYMENT_FAILED:
                self._service.conclude(validate(OrderReference, message.detail).order_id, message.cause)
            case _:
                raise RejectedError(RejectionReason.UNKNOWN_EVENT, "detail-type: not one that the order service takes")


@cache
def _application() -> _Application:
    return _Application(OrderSettings.from_environment())


def handler(event: SqsEvent, context: LambdaContext) -> BatchResponse:
    return _application().consumer.consume(event, context)

"""The fulfilment service: one Lambda behind the fulfilment queue."""

from datetime import timedelta
from functools import cache
from typing import Annotated, Self

from pydantic import Field, model_validator

from services.fulfilment_service.service import FulfilmentService
from services.fulfilment_service.simulated_carrier import SimulatedCarrier
from services.libs.messaging.dead_letters import DeadLetters
from services.libs.messaging.deadline_messages import deadline_handler
from services.libs.messaging.incoming_events import order_id, parse_message
from services.libs.messaging.messages import Message, validate
from services.libs.messaging.queue_consumer import MessageHandler, QueueConsumer, one_by_one
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging
from services.libs.runtime import aws_clients
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import BatchResponse, LambdaContext, SqsEvent
from services.libs.runtime.settings import Share
from services.libs.store.deadline_table import DeadlineTable
from services.libs.store.event_store import EventStore
from services.libs.store.inventory_table import InventoryTable
from services.libs.store.store_settings import StoreSettings
from services.shared.events.event import type_names
from services.shared.events.fulfilment import ShipmentCreated, ShipmentReference
from services.shared.events.order import OrderConfirmed

FUNCTION = function_name(__name__)
CONFIRMED, CREATED = (OrderConfirmed,), (ShipmentCreated,)
CONSUMES = (*CONFIRMED, *CREATED)


class FulfilmentSettings(StoreSettings):
    deadline_table: str
    dead_letter_queue_url: str
    carrier_speed: Annotated[float, Field(gt=0)]
    carrier_lost_share: Share
    carrier_returned_share: Share
    carrier_fault_rate: Share
    tracking_interval_seconds: Annotated[int, Field(ge=60)]

    @model_validator(mode="after")
    def _shares_are_of_one_whole(self) -> Self:
        if self.carrier_lost_share + self.carrier_returned_share > 1:
            raise ValueError("CARRIER_LOST_SHARE and CARRIER_RETURNED_SHARE are more than 1 together")
        return self


class _Application:
    def __init__(self, settings: FulfilmentSettings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        client = aws_clients.dynamodb()
        self._service = FulfilmentService(
            EventStore(client, settings.tables),
            InventoryTable(client, settings.inventory_table),
            DeadlineTable(client, settings.deadline_table),
            SimulatedCarrier(
                settings.carrier_speed,
                settings.carrier_lost_share,
                settings.carrier_returned_share,
                settings.carrier_fault_rate,
            ),
            timedelta(seconds=settings.tracking_interval_seconds),
        )
        self.consumer = QueueConsumer(
            (
                MessageHandler(one_by_one(self._start), type_names(CONFIRMED)),
                MessageHandler(one_by_one(self._book), type_names(CREATED)),
                deadline_handler(self._service.track),
            ),
            DeadLetters(aws_clients.sqs(), settings.dead_letter_queue_url),
            RequestMetrics(FUNCTION, settings.environment),
            parse_message,
        )

    def _start(self, message: Message) -> None:
        self._service.start(order_id(message), message.cause)

    def _book(self, message: Message) -> None:
        self._service.book(validate(ShipmentReference, message.detail).shipment_id, message.cause)


@cache
def _application() -> _Application:
    return _Application(FulfilmentSettings.from_environment())


def handler(event: SqsEvent, context: LambdaContext) -> BatchResponse:
    return _application().consumer.consume(event, context)

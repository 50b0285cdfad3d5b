"""The order service: one Lambda behind the order queue."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Annotated

from pydantic import Field

from services.libs.messaging.dead_letters import DeadLetters
from services.libs.messaging.deadline_messages import deadline_handler
from services.libs.messaging.incoming_events import event_in, order_id, parse_message
from services.libs.messaging.messages import Message
from services.libs.messaging.queue_consumer import MessageHandler, Outcome, QueueConsumer, validated
from services.libs.observability.metrics import ORDER_PROCESSING_DURATION
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging
from services.libs.runtime import aws_clients
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import BatchResponse, LambdaContext, SqsEvent
from services.libs.store.event_store import EventStore
from services.libs.store.inventory_table import InventoryTable
from services.libs.store.store_settings import StoreSettings
from services.order_service.after_sale_service import AfterSale, ReturnTimes
from services.order_service.domain import PlacedOrder
from services.order_service.service import OrderService
from services.shared.events.event import type_names
from services.shared.events.fulfilment import ParcelStatus, ShipmentDelivered, ShipmentTracked
from services.shared.events.order import OrderPlaced
from services.shared.events.payment import PaymentFailed, PaymentProcessed
from services.shared.faults import SecondsLeft

FUNCTION = function_name(__name__)
PLACED, SETTLED = (OrderPlaced,), (PaymentProcessed, PaymentFailed)
TRACKED = (ShipmentTracked, ShipmentDelivered)
CONSUMES = (*PLACED, *SETTLED, *TRACKED)


class OrderSettings(StoreSettings):
    deadline_table: str
    dead_letter_queue_url: str
    payment_timeout_seconds: Annotated[int, Field(ge=1)]
    allow_forced_payment_result: bool
    return_window_days: Annotated[int, Field(ge=1, le=365)]
    return_arrival_days: Annotated[int, Field(ge=1, le=365)]


class _Application:
    def __init__(self, settings: OrderSettings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        client = aws_clients.dynamodb()
        store = EventStore(client, settings.tables)
        self._service = OrderService(
            store,
            InventoryTable(client, settings.inventory_table),
            timedelta(seconds=settings.payment_timeout_seconds),
        )
        self._after_sale = AfterSale(
            store,
            ReturnTimes(
                window=timedelta(days=settings.return_window_days), arrival=timedelta(days=settings.return_arrival_days)
            ),
        )
        self._allow_forced_payment_result = settings.allow_forced_payment_result
        self.consumer = QueueConsumer(
            (
                MessageHandler(self._place, type_names(PLACED), ORDER_PROCESSING_DURATION),
                MessageHandler(self._conclude, type_names(SETTLED)),
                MessageHandler(self._follow, type_names(TRACKED)),
                deadline_handler(self._end_waits),
            ),
            DeadLetters(aws_clients.sqs(), settings.dead_letter_queue_url),
            RequestMetrics(FUNCTION, settings.environment),
            parse_message,
        )

    def _place(self, messages: Sequence[Message], seconds_left: SecondsLeft) -> Sequence[Outcome]:
        return validated(messages, self._order, partial(self._service.place_all, seconds_left=seconds_left))

    def _conclude(self, messages: Sequence[Message], _: SecondsLeft) -> Sequence[Outcome]:
        return validated(messages, order_id, self._service.conclude_all)

    def _follow(self, messages: Sequence[Message], seconds_left: SecondsLeft) -> Sequence[Outcome]:
        return validated(messages, _followed, partial(self._after_sale.follow_all, seconds_left=seconds_left))

    def _end_waits(self, streams: Sequence[str], now: datetime, seconds_left: SecondsLeft) -> Mapping[str, Exception]:
        """End the waits that took too long: for payments, and for goods to come back."""
        failures = self._service.expire_all(streams, now, seconds_left)
        return failures | self._after_sale.close_overdue_returns(streams, now, seconds_left)

    def _order(self, message: Message) -> PlacedOrder:
        placed = event_in(message, OrderPlaced)
        return PlacedOrder.of(placed, allow_forced_payment_result=self._allow_forced_payment_result)


def _followed(message: Message) -> str:
    """The id of the order whose parcels are to be looked at; empty for a label, which changes nothing for the order."""
    about = order_id(message)
    return "" if message.detail.get("status") == ParcelStatus.BOOKED else about


@cache
def _application() -> _Application:
    return _Application(OrderSettings.from_environment())


def handler(event: SqsEvent, context: LambdaContext) -> BatchResponse:
    return _application().consumer.consume(event, context)

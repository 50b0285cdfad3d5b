"""The order service's routes: customers look at their orders, cancel and return; staff takes returns in."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field, StrictInt

from services.libs.http.bodies import RequestBody
from services.libs.http.callers import Access
from services.libs.http.headers import IdempotencyKey, IfMatchOrAny
from services.libs.http.shop_api import ShopApi, answered
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging
from services.libs.runtime import aws_clients
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import HttpRequest, HttpResponse, LambdaContext
from services.libs.store.customer_orders import Undecided
from services.libs.store.event_store import EventStore
from services.libs.store.store_settings import StoreSettings
from services.order_service.after_sale import ReceivedGoods
from services.order_service.after_sale_service import AfterSale, Request, ReturnTimes
from services.order_service.order_reader import OrderReader
from services.order_service.order_statuses import OrderStatus, actions_of
from services.order_service.order_views import OrderView, ReturnView
from services.shared.events.event import Identifier, Sku
from services.shared.events.order import ReturnRequested, order_lines
from services.shared.inventory import StockLine
from services.shared.order_state import Order
from services.shared.refusals import Refusal, RefusedError

FUNCTION = function_name(__name__)
api = ShopApi()

OrderId = Annotated[Identifier, Path(alias="orderId", description="The id that the checkout told.")]
_COMMAND = (Refusal.NOT_YET, Refusal.NOT_FOUND, Refusal.STALE, Refusal.KEY_REUSED)
_UNDECIDED = 0
"""The version of an order that has no commit yet."""
_ASK_AGAIN_SECONDS = {OrderStatus.PLACED: 1, OrderStatus.STALLED: 60}


class OrderApiSettings(StoreSettings):
    deadline_table: str
    return_window_days: Annotated[int, Field(ge=1, le=365)]
    return_arrival_days: Annotated[int, Field(ge=1, le=365)]

    @property
    def return_times(self) -> ReturnTimes:
        return ReturnTimes(
            window=timedelta(days=self.return_window_days), arrival=timedelta(days=self.return_arrival_days)
        )


class ReturnLine(RequestBody):
    sku: Sku
    quantity: Annotated[StrictInt, Field(ge=1, le=10_000)]


class RequestReturn(RequestBody):
    lines: Annotated[tuple[ReturnLine, ...], Field(min_length=1, max_length=50)]


class ReceiveReturn(RequestBody):
    lines: Annotated[tuple[ReturnLine, ...], Field(min_length=1, max_length=50)]
    """The units that came back, which are refunded."""
    restock: Annotated[tuple[ReturnLine, ...], Field(max_length=50)]
    """Those of them that are fit for sale."""


class _Application:
    def __init__(self, settings: OrderApiSettings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        store = EventStore(aws_clients.dynamodb(), settings.tables)
        self.metrics = RequestMetrics(FUNCTION, settings.environment)
        self.orders = OrderReader(store)
        self.after_sale = AfterSale(store, settings.return_times)
        self.return_window = settings.return_times.window


@cache
def _application() -> _Application:
    return _Application(OrderApiSettings.from_environment())


def handler(event: HttpRequest, context: LambdaContext) -> HttpResponse:
    return api.answer(event, context, _application().metrics)


@api.route("GET", "/v1/orders/{orderId}", Access.CUSTOMER, refusals=(Refusal.NOT_FOUND,))
def get_order(
    order_id: OrderId,
    customer_id: Annotated[
        Identifier | None,
        Query(alias="customerId", description="For staff: whose order it is, if it is not decided yet."),
    ] = None,
) -> Response[OrderView]:
    """Read an order. A customer finds their own, staff everybody's."""
    api.log(order_id=order_id)
    caller, now = api.caller, api.cause.at
    whose = customer_id if caller.is_staff and customer_id else caller.customer_id
    found = _application().orders.find(order_id, whose, is_staff=caller.is_staff)
    if isinstance(found, Undecided):
        view = OrderView.of_undecided(found, now, for_staff=caller.is_staff)
        return answered(view, version=_UNDECIDED, retry_after_seconds=_ASK_AGAIN_SECONDS[view.status])
    return answered(_view(found, now, for_staff=caller.is_staff), version=found.state.version)


@api.route(
    "POST",
    "/v1/orders/{orderId}/cancellation",
    Access.CUSTOMER,
    refusals=(*_COMMAND, Refusal.NOT_ALLOWED, Refusal.TOO_LATE),
)
def cancel_order(order_id: OrderId, key: IdempotencyKey, version: IfMatchOrAny = None) -> Response[OrderView]:
    """Cancel an order whose fulfilment has not started. Whatever was paid is given back."""
    api.log(order_id=order_id)
    caller = api.caller.customer_id
    with _known_to(order_id, caller):
        commit = _application().after_sale.cancel(order_id, caller, api.cause, Request(api.command_of(key), version))
    order = _application().orders.as_of(order_id, commit)
    return answered(_view(order, api.cause.at), version=order.state.version)


@api.route(
    "POST",
    "/v1/orders/{orderId}/returns",
    Access.CUSTOMER,
    status=201,
    refusals=(*_COMMAND, Refusal.NOT_ALLOWED, Refusal.TOO_LATE, Refusal.TOO_MUCH, Refusal.INVALID),
)
def request_return(
    order_id: OrderId, body: RequestReturn, key: IdempotencyKey, version: IfMatchOrAny = None
) -> Response[ReturnView]:
    """Announce to send delivered goods back."""
    api.log(order_id=order_id)
    caller, command = api.caller.customer_id, api.command_of(key, body)
    announced = ReturnRequested(
        order_id=order_id,
        customer_id=caller,
        return_id=f"r-{command.key[:24]}",
        lines=order_lines(_stock_lines(body.lines)),
    )
    with _known_to(order_id, caller):
        commit = _application().after_sale.request_return(announced, api.cause, Request(command, version))
    order = _application().orders.as_of(order_id, commit)
    return answered(
        ReturnView.of(order.returns[announced.return_id]),
        status=201,
        version=order.state.version,
        location=f"/v1/orders/{order_id}",
    )


@api.route(
    "POST",
    "/v1/orders/{orderId}/returns/{returnId}/receipt",
    Access.STAFF,
    refusals=(*_COMMAND, Refusal.CONFLICT, Refusal.TOO_MUCH, Refusal.INVALID),
)
def receive_return(
    order_id: OrderId,
    return_id: Annotated[Identifier, Path(alias="returnId")],
    body: ReceiveReturn,
    key: IdempotencyKey,
    version: IfMatchOrAny = None,
) -> Response[ReturnView]:
    """Close a return with the goods that came back. They are refunded, and those fit for sale are in stock again."""
    api.log(order_id=order_id)
    goods = ReceivedGoods(order_id, return_id, _stock_lines(body.lines), _stock_lines(body.restock))
    with _known_to(order_id, api.caller.customer_id, is_staff=True):
        request = Request(api.command_of(key, body), version)
        commit = _application().after_sale.receive_return(goods, api.cause, request)
    order = _application().orders.as_of(order_id, commit)
    return answered(ReturnView.of(order.returns[return_id]), version=order.state.version)


@contextmanager
def _known_to(order_id: str, customer_id: str, *, is_staff: bool = False) -> Iterator[None]:
    """Refuse an order in one way, whether it is unknown or another customer's, and in another if it is not decided."""
    try:
        yield
    except RefusedError as refused:
        if refused.reason in {Refusal.NOT_FOUND, Refusal.NOT_YET}:
            found = _application().orders.find(order_id, customer_id, is_staff=is_staff)
            if isinstance(found, Undecided):
                raise RefusedError(
                    Refusal.NOT_YET, f"order {order_id} is not decided yet: try again in a moment"
                ) from refused
        raise


def _view(order: Order, now: datetime, *, for_staff: bool = False) -> OrderView:
    actions = actions_of(order, now, _application().return_window)
    return OrderView.of(order, _application().orders.parcels(order), actions, for_staff=for_staff)


def _stock_lines(lines: tuple[ReturnLine, ...]) -> tuple[StockLine, ...]:
    return tuple(StockLine(line.sku, line.quantity) for line in lines)

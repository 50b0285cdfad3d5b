"""The cart as its customer sees it: the routes below /v1/cart."""

from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field, StrictInt

from services.cart_service.domain import MOST_UNITS, Cart, CartLine, PriceChangedError, Request, Stock, Total
from services.cart_service.service import CartService
from services.cart_service.settings import CartSettings
from services.libs.http.bodies import RequestBody, ResponseBody
from services.libs.http.callers import Access
from services.libs.http.headers import IdempotencyKey, IfMatch
from services.libs.http.problems import ProblemError
from services.libs.http.shop_api import ShopApi, answered
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging
from services.libs.runtime import aws_clients
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import HttpRequest, HttpResponse, LambdaContext
from services.libs.store.event_store import EventStore
from services.libs.store.inventory_table import InventoryTable
from services.shared.events.event import Currency, Sku
from services.shared.refusals import Refusal

FUNCTION = function_name(__name__)
_DECIDED_AFTER_SECONDS = 1

api = ShopApi()


class _Application:
    def __init__(self, settings: CartSettings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        client = aws_clients.dynamodb()
        self.metrics = RequestMetrics(FUNCTION, settings.environment)
        self.carts = CartService(
            EventStore(client, settings.tables),
            InventoryTable(client, settings.inventory_table),
            settings.abandoned_after,
        )


@cache
def _application() -> _Application:
    return _Application(CartSettings.from_environment())


def handler(event: HttpRequest, context: LambdaContext) -> HttpResponse:
    return api.answer(event, context, _application().metrics)


Units = Annotated[StrictInt, Field(ge=1, le=MOST_UNITS)]


class AddItem(RequestBody):
    sku: Sku
    quantity: Units


class ChangeItem(RequestBody):
    quantity: Units


class Checkout(RequestBody):
    """The total that the customer was shown: the order costs no more."""

    total_minor: Annotated[StrictInt, Field(ge=0)]
    currency: Currency


class TotalView(ResponseBody):
    amount_minor: int
    currency: str


class CartLineView(ResponseBody):
    sku: str
    name: str
    quantity: int
    unit_price_minor: int
    """The price that the customer saw when the last units were added."""
    currency: str
    present_unit_price_minor: int | None = None
    """What a unit costs now, where that differs; only `GET` tells."""
    gone: bool = False
    """Whether the product is no longer for sale, or not in this currency; only `GET` tells."""


class CartView(ResponseBody):
    lines: tuple[CartLineView, ...]
    totals: tuple[TotalView, ...]
    """At the prices that the customer saw, by currency."""
    present_totals: tuple[TotalView, ...] | None = None
    """At the prices of now, without what is gone: what to show before the checkout; only `GET` tells."""


class CheckoutView(ResponseBody):
    order_id: str
    shown_total_minor: int
    currency: str


@api.route("GET", "/v1/cart", Access.CUSTOMER)
def get_cart() -> Response[CartView]:
    """Read the cart, and what its products cost now."""
    return _cart(*_application().carts.read(api.caller.customer_id))


@api.route(
    "POST",
    "/v1/cart/items",
    Access.CUSTOMER,
    refusals=(Refusal.NOT_FOUND, Refusal.TOO_MUCH, Refusal.STALE, Refusal.KEY_REUSED, Refusal.ERASED),
)
def add_cart_item(body: AddItem, version: IfMatch, key: IdempotencyKey) -> Response[CartView]:
    """Add units of a product to the cart, at its price of now."""
    request = Request(version, api.cause, api.command_of(key, body))
    return _cart(_application().carts.add(api.caller.customer_id, body.sku, body.quantity, request))


@api.route(
    "PUT",
    "/v1/cart/items/{sku}",
    Access.CUSTOMER,
    refusals=(Refusal.NOT_FOUND, Refusal.TOO_MUCH, Refusal.STALE, Refusal.ERASED),
)
def set_cart_item(sku: Annotated[Sku, Path()], body: ChangeItem, version: IfMatch) -> Response[CartView]:
    """Set the quantity of a product in the cart."""
    request = Request(version, api.cause)
    return _cart(_application().carts.set_quantity(api.caller.customer_id, sku, body.quantity, request))


@api.route(
    "DELETE",
    "/v1/cart/items/{sku}",
    Access.CUSTOMER,
    refusals=(Refusal.NOT_FOUND, Refusal.TOO_MUCH, Refusal.STALE, Refusal.ERASED),
)
def remove_cart_item(sku: Annotated[Sku, Path()], version: IfMatch) -> Response[CartView]:
    """Remove a product from the cart."""
    return _cart(_application().carts.remove(api.caller.customer_id, sku, Request(version, api.cause)))


@api.route("DELETE", "/v1/cart", Access.CUSTOMER, refusals=(Refusal.STALE, Refusal.ERASED))
def clear_cart(version: IfMatch) -> Response[CartView]:
    """Remove everything from the cart."""
    return _cart(_application().carts.clear(api.caller.customer_id, Request(version, api.cause)))


@api.route(
    "POST",
    "/v1/cart/checkout",
    Access.CUSTOMER,
    status=202,
    refusals=(Refusal.NOT_ALLOWED, Refusal.PRICE_CHANGED, Refusal.STALE, Refusal.KEY_REUSED, Refusal.ERASED),
)
def check_out_cart(body: Checkout, version: IfMatch, key: IdempotencyKey) -> Response[CheckoutView]:
    """Order what is in the cart, for no more than the customer was shown."""
    request = Request(version, api.cause, api.command_of(key, body))
    shown = Total(body.total_minor, body.currency)
    try:
        cart, checkout = _application().carts.check_out(api.caller.customer_id, shown, request)
    except PriceChangedError as changed:
        raise _price_changed(changed) from changed
    api.log(order_id=checkout.order_id)
    return answered(
        CheckoutView(
            order_id=checkout.order_id, shown_total_minor=checkout.shown_total_minor, currency=checkout.currency
        ),
        status=HTTPStatus.ACCEPTED,
        version=cart.version,
        location=f"/v1/orders/{checkout.order_id}",
        retry_after_seconds=_DECIDED_AFTER_SECONDS,
    )


def _cart(cart: Cart, stock: Stock | None = None) -> Response[CartView]:
    """`stock` is what there is now of its products. A command's answer does without, to be the same when repeated."""
    view = CartView(
        lines=tuple(_line(line, stock) for line in cart.lines.values()),
        totals=_totals(cart.totals()),
        present_totals=None if stock is None else _totals(cart.totals(stock)),
    )
    return answered(view, version=cart.version)


def _line(line: CartLine, stock: Stock | None) -> CartLineView:
    price = line.unit_price_minor if stock is None else line.present_price(stock)
    differing = None if price == line.unit_price_minor else price
    return CartLineView(**line._asdict(), present_unit_price_minor=differing, gone=price is None)


def _totals(totals: Iterable[Total]) -> tuple[TotalView, ...]:
    return tuple(TotalView(amount_minor=total.amount_minor, currency=total.currency) for total in totals)


def _price_changed(changed: PriceChangedError) -> ProblemError:
    totals = {"shown": changed.shown, "present": changed.present}
    extensions = {name: _totals([total])[0].model_dump(by_alias=True) for name, total in totals.items()}
    return ProblemError(HTTPStatus.CONFLICT, str(changed), changed.reason, extensions=extensions)

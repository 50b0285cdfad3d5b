"""Commands as customers and staff send them, and what they were told of each."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import uuid4

from pydantic import BaseModel

from scripts.operate.shop_requests import Answer, ProblemError
from services.cart_service.api import AddItem, CartView, ChangeItem, Checkout, CheckoutView
from services.catalog_service.api import (
    CategoryView,
    NewCategory,
    NewProduct,
    NewStock,
    ProductChanges,
    ProductView,
    StockView,
)
from services.catalog_service.domain import category_id_of
from services.libs.http.bodies import RequestBody
from services.libs.http.commands import command_of
from services.order_service.api import ReceiveReturn, RequestReturn
from services.order_service.order_views import OrderView, ReturnView
from services.shared.cart_lifecycle import CART_PREFIX, cart_stream
from services.shared.category_lifecycle import category_stream
from services.shared.commits import Command, order_stream, sku_stream
from services.shared.events.cart import CartCheckoutInitiated, CartCleared, CartItemAdded, CartItemRemoved
from services.shared.events.catalog import CategoryCreated, ProductCreated, ProductInventoryUpdated, ProductUpdated
from services.shared.events.event import Event
from services.shared.events.order import OrderCancelled, ReturnReceived, ReturnRequested

_SERVER_ERRORS = 500

AnyAnswer = Answer[Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One command. Its repetitions have the same key and the same correlation id, by which its commit is found."""

    name: str
    caller: str
    method: str
    route: str
    answered_as: type[BaseModel]
    stream_id: str
    leads_to: tuple[type[Event], ...]
    """One of these events is in its commit."""
    says: Mapping[str, object]
    """What that event says, by field."""
    body: RequestBody | None = None
    version: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    key: str = field(default_factory=lambda: uuid4().hex)
    correlation_id: str = field(default_factory=lambda: uuid4().hex)
    is_sealed: bool = False
    """Whether its content is stored as a hash that only its customer's key makes."""

    @property
    def path(self) -> str:
        return self.route.format(**self.parameters)

    @property
    def command(self) -> Command | None:
        """What the commit holds of the request; None for one without a key."""
        if self.method != "POST":
            return None
        return command_of(self.caller, f"POST {self.route}", self.key, self.body, self.parameters)

    @property
    def is_of_a_cart(self) -> bool:
        return self.stream_id.startswith(CART_PREFIX)


class Outcome(StrEnum):
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    NOT_ANSWERED = "not answered"


@dataclass(frozen=True, slots=True)
class Sent:
    request: Request
    answer: AnyAnswer | None = None
    """None if it was not acknowledged."""
    problem: ProblemError | None = None
    """None too if it got no answer at all."""

    @property
    def outcome(self) -> Outcome:
        if self.answer:
            return Outcome.ACKNOWLEDGED
        return Outcome.REFUSED if self.is_refused else Outcome.NOT_ANSWERED

    @property
    def is_refused(self) -> bool:
        """Whether its caller was told that it had no effect."""
        return self.problem is not None and self.problem.status < _SERVER_ERRORS


@dataclass(frozen=True, slots=True)
class Repetition:
    """A command that was acknowledged, and what its repetition was told."""

    sent: Sent
    again: Sent


@dataclass(slots=True)
class Log:
    """Several hands write to it."""

    sent: list[Sent] = field(default_factory=list)
    repetitions: list[Repetition] = field(default_factory=list)

    def outcomes(self) -> Counter[tuple[str, Outcome]]:
        """How often which command was told what."""
        return Counter((one.request.name, one.outcome) for one in self.sent)

    def order_ids(self) -> list[str]:
        """The orders of the checkouts that were acknowledged."""
        answers = (one.answer.content for one in self.sent if one.answer)
        return [answer.order_id for answer in answers if isinstance(answer, CheckoutView)]

    def refusals(self) -> Counter[str]:
        """How often which command was refused for which reason."""
        return Counter(
            f"{one.request.name}, {one.problem.reason or one.problem.status}" for one in self.sent if one.problem
        )


class CartCommands:
    """The commands of one customer about the cart at a version."""

    def __init__(self, customer_id: str) -> None:
        self._customer_id = customer_id

    def add(self, sku: str, quantity: int, version: int) -> Request:
        says = {"sku": sku, "quantity": quantity}
        body = AddItem(sku=sku, quantity=quantity)
        return self._of("add", "POST", "/items", (CartItemAdded,), says, version=version, body=body)

    def set_quantity(self, sku: str, quantity: int, version: int) -> Request:
        leads_to, body = (CartItemAdded, CartItemRemoved), ChangeItem(quantity=quantity)
        return self._of("set", "PUT", "/items/{sku}", leads_to, {"sku": sku}, version=version, body=body, sku=sku)

    def remove(self, sku: str, version: int) -> Request:
        return self._of("remove", "DELETE", "/items/{sku}", (CartItemRemoved,), {"sku": sku}, version=version, sku=sku)

    def clear(self, version: int) -> Request:
        return self._of("clear", "DELETE", "", (CartCleared,), {"reason": "customer_request"}, version=version)

    def check_out(self, total_minor: int, currency: str, version: int) -> Request:
        says = {"shown_total_minor": total_minor, "currency": currency}
        body = Checkout.model_validate({"totalMinor": total_minor, "currency": currency})
        leads_to = (CartCheckoutInitiated,)
        return self._of(
            "check out", "POST", "/checkout", leads_to, says, version=version, body=body, answered_as=CheckoutView
        )

    def _of(  # noqa: PLR0913 - the parts of a request
        self,
        name: str,
        method: str,
        route: str,
        leads_to: tuple[type[Event], ...],
        says: Mapping[str, object],
        *,
        version: int,
        body: RequestBody | None = None,
        answered_as: type[BaseModel] = CartView,
        **parameters: str,
    ) -> Request:
        return Request(
            name=f"cart: {name}",
            caller=self._customer_id,
            method=method,
            route=f"/v1/cart{route}",
            answered_as=answered_as,
            stream_id=cart_stream(self._customer_id),
            leads_to=leads_to,
            says=says,
            body=body,
            version=version,
            parameters=parameters,
        )


def cancel(caller: str, order_id: str) -> Request:
    return Request(
        name="order: cancel",
        caller=caller,
        method="POST",
        route="/v1/orders/{orderId}/cancellation",
        answered_as=OrderView,
        stream_id=order_stream(order_id),
        leads_to=(OrderCancelled,),
        says={"reason": "customer_request"},
        parameters={"orderId": order_id},
    )


def send_back(caller: str, order_id: str, sku: str, quantity: int) -> Request:
    lines = [{"sku": sku, "quantity": quantity}]
    return Request(
        name="order: return",
        caller=caller,
        method="POST",
        route="/v1/orders/{orderId}/returns",
        answered_as=ReturnView,
        stream_id=order_stream(order_id),
        leads_to=(ReturnRequested,),
        says={"lines": lines},
        body=RequestReturn.model_validate({"lines": lines}),
        parameters={"orderId": order_id},
    )


def receive(caller: str, order_id: str, return_id: str, sku: str, quantity: int) -> Request:
    lines = [{"sku": sku, "quantity": quantity}]
    return Request(
        name="staff: receive a return",
        caller=caller,
        method="POST",
        route="/v1/orders/{orderId}/returns/{returnId}/receipt",
        answered_as=ReturnView,
        stream_id=order_stream(order_id),
        leads_to=(ReturnReceived,),
        says={"return_id": return_id, "lines": lines, "restock": lines},
        body=ReceiveReturn.model_validate({"lines": lines, "restock": lines}),
        parameters={"orderId": order_id, "returnId": return_id},
    )


def create_category(caller: str, name: str) -> Request:
    key, body, route = uuid4().hex, NewCategory(name=name), "/v1/categories"
    category_id = category_id_of(command_of(caller, f"POST {route}", key, body))
    return Request(
        name="staff: create a category",
        caller=caller,
        method="POST",
        route=route,
        answered_as=CategoryView,
        stream_id=category_stream(category_id),
        leads_to=(CategoryCreated,),
        says={"category_id": category_id, "name": name},
        body=body,
        key=key,
    )


def create_product(caller: str, sku: str, price_minor: int) -> Request:
    fields = {"sku": sku, "name": f"Product {sku}", "price_minor": price_minor, "currency": "GBP"}
    body = NewProduct.model_validate({"sku": sku, "name": fields["name"], "priceMinor": price_minor, "currency": "GBP"})
    return Request(
        name="staff: create a product",
        caller=caller,
        method="POST",
        route="/v1/products",
        answered_as=ProductView,
        stream_id=sku_stream(sku),
        leads_to=(ProductCreated,),
        says=fields,
        body=body,
    )


def change_price(caller: str, sku: str, price_minor: int, version: int) -> Request:
    return Request(
        name="staff: change a price",
        caller=caller,
        method="PATCH",
        route="/v1/products/{sku}",
        answered_as=ProductView,
        stream_id=sku_stream(sku),
        leads_to=(ProductUpdated,),
        says={"sku": sku, "price_minor": price_minor},
        body=ProductChanges.model_validate({"priceMinor": price_minor}),
        version=version,
        parameters={"sku": sku},
    )


def set_stock(caller: str, sku: str, stock: int) -> Request:
    return Request(
        name="staff: set a stock",
        caller=caller,
        method="PUT",
        route="/v1/products/{sku}/stock",
        answered_as=StockView,
        stream_id=sku_stream(sku),
        leads_to=(ProductInventoryUpdated,),
        says={"sku": sku, "stock": stock},
        body=NewStock(stock=stock),
        parameters={"sku": sku},
    )

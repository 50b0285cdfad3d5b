"""Who may call which route of the shop API, and a shop with things for each of them."""

import json
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple, Self, TypeAlias
from uuid import uuid4

import requests

from services.shared.shipment_lifecycle import shipment_id
from tests.integration.after_sale_writes import AfterSaleWrites
from tests.integration.routes import Route, every_route
from tests.integration.tokens import Person
from tests.integration.world import World
from tests.integration.writes import new_order

Body: TypeAlias = Mapping[str, object]
ROUTES = every_route()
WEBHOOK = "POST /v1/carrier-events"
ERASE, GIVE_FEEDBACK = "DELETE /v1/me", "POST /v1/orders/{orderId}/feedback"


class Who(StrEnum):
    NOBODY = "nobody"
    ANOTHER = "another customer"
    STAFF = "staff"
    CUSTOMER = "the customer whose things they are"


class Row(NamedTuple):
    """The statuses of the answers to a request that has everything it needs, but perhaps the right caller."""

    nobody: int
    another: int
    staff: int
    customer: int
    body: Body | None = None

    @property
    def statuses(self) -> dict[Who, int]:
        return dict(zip(Who, self[:4], strict=True))


_GOODS = [{"sku": "{sku}", "quantity": 1}]
MESSAGE = {"shipmentId": "{shipmentId}", "carrierEventId": "event-1", "state": "delivered", "at": "{now}"}

# A name in braces is filled in. Everybody who is signed in has a cart: that of the customer holds one {sku}.
# The customer's ticket that staff names is open, and the one that everybody else names is resolved.
EXPECTED = {
    "GET /v1/health": Row(200, 200, 200, 200),
    "GET /v1/categories": Row(200, 200, 200, 200),
    "GET /v1/categories/{categoryId}": Row(200, 200, 200, 200),
    "GET /v1/products": Row(200, 200, 200, 200),
    "GET /v1/products/{sku}": Row(200, 200, 200, 200),
    "POST /v1/categories": Row(401, 403, 201, 403, {"name": "{new}"}),
    "POST /v1/products": Row(
        401, 403, 201, 403, {"sku": "{new}", "name": "{new}", "priceMinor": 500, "currency": "GBP"}
    ),
    "PATCH /v1/products/{sku}": Row(401, 403, 200, 403, {"description": "{new}"}),
    "PUT /v1/products/{sku}/stock": Row(401, 403, 200, 403, {"stock": 20}),
    "GET /v1/cart": Row(401, 200, 200, 200),
    "POST /v1/cart/items": Row(401, 200, 200, 200, {"sku": "{anotherSku}", "quantity": 1}),
    "PUT /v1/cart/items/{sku}": Row(401, 200, 200, 200, {"quantity": 2}),
    "DELETE /v1/cart/items/{sku}": Row(401, 404, 404, 200),
    "DELETE /v1/cart": Row(401, 200, 200, 200),
    "POST /v1/cart/checkout": Row(401, 409, 409, 202, {"totalMinor": 500, "currency": "GBP"}),
    "GET /v1/me": Row(401, 200, 200, 200),
    "PATCH /v1/me": Row(401, 200, 200, 200, {"name": "{new}"}),
    ERASE: Row(401, 204, 204, 204),
    "GET /v1/tickets": Row(401, 200, 200, 200),
    "POST /v1/tickets": Row(401, 422, 422, 201, {"subject": "{new}", "text": "Broken.", "orderId": "{orderId}"}),
    "GET /v1/tickets/{ticketId}": Row(401, 404, 200, 200),
    "POST /v1/tickets/{ticketId}/resolution": Row(401, 403, 200, 403, {"text": "A new one is on its way."}),
    "POST /v1/tickets/{ticketId}/reopening": Row(401, 404, 404, 200, {"text": "It is broken too."}),
    "POST /v1/tickets/{ticketId}/closure": Row(401, 404, 200, 200),
    GIVE_FEEDBACK: Row(401, 404, 404, 201, {"rating": 4, "text": "Well packed."}),
    "GET /v1/orders/{orderId}/feedback": Row(401, 404, 200, 200),
    "GET /v1/orders/{orderId}": Row(401, 404, 200, 200),
    "POST /v1/orders/{orderId}/cancellation": Row(401, 404, 404, 200),
    "POST /v1/orders/{orderId}/returns": Row(401, 404, 404, 201, {"lines": _GOODS}),
    "POST /v1/orders/{orderId}/returns/{returnId}/receipt": Row(401, 403, 200, 403, {"lines": _GOODS, "restock": []}),
    WEBHOOK: Row(401, 401, 401, 401, MESSAGE),
}


def filled(body: Body | None, values: Mapping[str, str]) -> str | None:
    """The body as JSON, with values for the names in braces."""
    text = json.dumps(body) if body else None
    for name, value in values.items():
        text = text and text.replace(f"{{{name}}}", value)
    return text


class Shop:
    """Things that routes are about, and the people who call. The services that move orders on must stand still."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.url = world.deployment.shop_url(world.target)
        self.people = self._new_people()
        self.tickets: dict[Who, str] = {}
        """That of the customer which each of these finds."""
        self.values = {"sku": world.new_sku(), "anotherSku": world.new_sku(), "now": datetime.now(UTC).isoformat()}
        placed, delivered = self._orders()
        self.values |= {"orderId": placed, "returnId": "return-1", "shipmentId": shipment_id(delivered, 1)}
        self._delivered = delivered
        self.values["categoryId"] = self.call(ROUTES["POST /v1/categories"], Who.STAFF).json()["categoryId"]
        self.have_tickets()

    def with_new_people(self) -> Self:
        """The same shop. Its orders are those of the people of before, its tickets those of the new customer."""
        shop = copy(self)
        shop.people, shop.tickets = self._new_people(), {}
        shop.have_tickets()
        return shop

    def _new_people(self) -> dict[Who, Person]:
        return {
            who: Person.signed_up(self.world, staff=who is Who.STAFF) for who in (Who.ANOTHER, Who.STAFF, Who.CUSTOMER)
        }

    def _orders(self) -> tuple[str, str]:
        """An order that can be cancelled, and one that was delivered and of which goods are on their way back."""
        writes, customer = AfterSaleWrites(self.world), self.people[Who.CUSTOMER].customer_id
        placed, delivered = (replace(new_order(self.values["sku"]), customer_id=customer) for _ in range(2))
        writes.do(writes.place(placed))
        writes.delivered(delivered)
        writes.do(writes.request_return(delivered, "return-1"))
        return placed.order_id, delivered.order_id

    def values_for(self, route: Route, who: Who = Who.CUSTOMER) -> dict[str, str]:
        order = {"orderId": self._delivered} if route.path.endswith("/feedback") or "/returns" in route.path else {}
        ticket = self.tickets.get(who) or self.tickets.get(Who.CUSTOMER, "")
        return {**self.values, **order, "ticketId": ticket, "new": f"new-{uuid4().hex[:12]}"}

    def token(self, who: Who) -> str:
        return self.people[who].access_token if who in self.people else ""

    def call(self, route: Route, who: Who, values: Mapping[str, str] | None = None) -> requests.Response:
        """Send the request that the table has."""
        values = values or self.values_for(route, who)
        headers = {"idempotency-key": uuid4().hex, **self._version(route, self.token(who), values)}
        return self.send(route, self.token(who), headers, values, filled(EXPECTED[route.key].body, values))

    def send(
        self,
        route: Route,
        token: str = "",
        headers: Mapping[str, str] | None = None,
        values: Mapping[str, str] | None = None,
        body: str | bytes | None = None,
    ) -> requests.Response:
        sent = {**(headers or {}), "content-type": "application/json"}
        if token:
            sent["authorization"] = f"Bearer {token}"
        path = route.path_with(values or self.values_for(route))
        return requests.request(route.method, f"{self.url}{path}", headers=sent, data=body, timeout=30)

    def prepare(self, route: Route) -> None:
        """Have the things that the route is about, each in a state in which it may be called."""
        if route.path.startswith("/v1/cart"):
            self.have_carts()
        elif "{ticketId}" in route.path:
            self.have_tickets()
        elif route.path.endswith("/feedback") and route.method == "GET":
            self.call(ROUTES[GIVE_FEEDBACK], Who.CUSTOMER)  # refused where there is some

    def have_tickets(self) -> None:
        """Two new ones of the customer: an open one for staff to find, and a resolved one for everybody else."""
        create, resolve = ROUTES["POST /v1/tickets"], ROUTES["POST /v1/tickets/{ticketId}/resolution"]
        body = filled({"subject": "A broken cup", "text": "It came in two."}, {})
        for who in (Who.STAFF, Who.CUSTOMER):
            answer = self.send(create, self.token(Who.CUSTOMER), {"idempotency-key": uuid4().hex}, body=body)
            self.tickets[who] = answer.json()["ticketId"]
        answer = self.call(resolve, Who.STAFF, self.values_for(resolve, Who.CUSTOMER))
        assert answer.status_code == 200, answer.text

    def have_carts(self) -> None:
        """An empty one for everybody, but for the customer one with a unit in it."""
        for who in self.people:
            self._change_cart(who, "DELETE /v1/cart", None)
        self._change_cart(Who.CUSTOMER, "POST /v1/cart/items", {"sku": "{sku}", "quantity": 1})

    def _change_cart(self, who: Who, key: str, body: Body | None) -> None:
        route, token = ROUTES[key], self.token(who)
        headers = {"idempotency-key": uuid4().hex, **self._version(route, token, self.values)}
        answer = self.send(route, token, headers, self.values, filled(body, self.values))
        assert answer.status_code == 200, answer.text

    def _version(self, route: Route, token: str, values: Mapping[str, str]) -> dict[str, str]:
        """The ETag of the thing that the route changes, as this caller sees it."""
        if not route.requires("If-Match"):
            return {}
        read = ROUTES["GET /v1/cart" if route.path.startswith("/v1/cart") else f"GET {route.path}"]
        return {"if-match": self.send(read, token, values=values).headers.get("etag", '"0"')}

"""The client against the services' own declarations: it has every route, and sends each as it is declared."""

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest
import requests

from scripts.operate.shop_client import ShopClient
from services.cart_service.api import TotalView
from services.cart_service.api import api as cart
from services.catalog_service.api import NewCategory, NewProduct, ProductChanges
from services.catalog_service.api import api as catalog
from services.customer_service.api import MyChanges
from services.customer_service.api import api as customers
from services.fulfilment_service.api import CarrierMessage
from services.fulfilment_service.api import api as fulfilment
from services.libs.http.signatures import SIGNATURE_HEADER, Signatures
from services.order_service.api import api as orders

ROUTES = {
    route.function.__name__: route for api in (cart, catalog, customers, fulfilment, orders) for route in api.routes
}
PRODUCT = NewProduct(sku="a.b", name="Cup", priceMinor=100, currency="GBP")
MESSAGE = CarrierMessage(shipmentId="p-1", carrierEventId="e-1", state="delivered", at="2026-01-01T12:00:00Z")

CALLS: Mapping[str, Callable[[ShopClient], object]] = {
    "get_health": lambda shop: shop.get_health(),
    "list_categories": lambda shop: shop.list_categories("top", 5, "next"),
    "get_category": lambda shop: shop.get_category("cups"),
    "create_category": lambda shop: shop.create_category(NewCategory(name="Cups")),
    "list_products": lambda shop: shop.list_products("cups", "Cup", 5, "next"),
    "get_product": lambda shop: shop.get_product("a.b"),
    "create_product": lambda shop: shop.create_product(PRODUCT),
    "change_product": lambda shop: shop.change_product("a.b", ProductChanges.model_validate({"priceMinor": 1}), 7),
    "set_stock": lambda shop: shop.set_stock("a.b", 5),
    "get_cart": lambda shop: shop.get_cart(),
    "add_cart_item": lambda shop: shop.add_cart_item("a.b", 1, 7),
    "set_cart_item": lambda shop: shop.set_cart_item("a.b", 2, 7),
    "remove_cart_item": lambda shop: shop.remove_cart_item("a.b", 7),
    "clear_cart": lambda shop: shop.clear_cart(7),
    "check_out_cart": lambda shop: shop.check_out_cart(TotalView(amount_minor=100, currency="GBP"), 7),
    "get_me": lambda shop: shop.get_me(),
    "change_me": lambda shop: shop.change_me(MyChanges.model_validate({"name": None}), 7),
    "delete_me": lambda shop: shop.delete_me(),
    "get_order": lambda shop: shop.get_order("o-1", "c-1"),
    "cancel_order": lambda shop: shop.cancel_order("o-1", version=7),
    "request_return": lambda shop: shop.request_return("o-1", {"a": 1}),
    "receive_return": lambda shop: shop.receive_return("o-1", "r-1", {"a": 1}, {}),
    "record_carrier_event": lambda shop: shop.record_carrier_event(MESSAGE, "secret"),
}


class _SentError(Exception):
    """Ends a call once its request is known."""


def _sent(monkeypatch: pytest.MonkeyPatch, name: str) -> dict[str, Any]:
    sent: dict[str, Any] = {}

    def request(_: requests.Session, method: str, url: str, **rest: object) -> None:
        sent.update(rest, method=method, path=url.removeprefix("http://127.0.0.1:9/dev"))
        raise _SentError

    monkeypatch.setattr(requests.Session, "request", request)
    with pytest.raises(_SentError):
        CALLS[name](ShopClient("http://127.0.0.1:9/dev"))
    return sent


def test_every_route_has_a_method() -> None:
    assert set(CALLS) == set(ROUTES)


@pytest.mark.parametrize("name", CALLS)
def test_a_method_sends_what_its_route_declares(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    sent, route = _sent(monkeypatch, name), ROUTES[name]

    assert sent["method"] == route.method
    assert re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route.path), sent["path"])
    parameters = cast("Mapping[str, object]", route.function.__annotations__)
    assert ("Idempotency-Key" in sent["headers"]) >= ("key" in parameters)
    assert ("body" in parameters) is (sent["data"] is not None)
    if "version" in parameters and "None" not in str(parameters["version"]):
        assert sent["headers"]["If-Match"] == '"7"'


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("list_categories", {"parent": "top", "limit": 5, "cursor": "next"}),
        ("list_products", {"category": "cups", "name": "Cup", "limit": 5, "cursor": "next"}),
        ("get_order", {"customerId": "c-1"}),
    ],
)
def test_a_query_has_the_names_of_the_wire(
    monkeypatch: pytest.MonkeyPatch, name: str, query: dict[str, object]
) -> None:
    assert _sent(monkeypatch, name)["params"] == query


def test_a_carriers_message_is_signed_as_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = _sent(monkeypatch, "record_carrier_event")
    secret = cast("Any", type("Secret", (), {"current": lambda _: b"secret"})())
    request = cast("Any", type("R", (), {"headers": {SIGNATURE_HEADER.lower(): sent["headers"][SIGNATURE_HEADER]}})())
    request.body = lambda: sent["data"]

    Signatures(secret).check(request)

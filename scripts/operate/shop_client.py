"""A client of the shop API: a method for each route, named as its function in the service."""

import time
from collections.abc import Mapping
from typing import Self
from urllib.parse import quote

from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate.shop_requests import Answer, Nothing, ShopRequests, as_json
from services.cart_service.api import AddItem, CartView, ChangeItem, Checkout, CheckoutView, TotalView
from services.catalog_service.api import (
    CategoryList,
    CategoryView,
    NewCategory,
    NewProduct,
    NewStock,
    ProductChanges,
    ProductList,
    ProductView,
    StockView,
)
from services.customer_service.api import MeView, MyChanges
from services.fulfilment_service.api import CarrierAnswer, CarrierMessage
from services.libs.http.health import Health
from services.libs.http.signatures import SIGNATURE_HEADER, signature
from services.order_service.api import ReceiveReturn, RequestReturn, ReturnLine
from services.order_service.order_views import OrderView, ReturnView
from services.support_service.api import CreateTicket, FeedbackView, GiveFeedback, TicketList, TicketText, TicketView


class ShopClient(ShopRequests):
    """Acts for the bearer of its token, or for nobody without one.

    `version` is that of the answer which the change is meant for, `key` the Idempotency-Key: a new one unless given.
    Every method raises ProblemError where the API refuses, and UserError if no answer comes.
    """

    @classmethod
    def of(cls, target: Target, deployment: Deployment, token: str | None = None) -> Self:
        return cls(deployment.shop_url(target), token)

    def get_health(self) -> Answer[Health]:
        return self.request("GET", "/v1/health", Health)

    def list_categories(
        self, parent: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Answer[CategoryList]:
        query = {"parent": parent, "limit": limit, "cursor": cursor}
        return self.request("GET", "/v1/categories", CategoryList, query=query)

    def get_category(self, category_id: str) -> Answer[CategoryView]:
        return self.request("GET", _path("categories", category_id), CategoryView)

    def create_category(self, new: NewCategory, key: str | None = None) -> Answer[CategoryView]:
        return self.request("POST", "/v1/categories", CategoryView, body=new, key=key)

    def list_products(
        self,
        category: str | None = None,
        name: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Answer[ProductList]:
        query = {"category": category, "name": name, "limit": limit, "cursor": cursor}
        return self.request("GET", "/v1/products", ProductList, query=query)

    def get_product(self, sku: str) -> Answer[ProductView]:
        return self.request("GET", _path("products", sku), ProductView)

    def create_product(self, new: NewProduct, key: str | None = None) -> Answer[ProductView]:
        return self.request("POST", "/v1/products", ProductView, body=new, key=key)

    def change_product(self, sku: str, changes: ProductChanges, version: int) -> Answer[ProductView]:
        """Change the fields of the product that are set."""
        return self.request("PATCH", _path("products", sku), ProductView, body=changes, version=version)

    def set_stock(self, sku: str, stock: int) -> Answer[StockView]:
        return self.request("PUT", _path("products", sku, "stock"), StockView, body=NewStock(stock=stock))

    def get_cart(self) -> Answer[CartView]:
        return self.request("GET", "/v1/cart", CartView)

    def add_cart_item(self, sku: str, quantity: int, version: int, key: str | None = None) -> Answer[CartView]:
        body = AddItem(sku=sku, quantity=quantity)
        return self.request("POST", "/v1/cart/items", CartView, body=body, version=version, key=key)

    def set_cart_item(self, sku: str, quantity: int, version: int) -> Answer[CartView]:
        body = ChangeItem(quantity=quantity)
        return self.request("PUT", _path("cart", "items", sku), CartView, body=body, version=version)

    def remove_cart_item(self, sku: str, version: int) -> Answer[CartView]:
        return self.request("DELETE", _path("cart", "items", sku), CartView, version=version)

    def clear_cart(self, version: int) -> Answer[CartView]:
        return self.request("DELETE", "/v1/cart", CartView, version=version)

    def check_out_cart(self, shown: TotalView, version: int, key: str | None = None) -> Answer[CheckoutView]:
        """Order what is in the cart, for no more than `shown`."""
        body = Checkout(totalMinor=shown.amount_minor, currency=shown.currency)
        return self.request("POST", "/v1/cart/checkout", CheckoutView, body=body, version=version, key=key)

    def get_me(self) -> Answer[MeView]:
        return self.request("GET", "/v1/me", MeView)

    def change_me(self, changes: MyChanges, version: int) -> Answer[MeView]:
        """Change the fields of the bearer's profile that are set."""
        return self.request("PATCH", "/v1/me", MeView, body=changes, version=version)

    def delete_me(self) -> Answer[Nothing]:
        """Erase the bearer, for good."""
        return self.request("DELETE", "/v1/me", Nothing)

    def get_order(self, order_id: str, customer_id: str | None = None) -> Answer[OrderView]:
        return self.request("GET", _path("orders", order_id), OrderView, query={"customerId": customer_id})

    def cancel_order(self, order_id: str, key: str | None = None, version: int | None = None) -> Answer[OrderView]:
        return self.request("POST", _path("orders", order_id, "cancellation"), OrderView, key=key, version=version)

    def request_return(
        self, order_id: str, units: Mapping[str, int], key: str | None = None, version: int | None = None
    ) -> Answer[ReturnView]:
        """Announce to send these units back, by SKU."""
        body = RequestReturn(lines=_lines(units))
        return self.request(
            "POST", _path("orders", order_id, "returns"), ReturnView, body=body, key=key, version=version
        )

    def receive_return(  # noqa: PLR0913 - the parts of the command
        self,
        order_id: str,
        return_id: str,
        units: Mapping[str, int],
        restock: Mapping[str, int],
        *,
        key: str | None = None,
        version: int | None = None,
    ) -> Answer[ReturnView]:
        """Close a return with the units that came back, by SKU; `restock` are those fit for sale."""
        path = _path("orders", order_id, "returns", return_id, "receipt")
        body = ReceiveReturn(lines=_lines(units), restock=_lines(restock))
        return self.request("POST", path, ReturnView, body=body, key=key, version=version)

    def list_tickets(self, limit: int | None = None, cursor: str | None = None) -> Answer[TicketList]:
        return self.request("GET", "/v1/tickets", TicketList, query={"limit": limit, "cursor": cursor})

    def create_ticket(self, new: CreateTicket, key: str | None = None) -> Answer[TicketView]:
        return self.request("POST", "/v1/tickets", TicketView, body=new, key=key)

    def get_ticket(self, ticket_id: str) -> Answer[TicketView]:
        return self.request("GET", _path("tickets", ticket_id), TicketView)

    def resolve_ticket(self, ticket_id: str, text: str, key: str | None = None) -> Answer[TicketView]:
        body = TicketText(text=text)
        return self.request("POST", _path("tickets", ticket_id, "resolution"), TicketView, body=body, key=key)

    def reopen_ticket(self, ticket_id: str, text: str, key: str | None = None) -> Answer[TicketView]:
        body = TicketText(text=text)
        return self.request("POST", _path("tickets", ticket_id, "reopening"), TicketView, body=body, key=key)

    def close_ticket(self, ticket_id: str, key: str | None = None) -> Answer[TicketView]:
        return self.request("POST", _path("tickets", ticket_id, "closure"), TicketView, key=key)

    def give_feedback(
        self, order_id: str, rating: int, text: str | None = None, key: str | None = None
    ) -> Answer[FeedbackView]:
        body = GiveFeedback(rating=rating, text=text)
        return self.request("POST", _path("orders", order_id, "feedback"), FeedbackView, body=body, key=key)

    def get_feedback(self, order_id: str) -> Answer[FeedbackView]:
        return self.request("GET", _path("orders", order_id, "feedback"), FeedbackView)

    def record_carrier_event(self, message: CarrierMessage, secret: str) -> Answer[CarrierAnswer]:
        """Tell how far a parcel is, signed with the secret of carriers."""
        body = as_json(message)
        headers = {SIGNATURE_HEADER: signature(secret.encode(), body, int(time.time()))}
        return self.request("POST", "/v1/carrier-events", CarrierAnswer, body=body, headers=headers)


def _path(*parts: str) -> str:
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def _lines(units: Mapping[str, int]) -> tuple[ReturnLine, ...]:
    return tuple(ReturnLine(sku=sku, quantity=quantity) for sku, quantity in units.items())

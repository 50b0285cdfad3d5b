"""The catalogue's API: everyone reads it, staff changes it."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field, StringConstraints

from services.catalog_service.domain import category_id_of
from services.catalog_service.service import CatalogService
from services.libs.http.bodies import RequestBody, ResponseBody
from services.libs.http.callers import Access
from services.libs.http.cursors import Cursors
from services.libs.http.headers import IdempotencyKey, IfMatch
from services.libs.http.health import Health
from services.libs.http.shared_secrets import SharedSecret
from services.libs.http.shop_api import ShopApi, answered
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging
from services.libs.runtime import aws_clients
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import HttpRequest, HttpResponse, LambdaContext
from services.libs.runtime.parameters import Parameters
from services.libs.store.catalogue_index import CatalogueIndex
from services.libs.store.event_store import EventStore
from services.libs.store.inventory_table import InventoryTable
from services.libs.store.store_settings import StoreSettings
from services.shared.events.catalog import CategoryCreated, Description, Name, Price, ProductCreated, StockOnHand
from services.shared.events.event import Currency, Identifier, Sku
from services.shared.inventory import MAIN_WAREHOUSE
from services.shared.json_types import JsonObject
from services.shared.refusals import Refusal

FUNCTION = function_name(__name__)
api = ShopApi()

_REFUSED = (Refusal.INVALID, Refusal.CONFLICT, Refusal.KEY_REUSED)
NewSku = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*$", max_length=64)]
"""A Sku that is not all dots: clients resolve `.` and `..` in a path, so they would never reach the product."""
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=2048)]


class CatalogSettings(StoreSettings):
    cursor_secret_parameter: str


class _Application:
    def __init__(self, settings: CatalogSettings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        client = aws_clients.dynamodb()
        self.metrics = RequestMetrics(FUNCTION, settings.environment)
        self.catalogue = CatalogService(
            EventStore(client, settings.tables), InventoryTable(client, settings.inventory_table)
        )
        self.index = CatalogueIndex(client, settings.tables)
        self.cursors = Cursors(SharedSecret(Parameters(aws_clients.ssm()), settings.cursor_secret_parameter))


@cache
def _application() -> _Application:
    return _Application(CatalogSettings.from_environment())


def handler(event: HttpRequest, context: LambdaContext) -> HttpResponse:
    return api.answer(event, context, _application().metrics)


class NewCategory(RequestBody):
    name: Name
    parent_id: Identifier | None = None


class CategoryView(ResponseBody):
    category_id: str
    name: str
    parent_id: str | None = None
    """None at the top."""


class CategoryList(ResponseBody):
    categories: tuple[CategoryView, ...]
    next_cursor: str | None = None


class NewProduct(RequestBody):
    sku: NewSku
    name: Name
    description: Description = ""
    category_id: Identifier | None = None
    price_minor: Price
    currency: Currency
    warehouse: Identifier = MAIN_WAREHOUSE


class ProductChanges(RequestBody):
    """A field that is left out stays as it is; null is no value of any."""

    name: Annotated[Name, Field(default_factory=str)]
    description: Annotated[Description, Field(default_factory=str)]
    category_id: Annotated[Identifier, Field(default_factory=str)]
    price_minor: Annotated[Price, Field(default_factory=int)]
    currency: Annotated[Currency, Field(default_factory=str)]
    warehouse: Annotated[Identifier, Field(default_factory=str)]


class ProductView(ResponseBody):
    sku: str
    name: str
    description: str
    category_id: str | None = None
    price_minor: int
    currency: str
    warehouse: str
    available: int
    """Units that can be ordered now."""


class ListedProductView(ResponseBody):
    sku: str
    name: str
    category_id: str | None = None
    price_minor: int
    currency: str


class ProductList(ResponseBody):
    products: tuple[ListedProductView, ...]
    next_cursor: str | None = None


class NewStock(RequestBody):
    stock: StockOnHand


class StockView(ResponseBody):
    sku: str
    stock: int
    reserved: int
    available: int


@api.route("GET", "/v1/health", Access.PUBLIC)
def get_health() -> Health:
    """Say that the API answers."""
    return Health()


@api.route("GET", "/v1/categories", Access.PUBLIC)
def list_categories(parent: Identifier | None = None, limit: Limit = 100, cursor: Cursor = None) -> CategoryList:
    """List the parts of a category, or the categories at the top."""
    query = {"list": "categories", "parent": parent}
    found, following = _application().index.categories(limit, parent, _position(cursor, query))
    categories = tuple(CategoryView(**category.model_dump()) for category in found)
    return CategoryList(categories=categories, next_cursor=_cursor(following, query))


@api.route("GET", "/v1/categories/{categoryId}", Access.PUBLIC, refusals=(Refusal.NOT_FOUND,))
def get_category(category_id: Annotated[Identifier, Path(alias="categoryId")]) -> Response[CategoryView]:
    """Read a category."""
    return answered(CategoryView(**_application().catalogue.category(category_id).model_dump()), version=1)


@api.route("POST", "/v1/categories", Access.STAFF, status=201, refusals=_REFUSED)
def create_category(body: NewCategory, key: IdempotencyKey) -> Response[CategoryView]:
    """Create a category, at the top or as a part of another."""
    command = api.command_of(key, body)
    category = CategoryCreated(category_id=category_id_of(command), name=body.name, parent_id=body.parent_id)
    created = _application().catalogue.create_category(category, command, api.cause).get(CategoryCreated)
    location = f"/v1/categories/{created.category_id}"
    return answered(CategoryView(**created.model_dump()), status=201, version=1, location=location)


@api.route("GET", "/v1/products", Access.PUBLIC)
def list_products(
    category: Identifier | None = None,
    name: Annotated[str | None, Query(min_length=1, max_length=100)] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> ProductList:
    """List products by name: all of them, those of a category, those whose names begin with a text."""
    query = {"list": "products", "category": category, "name": name}
    found, following = _application().index.products(limit, category, name or "", _position(cursor, query))
    products = tuple(ListedProductView(**product._asdict()) for product in found)
    return ProductList(products=products, next_cursor=_cursor(following, query))


@api.route("GET", "/v1/products/{sku}", Access.PUBLIC, refusals=(Refusal.NOT_FOUND,))
def get_product(sku: Annotated[Sku, Path()]) -> Response[ProductView]:
    """Read a product: its price and what is available of it now."""
    return _product(sku)


@api.route("POST", "/v1/products", Access.STAFF, status=201, refusals=_REFUSED)
def create_product(body: NewProduct, key: IdempotencyKey) -> Response[ProductView]:
    """Create a product, without stock."""
    wanted = ProductCreated(**body.model_dump())
    commit = _application().catalogue.create_product(wanted, api.command_of(key, body), api.cause)
    created = commit.get(ProductCreated)
    view = ProductView(**created.model_dump(), available=0)
    return answered(view, status=201, version=commit.version, location=f"/v1/products/{created.sku}")


@api.route("PATCH", "/v1/products/{sku}", Access.STAFF, refusals=(Refusal.NOT_FOUND, Refusal.STALE, Refusal.INVALID))
def change_product(sku: Annotated[Sku, Path()], body: ProductChanges, version: IfMatch) -> Response[ProductView]:
    """Change some fields of a product. Orders that are accepted keep their prices."""
    _application().catalogue.update_product(sku, body.model_dump(exclude_unset=True), api.cause, version)
    return _product(sku)


@api.route("PUT", "/v1/products/{sku}/stock", Access.STAFF, refusals=(Refusal.NOT_FOUND, Refusal.NOT_ALLOWED))
def set_stock(sku: Annotated[Sku, Path()], body: NewStock) -> Response[StockView]:
    """Set the stock on hand, reserved units included."""
    version, item = _application().catalogue.set_stock(sku, body.stock, api.cause)
    view = StockView(sku=sku, stock=item.stock, reserved=item.reserved, available=item.available)
    return answered(view, version=version)


def _product(sku: str) -> Response[ProductView]:
    version, description, item = _application().catalogue.product(sku)
    view = ProductView(sku=sku, description=description, available=item.available, **item.product._asdict())
    return answered(view, version=version)


def _position(cursor: str | None, query: Mapping[str, object]) -> JsonObject | None:
    return _application().cursors.position(cursor, query) if cursor else None


def _cursor(following: JsonObject | None, query: Mapping[str, object]) -> str | None:
    return _application().cursors.cursor(following, query) if following else None

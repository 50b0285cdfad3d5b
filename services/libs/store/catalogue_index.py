"""The lists of the catalogue, by the indexes of the inventory and of the event store.

An index is eventually consistent: it shows a change a moment later. It holds nothing that an order changes, so that no
reservation writes to it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from services.libs.store.commit_items import CATEGORY_PARENT, TOP
from services.libs.store.dynamodb_items import Item, from_item, to_item
from services.libs.store.event_store import Tables
from services.libs.store.inventory_table import EVERY, LISTED, folded
from services.shared.events.catalog import CategoryCreated
from services.shared.json_types import Json, JsonObject, integer, text

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import QueryInputTypeDef

CATEGORIES, BY_CATEGORY, BY_NAME = "categories", "by-category", "by-name"


class ListedProduct(NamedTuple):
    sku: str
    name: str
    category_id: str | None
    price_minor: int
    currency: str


class ProductPage(NamedTuple):
    products: tuple[ListedProduct, ...]
    next: JsonObject | None
    """Where the next page begins; None after the last one."""


class CategoryPage(NamedTuple):
    categories: tuple[CategoryCreated, ...]
    next: JsonObject | None


class CatalogueIndex:
    def __init__(self, client: "DynamoDBClient", tables: Tables) -> None:
        self._client = client
        self._tables = tables

    def products(
        self, limit: int, category_id: str | None = None, name: str = "", after: JsonObject | None = None
    ) -> ProductPage:
        """The products of a category, or of all, whose names begin with `name`, sorted by name."""
        index, key, value = (BY_CATEGORY, "category_id", category_id) if category_id else (BY_NAME, LISTED, EVERY)
        condition, values = f"{key} = :value", {":value": value}
        if prefix := folded(name):
            condition, values = f"{condition} AND begins_with(name_key, :prefix)", values | {":prefix": prefix}
        items, position = self._page(_query(self._tables.inventory, index, condition, values, limit), after)
        return ProductPage(tuple(map(_listed, items)), position)

    def categories(self, limit: int, parent_id: str | None = None, after: JsonObject | None = None) -> CategoryPage:
        """The categories that are parts of another, or those at the top, in the order of their ids."""
        condition, values = f"{CATEGORY_PARENT} = :parent", {":parent": parent_id or TOP}
        items, position = self._page(_query(self._tables.event_store, CATEGORIES, condition, values, limit), after)
        return CategoryPage(tuple(CategoryCreated.of(_body(item)) for item in items), position)

    def _page(self, query: "QueryInputTypeDef", after: JsonObject | None) -> tuple[list[Item], JsonObject | None]:
        if after:
            query["ExclusiveStartKey"] = to_item(after)
        found = self._client.query(**query)
        last = found.get("LastEvaluatedKey")
        return found["Items"], from_item(last) if last else None


def _query(table: str, index: str, condition: str, values: Mapping[str, str], limit: int) -> "QueryInputTypeDef":
    return {
        "TableName": table,
        "IndexName": index,
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": to_item(values),
        "Limit": limit,
    }


def _listed(item: Item) -> ListedProduct:
    values = from_item(item)
    return ListedProduct(
        text(values, "item_id"),
        text(values, "name"),
        text(values, "category_id") if "category_id" in values else None,
        integer(values, "price_minor"),
        text(values, "currency"),
    )


def _body(item: Item) -> dict[str, Json]:
    body = from_item(item)["body"]
    return body if isinstance(body, dict) else {}

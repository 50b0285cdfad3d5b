"""The inventory table: read items, and express a stock change as a conditional update."""

import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING

from services.libs.store.dynamodb_items import Item, batch_get, from_item, to_item
from services.shared.inventory import MAIN_WAREHOUSE, TEST_PREFIX, Product, StockChange, StockItem
from services.shared.json_types import Json, integer, text

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import UpdateTypeDef


LISTED, EVERY = "listed", "every"
"""The hash key of the index of products by name, and its only value."""
_SEARCHED = 100


def folded(name: str) -> str:
    """The beginning of the name as it is searched: without case, and one form for each character.

    One character may become 18, and a key of DynamoDB has at most 1,024 bytes.
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())[:_SEARCHED]


class InventoryTable:
    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self, skus: Iterable[str]) -> dict[str, StockItem]:
        """The items of these SKUs, as of now, without the SKUs that do not exist."""
        return {item.sku: item for item in map(stock_item, self._items(skus))}

    def read_unlisted(self, skus: Iterable[str]) -> tuple[dict[str, StockItem], set[str]]:
        """Like `read`, and the SKUs that are in no list yet: nothing has stated their product since there are lists."""
        found = list(self._items(skus))
        listless = (item["item_id"]["S"] for item in found if LISTED not in item)
        unlisted = {sku for sku in listless if not sku.startswith(TEST_PREFIX)}
        return {item["item_id"]["S"]: stock_item(item) for item in found}, unlisted

    def _items(self, skus: Iterable[str]) -> Iterable[Item]:
        return batch_get(self._client, self._table, [to_item({"item_id": sku}) for sku in skus])


def stock_item(item: Item) -> StockItem:
    """Raise KeyError, TypeError or ValueError if it is no item of the inventory."""
    values = from_item(item)
    return StockItem(
        sku=text(values, "item_id"),
        product=Product(
            text(values, "name"),
            integer(values, "price_minor"),
            text(values, "currency"),
            # An item from before there were warehouses has none.
            text(values, "warehouse") if "warehouse" in values else MAIN_WAREHOUSE,
            text(values, "category_id") if "category_id" in values else None,
        ),
        stock=integer(values, "stock"),
        reserved=integer(values, "reserved"),
        available=integer(values, "available"),
    )


def stock_to_item(stock: StockItem) -> Item:
    """The whole item, for a tool that is the only writer."""
    return to_item(
        {
            "item_id": stock.sku,
            **_product_attributes(stock.sku, stock.product),
            "stock": stock.stock,
            "reserved": stock.reserved,
            "available": stock.available,
        }
    )


def _product_attributes(sku: str, product: Product) -> dict[str, Json]:
    """What an item holds of its product. Its two indexes are by `category_id` and by `listed`, sorted by `name_key`."""
    attributes: dict[str, Json] = {
        "name": product.name,
        "price_minor": product.price_minor,
        "currency": product.currency,
        "warehouse": product.warehouse,
        "name_key": f"{folded(product.name)}#{sku}",
    }
    if not sku.startswith(TEST_PREFIX):
        attributes[LISTED] = EVERY
    return attributes | ({"category_id": product.category_id} if product.category_id else {})


def stock_update(table: str, change: StockChange) -> "UpdateTypeDef":
    """The change as part of a transaction: refused if the SKU is missing or a quantity would fall below zero."""
    deltas = {"stock": change.stock, "reserved": change.reserved, "available": change.available}
    conditions = [f"{name} >= :least_{name}" for name, delta in deltas.items() if delta < 0]
    values: dict[str, Json] = {f":{name}": delta for name, delta in deltas.items()}
    values |= {f":least_{name}": -delta for name, delta in deltas.items() if delta < 0}
    expression = "ADD " + ", ".join(f"{name} :{name}" for name in deltas)
    update: UpdateTypeDef = {
        "TableName": table,
        "Key": to_item({"item_id": change.sku}),
        "UpdateExpression": expression,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if change.product:
        attributes = _product_attributes(change.sku, change.product)
        sets = ", ".join(f"#{name} = :{name}" for name in attributes)
        update["UpdateExpression"] = f"SET {sets} {expression}"
        update["ExpressionAttributeNames"] = {f"#{name}": name for name in attributes}
        values |= {f":{name}": value for name, value in attributes.items()}
    if change.expected_stock is not None:
        values[":expected"] = change.expected_stock
        new = "attribute_not_exists(item_id) OR " if change.expected_stock == 0 else ""
        conditions.append(f"({new}stock = :expected)")
    elif not conditions:
        # A restock and a new price expect no stock, which would starve on a hot SKU, but must not create an item.
        conditions.append("attribute_exists(item_id)")
    update["ConditionExpression"] = " AND ".join(conditions)
    update["ExpressionAttributeValues"] = to_item(values)
    return update

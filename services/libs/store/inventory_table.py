"""The inventory table: read items, and express a stock change as a conditional update."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from services.libs.store.dynamodb_items import Item, batch_get, from_item, to_item
from services.shared.inventory import MAIN_WAREHOUSE, Product, StockChange, StockItem
from services.shared.json_types import Json, integer, text

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import UpdateTypeDef


class InventoryTable:
    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self, skus: Iterable[str]) -> dict[str, StockItem]:
        """The items of these SKUs, as of now, without the SKUs that do not exist."""
        keys = [to_item({"item_id": sku}) for sku in skus]
        items = (stock_item(item) for item in batch_get(self._client, self._table, keys))
        return {item.sku: item for item in items}


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
            "name": stock.product.name,
            "price_minor": stock.product.price_minor,
            "currency": stock.product.currency,
            "warehouse": stock.product.warehouse,
            "stock": stock.stock,
            "reserved": stock.reserved,
            "available": stock.available,
        }
    )


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
        update["UpdateExpression"] = (
            f"SET #name = :name, price_minor = :price, currency = :currency, warehouse = :warehouse {expression}"
        )
        update["ExpressionAttributeNames"] = {"#name": "name"}
        values[":name"] = change.product.name
        values[":price"] = change.product.price_minor
        values[":currency"] = change.product.currency
        values[":warehouse"] = change.product.warehouse
        values[":expected"] = change.expected_stock
        new = "attribute_not_exists(item_id) OR " if change.expected_stock == 0 else ""
        conditions.append(f"({new}stock = :expected)")
    elif not conditions:
        # A restock expects no stock, which would starve on a hot SKU, but it must not create an item.
        conditions.append("attribute_exists(item_id)")
    update["ConditionExpression"] = " AND ".join(conditions)
    update["ExpressionAttributeValues"] = to_item(values)
    return update

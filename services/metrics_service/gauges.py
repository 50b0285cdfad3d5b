"""Gauges, read at their sources: the stock of each SKU, and the messages of each queue."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from services.libs.observability.structured_logging import logger
from services.libs.store.dynamodb_items import Item
from services.libs.store.inventory_table import stock_item
from services.shared.inventory import StockItem

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.literals import QueueAttributeNameType

_COUNTS: "tuple[QueueAttributeNameType, ...]" = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
_DEAD_LETTERS_SUFFIX = "-dlq"

Gauges = dict[str, dict[str, float]]
"""By metric, and by the value of its one label."""


class StockGauges:
    """An item that cannot be read has no gauges: `count_error` is called once per reading that met one."""

    def __init__(self, client: "DynamoDBClient", table: str, count_error: Callable[[], None]) -> None:
        self._client = client
        self._table = table
        self._count_error = count_error

    def read(self) -> Gauges:
        pages = self._client.get_paginator("scan").paginate(TableName=self._table)
        found = [_stock_item(item) for page in pages for item in page["Items"]]
        items = [item for item in found if item]
        if len(items) < len(found):
            self._count_error()
        return {
            "stock_quantity": {item.sku: item.stock for item in items},
            "stock_reserved": {item.sku: item.reserved for item in items},
        }


def _stock_item(item: Item) -> StockItem | None:
    try:
        return stock_item(item)
    except (KeyError, TypeError, ValueError):
        logger.exception("inventory item cannot be read", extra={"sku": item["item_id"]["S"]})
        return None


class QueueGauges:
    """`urls` by the value of the label `queue`, such as `order-queue` and `order-dlq`."""

    def __init__(self, client: "SQSClient", urls: Mapping[str, str]) -> None:
        self._client = client
        self._urls = urls

    def read(self) -> Gauges:
        counts = {label: self._count(url) for label, url in self._urls.items()}
        dead = {label: count for label, count in counts.items() if label.endswith(_DEAD_LETTERS_SUFFIX)}
        return {
            "queue_messages": {label: count for label, count in counts.items() if label not in dead},
            "dead_letters": dead,
        }

    def _count(self, url: str) -> float:
        attributes = self._client.get_queue_attributes(QueueUrl=url, AttributeNames=_COUNTS)["Attributes"]
        return sum(int(attributes[name]) for name in _COUNTS)

"""Gauges, read at their sources: the stock of each SKU, and the messages of each queue."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from services.libs.store.inventory_table import stock_item

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
    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self) -> Gauges:
        pages = self._client.get_paginator("scan").paginate(TableName=self._table)
        items = [stock_item(item) for page in pages for item in page["Items"]]
        return {
            "stock_quantity": {item.sku: item.stock for item in items},
            "stock_reserved": {item.sku: item.reserved for item in items},
        }


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

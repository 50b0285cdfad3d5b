"""The last page's values in the metrics table, and the turn to read the next ones."""

import json
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from services.libs.store.dynamodb_items import to_item
from services.metrics_service.exposition import Values
from services.metrics_service.versioned_item import put_next
from services.shared.causes import timestamp

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_PAGE = "metrics#page"
_TURN = "metrics#page-turn"


@dataclass(frozen=True, slots=True)
class KeptPage:
    """The values of a page, when they were all read, and how many pages there were with it."""

    version: int
    read_at: datetime
    values: Values


class PageStore:
    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def latest(self) -> KeptPage | None:
        found = self._client.get_item(TableName=self._table, Key=to_item({"id": _PAGE}), ConsistentRead=True)
        if "Item" not in found:
            return None
        item = found["Item"]
        values = json.loads(zlib.decompress(item["content"]["B"]))
        return KeptPage(
            version=int(item["version"]["N"]),
            read_at=datetime.fromisoformat(item["read_at"]["S"]),
            values=Values(values["sums"], values["gauges"]),
        )

    def save(self, page: KeptPage) -> bool:
        """Return false, and change nothing, unless the version before this page's is the latest."""
        gauges = {name: dict(values) for name, values in page.values.gauges.items()}
        content = json.dumps({"sums": dict(page.values.sums), "gauges": gauges}, separators=(",", ":"))
        # A write costs by the kilobyte, a tenth when compressed.
        item = to_item({"id": _PAGE, "read_at": timestamp(page.read_at)})
        item["content"] = {"B": zlib.compress(content.encode())}
        return put_next(self._client, self._table, page.version, item)

    def take_turn(self, now: datetime, length: timedelta) -> bool:
        """Take the turn for `length`; return false while it is another reader's.

        A turn that ends far ahead was taken by a clock that was wrong, and holds nobody up.
        """
        times = {":now": now, ":end": now + length, ":far": now + 2 * length}
        try:
            self._client.update_item(
                TableName=self._table,
                Key=to_item({"id": _TURN}),
                UpdateExpression="SET ends_at = :end",
                ConditionExpression="attribute_not_exists(ends_at) OR ends_at <= :now OR ends_at > :far",
                ExpressionAttributeValues=to_item({name: timestamp(time) for name, time in times.items()}),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

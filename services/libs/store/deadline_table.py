"""The deadline table: one item per group of deadlines, keyed by the minute in which it is due.

A minute has several partitions, of which each writer uses one. An item never changes: its writer puts it under a new
number, the sweeper reads it, and DynamoDB removes it 30 days later.
"""

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING
from uuid import uuid4

from services.libs.store.dynamodb_items import Item, from_item, to_item
from services.shared.causes import timestamp
from services.shared.deadlines import DeadlineGroup, minute_of
from services.shared.json_types import text, texts

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import PutTypeDef

SHARDS = 8
_KEPT = timedelta(days=30)
_CURSOR = {"minute_shard": "cursor", "group_id": "cursor"}


class DeadlineWriter:
    """Writes groups under an id of its own, so that two writers never want one key."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._id = str(uuid4())
        self._shard = zlib.crc32(self._id.encode()) % SHARDS
        self._numbers = count(1)

    def put(self, group: DeadlineGroup) -> "PutTypeDef":
        """The put of a group, alone or in a transaction.

        It never goes into a minute before the present one, which the sweeper may have passed.
        """
        minute = max(minute_of(group.due_at), minute_of(group.written_at))
        return {
            "TableName": self._table,
            "Item": to_item(
                {
                    "minute_shard": _key(minute, self._shard),
                    "group_id": f"{self._id}#{next(self._numbers)}",
                    "stream_ids": list(group.stream_ids),
                    "due_at": timestamp(group.due_at),
                    "written_at": timestamp(group.written_at),
                    "expires_at": int((minute + _KEPT).timestamp()),
                }
            ),
            "ConditionExpression": "attribute_not_exists(minute_shard)",
        }


class DeadlineTable:
    """Reads the groups of a minute, and keeps how far they were swept."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self._writer = DeadlineWriter(table)

    def write(self, group: DeadlineGroup) -> None:
        self._client.put_item(**self._writer.put(group))

    def due_in(self, minute: datetime) -> Iterator[DeadlineGroup | Exception]:
        """All groups of a minute, as of now; the error instead of an item that cannot be read."""
        pages = self._client.get_paginator("query")
        for shard in range(SHARDS):
            for page in pages.paginate(
                TableName=self._table,
                KeyConditionExpression="minute_shard = :key",
                ExpressionAttributeValues=to_item({":key": _key(minute, shard)}),
                ConsistentRead=True,
            ):
                yield from map(_group, page["Items"])

    def all(self) -> Iterator[DeadlineGroup | Exception]:
        """All groups of the last 30 days and to come, as of now; the error instead of an item that cannot be read."""
        pages = self._client.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
        items = (item for page in pages for item in page["Items"])
        yield from (_group(item) for item in items if item["minute_shard"]["S"] != _CURSOR["minute_shard"])

    def first_minute(self) -> datetime | None:
        """The earliest minute that has a group; it reads the whole table."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table, ProjectionExpression="minute_shard", ConsistentRead=True
        )
        minutes = (_minute(item["minute_shard"]["S"]) for page in pages for item in page["Items"])
        return min((minute for minute in minutes if minute), default=None)

    def swept_until(self) -> datetime | None:
        found = self._client.get_item(TableName=self._table, Key=to_item(_CURSOR), ConsistentRead=True).get("Item")
        return datetime.fromisoformat(found["swept_until"]["S"]) if found else None

    def set_swept_until(self, time: datetime) -> None:
        """Two sweeps at once may set it back. Then some groups are sent twice, which is harmless."""
        self._client.put_item(TableName=self._table, Item=to_item({**_CURSOR, "swept_until": timestamp(time)}))


def _key(minute: datetime, shard: int) -> str:
    return f"{minute:%Y-%m-%dT%H:%M}#{shard}"


def _minute(key: str) -> datetime | None:
    """None for the key of the cursor."""
    try:
        return datetime.strptime(key.partition("#")[0], "%Y-%m-%dT%H:%M").replace(tzinfo=UTC)
    except ValueError:
        return None


def _group(item: Item) -> DeadlineGroup | Exception:
    try:
        values = from_item(item)
        return DeadlineGroup(
            texts(values, "stream_ids"),
            due_at=datetime.fromisoformat(text(values, "due_at")),
            written_at=datetime.fromisoformat(text(values, "written_at")),
        )
    except (KeyError, TypeError, ValueError) as error:
        return error

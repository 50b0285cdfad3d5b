"""The event store: append-only streams of commits, each written with the stock that it moves or not at all."""

import random
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Required, TypedDict, cast

from services.libs.dynamodb_items import Item, batch_get, from_item, to_item
from services.libs.inventory_table import stock_item, stock_update
from services.libs.ledger_counters import CounterWriter
from services.shared.commits import Cause, Commit, timestamp
from services.shared.counters import counted
from services.shared.events import EventType
from services.shared.faults import DependencyError
from services.shared.inventory import StockChange, StockItem
from services.shared.json_types import JsonObject, integer, text

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        PutTypeDef,
        TransactWriteItemTypeDef,
        UpdateTypeDef,
    )

DUE_INDEX = "due-index"
DUE_SHARDS = 8

_ATTEMPTS = 5
_REFUSED = "ConditionalCheckFailed"
_TRANSIENT = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
_FIRST_PAUSE_SECONDS = 0.02


class _CancellationReason(TypedDict, total=False):
    Code: Required[str]
    Item: Item


@dataclass(frozen=True, slots=True)
class Tables:
    """Names of the tables that a commit may be written to."""

    event_store: str
    inventory: str
    metrics: str


class VersionTakenError(Exception):
    """Somebody wrote this version first; `existing` is what stands there."""

    def __init__(self, existing: Commit) -> None:
        super().__init__(f"{existing.stream_id} has a version {existing.version}")
        self.existing = existing


class StockRefusedError(Exception):
    """The inventory did not allow the commit; `found` holds each refusing SKU as it stands, None where missing."""

    def __init__(self, found: Mapping[str, StockItem | None]) -> None:
        super().__init__(f"refused by {', '.join(sorted(found))}")
        self.found = found


class ContentionError(DependencyError):
    """Other transactions held the items for all attempts; nothing was written."""


class TransactionFaultError(DependencyError):
    """DynamoDB cancelled the transaction for a reason that no retry or decision mends, such as an item too large."""


class EventStore:
    def __init__(
        self,
        client: "DynamoDBClient",
        tables: Tables,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._table = tables.event_store
        self._tables = tables
        self._sleep = sleep
        self._counters = CounterWriter(tables.metrics)

    def read(self, stream_id: str) -> tuple[Commit, ...]:
        """All commits of an order's stream as of now, oldest first; they are few and small, so one page holds them."""
        page = self._client.query(
            TableName=self._table,
            KeyConditionExpression="stream_id = :stream_id",
            ExpressionAttributeValues=to_item({":stream_id": stream_id}),
            ConsistentRead=True,
        )
        return tuple(commit_from_item(item) for item in page["Items"])

    def read_version(self, stream_id: str, version: int) -> Commit | None:
        key = to_item({"stream_id": stream_id, "version": version})
        found = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return commit_from_item(found["Item"]) if "Item" in found else None

    def without_version(self, stream_ids: Sequence[str], version: int) -> list[str]:
        """Those of the streams that have no such version yet."""
        keys = [to_item({"stream_id": stream_id, "version": version}) for stream_id in stream_ids]
        found = {item["stream_id"]["S"] for item in batch_get(self._client, self._table, keys)}
        return [stream_id for stream_id in stream_ids if stream_id not in found]

    def due(self, shard: int, since: str, until: str) -> Iterator[tuple[str, str]]:
        """The streams of one shard that were due in that time: when, and which, the oldest first."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=DUE_INDEX,
            KeyConditionExpression="due_shard = :shard AND due_at BETWEEN :since AND :until",
            ExpressionAttributeValues=to_item({":shard": str(shard), ":since": since, ":until": until}),
        )
        for page in pages:
            for item in page["Items"]:
                yield item["due_at"]["S"], item["stream_id"]["S"]

    def latest_version(self, stream_id: str) -> int:
        """Return 0 for a stream that has no commit yet."""
        page = self._client.query(
            TableName=self._table,
            KeyConditionExpression="stream_id = :stream_id",
            ExpressionAttributeValues=to_item({":stream_id": stream_id}),
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )
        return commit_from_item(page["Items"][0]).version if page["Items"] else 0

    def append(self, commit: Commit) -> None:
        """Write the commit and the stock changes it explains, all or none.

        Raises VersionTakenError, StockRefusedError, or ContentionError once its attempts are used up.
        """
        changes = commit.stock_changes()
        added = counted(commit)
        counting = self._counters.update(added, commit.cause.at) if added else None
        put: PutTypeDef = {
            "TableName": self._table,
            "Item": commit_to_item(commit),
            "ConditionExpression": "attribute_not_exists(stream_id)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        for attempt in range(_ATTEMPTS):
            if attempt:
                # The SDK does not retry a conflict. Full jitter: two writers that met must not meet again.
                self._sleep(random.uniform(0, _FIRST_PAUSE_SECONDS * 2**attempt))  # noqa: S311 - no secret
            written = self._transact(put, changes, counting) if changes or counting else self._put(put)
            if written:
                return
        raise ContentionError(f"{_ATTEMPTS} attempts each met another transaction")

    def _put(self, put: "PutTypeDef") -> bool:
        """Return whether it was written; a transaction on the same item, even one that fails, keeps it from being."""
        try:
            self._client.put_item(**put)
        except self._client.exceptions.ConditionalCheckFailedException as failed:
            existing = cast("Item", failed.response["Item"])  # type: ignore[typeddict-item] # missing in the stubs
            raise VersionTakenError(commit_from_item(existing)) from failed
        except self._client.exceptions.TransactionConflictException:
            return False
        return True

    def _transact(self, put: "PutTypeDef", changes: Sequence[StockChange], counting: "UpdateTypeDef | None") -> bool:
        items: list[TransactWriteItemTypeDef] = [{"Put": put}]
        items += [{"Update": stock_update(self._tables.inventory, change)} for change in changes]
        if counting:
            items.append({"Update": counting})
        try:
            self._client.transact_write_items(TransactItems=items)
        except self._client.exceptions.TransactionCanceledException as cancelled:
            # The stubs do not know that this error brings a reason for each item, in the order of the items.
            response = cast("Mapping[str, Sequence[_CancellationReason]]", cancelled.response)
            _raise_if_final(changes, response["CancellationReasons"])
            return False
        return True


def due_shard(stream_id: str) -> str:
    """Spread the index of due orders over partitions, so that it takes as many writes as the table does."""
    return str(zlib.crc32(stream_id.encode()) % DUE_SHARDS)


def commit_to_item(commit: Commit) -> Item:
    due: JsonObject = {}
    if commit.due_at:
        due = {"due_shard": due_shard(commit.stream_id), "due_at": timestamp(commit.due_at)}
    return to_item(
        due
        | {
            "stream_id": commit.stream_id,
            "version": commit.version,
            "events": [event.value for event in commit.events],
            "body": commit.body,
            "correlation_id": commit.cause.correlation_id,
            "causation_id": commit.cause.event_id,
            "committed_at": commit.cause.occurred_at,
        }
    )


def commit_from_item(item: "Mapping[str, AttributeValueTypeDef]") -> Commit:
    """Raise KeyError, TypeError or ValueError where the item is not a commit."""
    values = from_item(item)
    events, body = values["events"], values["body"]
    if not isinstance(events, list) or not isinstance(body, dict):
        raise TypeError("events or body of the commit are of the wrong kind")
    return Commit(
        stream_id=text(values, "stream_id"),
        version=integer(values, "version"),
        events=tuple(EventType(str(event)) for event in events),
        body=body,
        cause=Cause(
            event_id=text(values, "causation_id"),
            correlation_id=text(values, "correlation_id"),
            at=datetime.fromisoformat(text(values, "committed_at")),
        ),
        due_at=datetime.fromisoformat(text(values, "due_at")) if "due_at" in values else None,
    )


def _raise_if_final(changes: Sequence[StockChange], reasons: "Sequence[_CancellationReason]") -> None:
    """Return only where nothing but other transactions stood in the way."""
    commit_reason, stock_reasons = reasons[0], reasons[1 : 1 + len(changes)]
    if commit_reason["Code"] == _REFUSED:
        raise VersionTakenError(commit_from_item(commit_reason["Item"]))
    found = {
        change.sku: stock_item(reason["Item"]) if reason.get("Item") else None
        for change, reason in zip(changes, stock_reasons, strict=True)
        if reason["Code"] == _REFUSED
    }
    if found:
        raise StockRefusedError(found)
    faults = {reason["Code"] for reason in reasons} - _TRANSIENT - {"None"}
    if faults:
        raise TransactionFaultError(", ".join(sorted(faults)))

"""A commit as the event store's table holds it."""

import zlib
from datetime import datetime
from typing import TYPE_CHECKING

from services.libs.dynamodb_items import Item, from_item, to_item
from services.shared.commits import Cause, Commit, timestamp
from services.shared.events import EventType
from services.shared.json_types import JsonObject, integer, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef

DUE_INDEX = "due-index"
DUE_SHARDS = 8


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

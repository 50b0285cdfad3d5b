"""Convert between JSON and DynamoDB's typed attributes, and read items by their keys."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from services.libs.runtime.backoff import Backoff
from services.shared.faults import DependencyError
from services.shared.json_types import Json, JsonObject

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef

Item = dict[str, "AttributeValueTypeDef"]

_MAX_KEYS_PER_CALL = 100
_BACKOFF = Backoff(attempts=6, first_pause_seconds=0.04)


def to_item(values: Mapping[str, Json]) -> Item:
    return {name: _typed(value) for name, value in values.items()}


def from_item(item: "Mapping[str, AttributeValueTypeDef]") -> JsonObject:
    """Read an item written by `to_item`: its numbers are integers. Raise ValueError if one is not."""
    return {name: _plain(value) for name, value in item.items()}


class ReadThrottledError(DependencyError):
    """DynamoDB left keys unread in every attempt."""


def batch_get(
    client: "DynamoDBClient",
    table: str,
    keys: Sequence[Item],
    backoff: Backoff = _BACKOFF,
    *,
    consistent: bool = True,
) -> Iterator[Item]:
    """Read the items that exist, in no particular order; as of now unless `consistent` is false."""
    waiting: Sequence[Mapping[str, AttributeValueTypeDef]] = keys
    refusals = 0
    while waiting:
        if refusals:
            backoff.pause(refusals)
        response = client.batch_get_item(
            RequestItems={table: {"Keys": waiting[:_MAX_KEYS_PER_CALL], "ConsistentRead": consistent}}
        )
        yield from response["Responses"].get(table, [])
        # DynamoDB returns the keys beyond 16 MB, or beyond its throughput, unread.
        unread = response["UnprocessedKeys"].get(table, {"Keys": []})["Keys"]
        refusals = refusals + 1 if unread else 0
        if refusals == backoff.attempts:
            raise ReadThrottledError(f"{len(unread)} keys of {table} stayed unread")
        waiting = [*unread, *waiting[_MAX_KEYS_PER_CALL:]]


# boto3 has both conversions, but importing it slows every cold start.
def _typed(value: Json) -> "AttributeValueTypeDef":
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case list():
            return {"L": [_typed(element) for element in value]}
        case dict():
            return {"M": to_item(value)}


def _plain(value: Mapping[str, Any]) -> Json:
    ((kind, content),) = value.items()
    match kind:
        case "NULL":
            return None
        case "N":
            return int(content)
        case "S" | "BOOL":
            return content  # type: ignore[no-any-return] # by its kind
        case "L":
            return [_plain(element) for element in content]
        case "M":
            return from_item(content)
        case _:
            raise ValueError(f"no attribute of ours has the type {kind}")

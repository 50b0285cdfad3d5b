"""Between JSON and DynamoDB's typed attributes."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from services.shared.faults import DependencyError
from services.shared.json_types import Json, JsonObject

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef

Item = dict[str, "AttributeValueTypeDef"]

_KEYS_A_CALL = 100
_REFUSALS = 6
_FIRST_PAUSE_SECONDS = 0.02

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def to_item(values: Mapping[str, Json]) -> Item:
    return {name: _serializer.serialize(value) for name, value in values.items()}


def from_item(item: "Mapping[str, AttributeValueTypeDef]") -> JsonObject:
    """Read an item written by `to_item`: its numbers are integers."""
    return {name: _plain(_deserializer.deserialize(value)) for name, value in item.items()}


class ReadThrottledError(DependencyError):
    """DynamoDB kept handing keys back unread."""


def batch_get(
    client: "DynamoDBClient",
    table: str,
    keys: Sequence[Item],
    sleep: Callable[[float], None] = time.sleep,
    *,
    consistent: bool = True,
) -> Iterator[Item]:
    """Read the items that exist, in no particular order; as of now unless `consistent` is false."""
    waiting: Sequence[Mapping[str, AttributeValueTypeDef]] = keys
    refusals = 0
    while waiting:
        if refusals:
            sleep(random.uniform(0, _FIRST_PAUSE_SECONDS * 2**refusals))  # noqa: S311 - no secret
        response = client.batch_get_item(
            RequestItems={table: {"Keys": waiting[:_KEYS_A_CALL], "ConsistentRead": consistent}}
        )
        yield from response["Responses"].get(table, [])
        # What does not fit into 16 MB, or into the throughput, comes back unread.
        unread = response["UnprocessedKeys"].get(table, {"Keys": []})["Keys"]
        refusals = refusals + 1 if unread else 0
        if refusals == _REFUSALS:
            raise ReadThrottledError(f"{len(unread)} keys of {table} stayed unread")
        waiting = [*unread, *waiting[_KEYS_A_CALL:]]


def _plain(value: object) -> Json:
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, list):
        return [_plain(element) for element in value]
    if isinstance(value, dict):
        return {name: _plain(element) for name, element in value.items()}
    return cast("str | bool | None", value)

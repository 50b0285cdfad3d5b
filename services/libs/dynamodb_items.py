"""Between JSON and DynamoDB's typed attributes."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from services.shared.json_types import Json, JsonObject

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef

Item = dict[str, "AttributeValueTypeDef"]

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def to_item(values: Mapping[str, Json]) -> Item:
    return {name: _serializer.serialize(value) for name, value in values.items()}


def from_item(item: "Mapping[str, AttributeValueTypeDef]") -> JsonObject:
    """Read an item written by `to_item`: its numbers are integers."""
    return {name: _plain(_deserializer.deserialize(value)) for name, value in item.items()}


def _plain(value: object) -> Json:
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, list):
        return [_plain(element) for element in value]
    if isinstance(value, dict):
        return {name: _plain(element) for name, element in value.items()}
    return cast("str | bool | None", value)

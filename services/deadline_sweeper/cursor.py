"""How far each shard of the due index has been swept."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.libs.dynamodb_items import Item, to_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


# Sorts before every time; a key must not be empty.
_BEGINNING = "0"


@dataclass(frozen=True, slots=True)
class Position:
    """Every order that was due before `until` is done, but for the streams `passed_over`, which failed."""

    until: str = _BEGINNING
    passed_over: tuple[str, ...] = ()


class SweepCursor:
    """A position in each shard; it is one item, so that a time is never there without its exceptions."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self, shard: int) -> Position:
        found = self._client.get_item(TableName=self._table, Key=_key(shard), ConsistentRead=True).get("Item")
        if not found:
            return Position()
        passed_over = found.get("passed_over", {"L": []})["L"]
        return Position(found["swept_until"]["S"], tuple(stream_id["S"] for stream_id in passed_over))

    def write(self, shard: int, position: Position) -> None:
        """Two sweeps at once may set it back: then some orders are only looked at again."""
        self._client.update_item(
            TableName=self._table,
            Key=_key(shard),
            UpdateExpression="SET swept_until = :until, passed_over = :passed_over",
            ExpressionAttributeValues=to_item({":until": position.until, ":passed_over": list(position.passed_over)}),
        )


def _key(shard: int) -> Item:
    return to_item({"id": f"sweep#{shard}"})

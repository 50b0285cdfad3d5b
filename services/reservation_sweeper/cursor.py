"""How far each shard of the due index has been swept."""

from typing import TYPE_CHECKING

from services.libs.dynamodb_items import Item, to_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


# Sorts before every time; a key must not be empty.
_BEGINNING = "0"


class SweepCursor:
    """A time for each shard, as text."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self, shard: int) -> str:
        found = self._client.get_item(TableName=self._table, Key=_key(shard), ConsistentRead=True).get("Item")
        return found["swept_until"]["S"] if found else _BEGINNING

    def advance(self, shard: int, until: str) -> None:
        """Two sweeps at once may set it back: then some orders are only looked at again."""
        self._client.update_item(
            TableName=self._table,
            Key=_key(shard),
            UpdateExpression="SET swept_until = :until",
            ExpressionAttributeValues=to_item({":until": until}),
        )


def _key(shard: int) -> Item:
    return to_item({"id": f"sweep#{shard}"})

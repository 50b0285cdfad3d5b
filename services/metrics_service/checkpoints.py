"""The checkpoint in the metrics table, and the turn to read CloudWatch, which one reader takes per minute."""

import json
import zlib
from base64 import b64decode, b64encode
from dataclasses import asdict
from typing import TYPE_CHECKING

from services.libs.store.dynamodb_items import to_item
from services.metrics_service.domain import Checkpoint
from services.metrics_service.versioned_item import put_next

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_CHECKPOINT = "metrics#checkpoint"
_TURN = "metrics#turn"


class Checkpoints:
    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self) -> Checkpoint | None:
        found = self._client.get_item(TableName=self._table, Key=to_item({"id": _CHECKPOINT}), ConsistentRead=True)
        return _decoded(found["Item"]["content"]["S"]) if "Item" in found else None

    def save(self, checkpoint: Checkpoint) -> bool:
        """Return false, and change nothing, if another reader has saved a newer one."""
        item = to_item({"id": _CHECKPOINT, "content": _encoded(checkpoint)})
        return put_next(self._client, self._table, checkpoint.version, item)

    def take_turn(self, turn: int) -> bool:
        """Take a turn; return false if another reader took it. A reader that dies leaves the next turn free."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=to_item({"id": _TURN}),
                UpdateExpression="SET turn = :turn",
                ConditionExpression="attribute_not_exists(turn) OR turn < :turn",
                ExpressionAttributeValues=to_item({":turn": turn}),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def count_error(self) -> None:
        self._client.update_item(
            TableName=self._table,
            Key=to_item({"id": _TURN}),
            UpdateExpression="ADD refresh_errors :one",
            ExpressionAttributeValues=to_item({":one": 1}),
        )

    def errors(self) -> int:
        found = self._client.get_item(TableName=self._table, Key=to_item({"id": _TURN}), ConsistentRead=True)
        return int(found.get("Item", {}).get("refresh_errors", {"N": "0"})["N"])


def _encoded(checkpoint: Checkpoint) -> str:
    # A write costs by the kilobyte: 200 KB as plain JSON when each series moves, 33 KB compressed.
    return b64encode(zlib.compress(json.dumps(asdict(checkpoint), separators=(",", ":")).encode())).decode()


def _decoded(text: str) -> Checkpoint:
    content = json.loads(zlib.decompress(b64decode(text)))
    recent = {
        name: {int(minute): units for minute, units in minutes.items()} for name, minutes in content["recent"].items()
    }
    return Checkpoint(**content | {"recent": recent})

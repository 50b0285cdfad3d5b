"""Write and read the business counters: one item per execution environment that counts."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from services.libs.store.dynamodb_items import Item, to_item
from services.shared.causes import timestamp
from services.shared.faults import DependencyError

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef, TransactWriteItemTypeDef, UpdateTypeDef

_PREFIX = "counters#"
_FOLDED = f"{_PREFIX}folded"
_NO_SERIES = frozenset({"id", "foldings", "updated_at", "writes"})
"""What else an item has."""
_MOST_FOLDED_AT_ONCE = 20
_ATTEMPTS = 5


class UnreadableCountersError(DependencyError):
    """An item of the counters lacks an attribute, or has one of another type."""


class CounterWriter:
    """Adds to an item that only this execution environment writes, so that two writers never conflict."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._id = f"{_PREFIX}{uuid4()}"

    def update(self, added: Mapping[str, int], at: datetime) -> "UpdateTypeDef":
        """The update of the counters, as part of a commit's transaction."""
        sums = _Adding({**added, "writes": 1})
        return {
            "TableName": self._table,
            "Key": to_item({"id": self._id}),
            "UpdateExpression": f"SET updated_at = :at {sums.expression}",
            "ExpressionAttributeNames": sums.names,
            "ExpressionAttributeValues": {**sums.values, **to_item({":at": timestamp(at)})},
        }


class LedgerCounters:
    """Reads the counters, and folds the items of execution environments that are gone into one."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self) -> Counter[str]:
        """Sum all items. No series is below the sum that an earlier call returned.

        A scan is no snapshot: during a folding it could see the folded counts twice, or not at all. So it is repeated
        if a folding ended meanwhile. Raises DependencyError if one did in every attempt, and UnreadableCountersError.
        """
        for _ in range(_ATTEMPTS):
            foldings = self._foldings()
            total: Counter[str] = Counter()
            for item in self._items():
                total.update(_counts(item))
            if self._foldings() == foldings:
                return total
        raise DependencyError("the counters were folded during each attempt to read them")

    def fold(self, idle_since: datetime) -> int:
        """Fold the items without a write since `idle_since`; return how many. A later write starts a new item at 0.

        Raises UnreadableCountersError.
        """
        limit = timestamp(idle_since)
        idle = [item for item in self._unfolded() if _text(item, "updated_at") < limit]
        return sum(self._fold(item) for item in idle[:_MOST_FOLDED_AT_ONCE])

    def replace(self, counters: Mapping[str, int]) -> None:
        """Replace all counters, readable or not. Nothing may write to them meanwhile."""
        for item in self._items():
            if not _is_readable(item):
                self._client.delete_item(TableName=self._table, Key={"id": item["id"]})
        while any(self._unfolded()):
            self.fold(datetime.max.replace(tzinfo=UTC))
        item = to_item({"id": _FOLDED, "foldings": self._foldings() + 1, **counters})
        self._client.put_item(TableName=self._table, Item=item)

    def _fold(self, item: "Mapping[str, AttributeValueTypeDef]") -> bool:
        sums = _Adding({**_counts(item), "foldings": 1})
        writes: list[TransactWriteItemTypeDef] = [
            {
                "Update": {
                    "TableName": self._table,
                    "Key": to_item({"id": _FOLDED}),
                    "UpdateExpression": sums.expression,
                    "ExpressionAttributeNames": sums.names,
                    "ExpressionAttributeValues": sums.values,
                }
            },
            {
                "Delete": {
                    "TableName": self._table,
                    "Key": {"id": item["id"]},
                    "ConditionExpression": "writes = :writes AND updated_at = :at",
                    "ExpressionAttributeValues": {":writes": item["writes"], ":at": item["updated_at"]},
                }
            },
        ]
        try:
            self._client.transact_write_items(TransactItems=writes)
        except self._client.exceptions.TransactionCanceledException:
            return False  # the item was written to, or another reader folded it
        return True

    def _foldings(self) -> int:
        found = self._client.get_item(TableName=self._table, Key=to_item({"id": _FOLDED}), ConsistentRead=True)
        return _number(found["Item"], "foldings") if "Item" in found else 0

    def _unfolded(self) -> Iterator["Mapping[str, AttributeValueTypeDef]"]:
        return (item for item in self._items() if item["id"]["S"] != _FOLDED)

    def _items(self) -> Iterator["Mapping[str, AttributeValueTypeDef]"]:
        pages = self._client.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
        for page in pages:
            yield from (item for item in page["Items"] if item["id"]["S"].startswith(_PREFIX))


class _Adding:
    """An update that adds to attributes of any name."""

    def __init__(self, added: Mapping[str, int]) -> None:
        self.names = {f"#{index}": name for index, name in enumerate(added)}
        self.values: Item = to_item({f":{index}": count for index, count in enumerate(added.values())})
        self.expression = "ADD " + ", ".join(f"#{index} :{index}" for index in range(len(added)))


def _counts(item: "Mapping[str, AttributeValueTypeDef]") -> dict[str, int]:
    return {name: _number(item, name) for name in item.keys() - _NO_SERIES}


def _is_readable(item: "Mapping[str, AttributeValueTypeDef]") -> bool:
    try:
        _counts(item)
        if item["id"]["S"] == _FOLDED:
            _number(item, "foldings")
        else:
            _number(item, "writes")
            _text(item, "updated_at")
    except UnreadableCountersError:
        return False
    return True


def _text(item: "Mapping[str, AttributeValueTypeDef]", name: str) -> str:
    try:
        return item[name]["S"]
    except KeyError as error:
        raise _unreadable(item, name, error) from error


def _number(item: "Mapping[str, AttributeValueTypeDef]", name: str) -> int:
    try:
        return int(item[name]["N"])
    except (KeyError, ValueError) as error:
        raise _unreadable(item, name, error) from error


def _unreadable(item: "Mapping[str, AttributeValueTypeDef]", name: str, error: Exception) -> UnreadableCountersError:
    return UnreadableCountersError(f"{name} of {item['id']['S']} cannot be read: {error!r}")

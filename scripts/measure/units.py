"""Write and read units of DynamoDB, by the published rules, from what was asked and answered.

Sizes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
Units: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.measure.calls import Call, Document

_WRITE_BYTES = 1024
_READ_BYTES = 4096
TRANSACTIONAL = 2
_CONDITION_FAILED = ("ConditionalCheckFailed", "DuplicateItem")
_NAME_IN_STATEMENT = re.compile(r"'([^']+)'\s*:")

Key = Mapping[str, Any]
SizeOf = Callable[[str, Key], int]
"""Bytes of an item, by its table and key: an update's request does not say how large the item is that it changes."""


@dataclass(frozen=True, slots=True)
class Units:
    write: float = 0
    read: float = 0

    def __add__(self, other: "Units") -> "Units":
        return Units(self.write + other.write, self.read + other.read)


@dataclass(frozen=True, slots=True)
class UnitRules:
    size_of: SizeOf

    def units(self, call: Call) -> Units:  # noqa: PLR0911 - a case each
        if call.service != "dynamodb" or not _charged(call):
            return Units()
        match call.action:
            case "PutItem":
                return Units(write=_put(call.request))
            case "UpdateItem" | "DeleteItem":
                return Units(write=self._changed(call.request))
            case "TransactWriteItems":
                return self._transaction(call)
            case "BatchWriteItem":
                return self._batch_write(call.request)
            case "ExecuteStatement" | "BatchExecuteStatement" | "ExecuteTransaction":
                return self._statements(call)
            case _:
                return Units(read=_read(call))

    def _changed(self, change: Document) -> float:
        return write_units(self.size_of(change["TableName"], change["Key"]))

    def _transaction(self, call: Call) -> Units:
        """Each item is prepared and committed; a transaction that is cancelled costs as much."""
        written = (
            _put(write) if kind == "Put" else self._changed(write)
            for item in call.request["TransactItems"]
            for kind, write in item.items()
        )
        return Units(write=TRANSACTIONAL * sum(written))

    def _batch_write(self, request: Document) -> Units:
        written = (
            _put(write["PutRequest"])
            if "PutRequest" in write
            else write_units(self.size_of(table, write["DeleteRequest"]["Key"]))
            for table, writes in request["RequestItems"].items()
            for write in writes
        )
        return Units(write=sum(written))

    def _statements(self, call: Call) -> Units:
        statements = call.request.get("Statements") or call.request.get("TransactStatements") or [call.request]
        answers = call.response.get("Responses", [{}] * len(statements))
        factor = TRANSACTIONAL if call.action == "ExecuteTransaction" else 1
        total = Units()
        for statement, answer in zip(statements, answers, strict=True):
            size = statement_bytes(statement)
            if statement["Statement"].lstrip().upper().startswith("SELECT"):
                found = sum(map(item_bytes, [answer["Item"]] if "Item" in answer else answer.get("Items", ())))
                total += Units(read=factor * read_units(found, consistent=statement.get("ConsistentRead", False)))
            elif answer.get("Error", {}).get("Code", _CONDITION_FAILED[0]) in _CONDITION_FAILED:
                total += Units(factor * write_units(size))
        return total


def _charged(call: Call) -> bool:
    """Whether DynamoDB charges for it: it does for a condition that does not hold, and not for what it refused."""
    if call.status < 400:  # noqa: PLR2004
        return True
    error = str(call.response.get("__type", "")).rpartition("#")[2]
    return error in {"ConditionalCheckFailedException", "TransactionCanceledException"}


def _put(put: Document) -> int:
    # A condition that fails costs what the item that stands there costs: as much.
    return write_units(item_bytes(put["Item"]))


def _read(call: Call) -> float:
    request, response = call.request, call.response
    match call.action:
        case "GetItem":
            return read_units(item_bytes(response.get("Item", {})), consistent=request.get("ConsistentRead", False))
        case "BatchGetItem":
            return sum(_batch_read(table, asked, response) for table, asked in request["RequestItems"].items())
        case "Query" | "Scan":
            size = sum(map(item_bytes, response.get("Items", ())))
            return read_units(size, consistent=request.get("ConsistentRead", False))
        case "TransactGetItems":
            items = response.get("Responses", ())
            return sum(TRANSACTIONAL * read_units(item_bytes(item.get("Item", {}))) for item in items)
        case _:
            return 0


def _batch_read(table: str, asked: Document, response: Document) -> float:
    """Each item is rounded up by itself, and one that is missing is paid for too."""
    consistent = bool(asked.get("ConsistentRead", False))
    found = response["Responses"].get(table, [])
    unread = response.get("UnprocessedKeys", {}).get(table, {"Keys": []})["Keys"]
    missing = len(asked["Keys"]) - len(unread) - len(found)
    sizes = [*map(item_bytes, found), *[0] * missing]
    return sum(read_units(size, consistent=consistent) for size in sizes)


def write_units(size_bytes: int) -> int:
    return max(1, math.ceil(size_bytes / _WRITE_BYTES))


def read_units(size_bytes: int, *, consistent: bool = True) -> float:
    return max(1, math.ceil(size_bytes / _READ_BYTES)) * (1 if consistent else 0.5)


def statement_bytes(statement: Document) -> int:
    """The item that a PartiQL INSERT writes: the names stand in its text, the values in its parameters."""
    names = _NAME_IN_STATEMENT.findall(statement["Statement"])
    return sum(len(name.encode()) for name in names) + sum(map(_value_bytes, statement.get("Parameters", ())))


def item_bytes(item: Document) -> int:
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Document) -> int:  # noqa: PLR0911 - a case each
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return _number_bytes(content)
        case "B":
            return len(content) * 3 // 4
        case "SS":
            return sum(len(text.encode()) for text in content)
        case "NS":
            return sum(map(_number_bytes, content))
        case "L":
            return 3 + sum(1 + _value_bytes(element) for element in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_bytes(element) for name, element in content.items())
        case _:
            return 1


def _number_bytes(text: str) -> int:
    digits = text.lstrip("-").replace(".", "").strip("0")
    return 1 + math.ceil(len(digits) / 2) + text.startswith("-")

"""Write and read units of DynamoDB, by the published rules, from requests and answers.

Sizes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
Units: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.cli.errors import UserError
from scripts.measure.calls import Call, Document

_WRITE_BYTES = 1024
_READ_BYTES = 4096
TRANSACTIONAL = 2
_NAME_IN_STATEMENT = re.compile(r"'([^']+)'\s*:")

Key = Mapping[str, Any]
SizeOf = Callable[[str, Key], int]
"""Bytes of an item, by its table and key: the request of an update does not tell the size of the item."""


@dataclass(frozen=True, slots=True)
class Units:
    write: float = 0
    read: float = 0

    def __add__(self, other: "Units") -> "Units":
        return Units(self.write + other.write, self.read + other.read)


@dataclass(frozen=True, slots=True)
class UnitRules:
    """The rules of the operations that the order pipeline uses."""

    size_of: SizeOf

    def units(self, call: Call) -> Units:
        """Raise UserError for an operation without a rule: a count of nothing would hide its cost."""
        if call.service != "dynamodb" or not _charged(call):
            return Units()
        request, response = call.request, call.response
        match call.action:
            case "PutItem" | "UpdateItem":
                return Units(write=self._write(request))
            case "TransactWriteItems":
                # Each item is prepared and committed. A cancelled transaction costs as much.
                writes = (write for item in request["TransactItems"] for write in item.values())
                return Units(write=TRANSACTIONAL * sum(map(self._write, writes)))
            case "BatchExecuteStatement":
                return Units(write=_inserted(request, response))
            case "BatchGetItem":
                tables = request["RequestItems"].items()
                return Units(read=sum(_batch_read(table, asked, response) for table, asked in tables))
            case "GetItem" | "Query":
                items = response.get("Items", [response.get("Item", {})])
                return Units(read=_read_units(sum(map(item_bytes, items)), request))
            case _:
                raise UserError(f"{call.caller} called {call.name}: add its rule to scripts/measure/units.py")

    def _write(self, write: Document) -> int:
        """Units of a put or an update; a condition that fails costs as much as the item that stands there."""
        new = write.get("Item")
        return write_units(self.size_of(write["TableName"], write["Key"]) if new is None else item_bytes(new))


def _charged(call: Call) -> bool:
    """Whether DynamoDB charges for it: it does for a condition that fails, and not for a refused request."""
    if call.status < 400:  # noqa: PLR2004
        return True
    error = str(call.response.get("__type", "")).rpartition("#")[2]
    return error in {"ConditionalCheckFailedException", "TransactionCanceledException"}


def _inserted(request: Document, response: Document) -> int:
    """Units of PartiQL inserts: an item that exists already is charged for, another error is not."""
    statements = request["Statements"]
    answers = response.get("Responses", [{}] * len(statements))
    return sum(
        write_units(_statement_bytes(statement))
        for statement, answer in zip(statements, answers, strict=True)
        if answer.get("Error", {}).get("Code", "DuplicateItem") in {"DuplicateItem", "ConditionalCheckFailed"}
    )


def _batch_read(table: str, asked: Document, response: Document) -> float:
    """Units of each item, rounded up by itself; a missing item is charged for too."""
    found = response["Responses"].get(table, [])
    unread = response.get("UnprocessedKeys", {}).get(table, {"Keys": []})["Keys"]
    missing = len(asked["Keys"]) - len(unread) - len(found)
    return sum(_read_units(size, asked) for size in (*map(item_bytes, found), *[0] * missing))


def _read_units(size_bytes: int, request: Document) -> float:
    return read_units(size_bytes, consistent=request.get("ConsistentRead", False))


def write_units(size_bytes: int) -> int:
    return max(1, math.ceil(size_bytes / _WRITE_BYTES))


def read_units(size_bytes: int, *, consistent: bool = True) -> float:
    return max(1, math.ceil(size_bytes / _READ_BYTES)) * (1 if consistent else 0.5)


def _statement_bytes(statement: Document) -> int:
    """Bytes of the item that an INSERT writes: its text has the names, its parameters have the values."""
    names = _NAME_IN_STATEMENT.findall(statement["Statement"])
    return sum(len(name.encode()) for name in names) + sum(map(_value_bytes, statement.get("Parameters", ())))


def item_bytes(item: Document) -> int:
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Document) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            digits = content.lstrip("-").replace(".", "").strip("0")
            return 1 + math.ceil(len(digits) / 2) + (1 if content[0] == "-" else 0)
        case "B":
            return len(content) * 3 // 4
        case "L":
            return 3 + sum(1 + _value_bytes(element) for element in content)
        case "M":
            return 3 + len(content) + item_bytes(content)
        case _:
            return 1

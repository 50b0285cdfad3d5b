"""Writers that meet: each has read whatever it reads before any of them writes."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scripts.cli.errors import UserError
from scripts.deploy.target import Target
from services.libs.store.event_store import StockRefusedError, VersionTakenError
from services.payment_service.gateway import ChargeConflictError, GatewayError
from services.shared.refusals import RefusedError

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_WRITES = ("PutItem", "UpdateItem", "TransactWriteItems", "BatchExecuteStatement")
_PATIENCE_SECONDS = 30
_REFUSALS = (
    *(VersionTakenError, StockRefusedError, GatewayError, ChargeConflictError, RefusedError),
    *(ClientError, UserError),
)

Write = Callable[["DynamoDBClient"], object]


@dataclass(frozen=True, slots=True)
class Outcome:
    results: list[object]
    """What each writer returned or raised."""
    refused: int
    """How many of the writes that met did not come about."""


def at_once(target: Target, *writes: Write, at_write: int = 1) -> Outcome:
    """Have all make their first write, or a later one, in the same moment.

    One that never makes it breaks the meeting, and so the test.
    """
    meeting = threading.Barrier(len(writes), timeout=_PATIENCE_SECONDS)
    writers = [_Writer(target, meeting.wait, at_write) for _ in writes]
    with ThreadPoolExecutor(len(writes)) as pool:
        results = list(pool.map(_Writer.run, writers, writes))
    return Outcome(results, sum(writer.refused for writer in writers))


def interrupted(target: Target, write: Write, between: Callable[[], object], at_write: int = 1) -> Outcome:
    """Have somebody else write right before the writer's first write, or a later one."""
    writer = _Writer(target, between, at_write)
    result = writer.run(write)
    return Outcome([result], int(writer.refused))


class _Writer:
    def __init__(self, target: Target, before: Callable[[], object], at_write: int = 1) -> None:
        self.refused = False
        self._before = before
        self._to_come = at_write
        self._client = target.client("dynamodb")
        for write in _WRITES:
            self._client.meta.events.register(f"before-call.dynamodb.{write}", self._on_write)
            self._client.meta.events.register(f"after-call.dynamodb.{write}", self._on_answer)

    def run(self, write: Write) -> object:
        try:
            return write(self._client)
        except _REFUSALS as error:
            return error

    def _on_write(self, **_: object) -> None:
        self._to_come -= 1
        if self._to_come == 0:
            self._before()

    def _on_answer(self, parsed: Mapping[str, Any], **_: object) -> None:
        if self._to_come == 0:
            self.refused = any("Error" in answer for answer in (parsed, *parsed.get("Responses", ())))

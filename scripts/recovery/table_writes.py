"""Write and delete many items, several batches side by side."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from scripts.cli.errors import UserError
from services.libs.runtime.backoff import Backoff
from services.libs.store.dynamodb_items import Item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import WriteRequestOutputTypeDef, WriteRequestTypeDef

T = TypeVar("T")

# Of DynamoDB.
_REQUESTS_PER_CALL = 25
_CALLS_AT_ONCE = 8
_BACKOFF = Backoff(attempts=12, first_pause_seconds=0.1)


class TableWrites:
    """Unconditional: use it only while nobody else writes to the table."""

    def __init__(self, client: "DynamoDBClient", table: str, backoff: Backoff = _BACKOFF) -> None:
        self._client = client
        self._table = table
        self._backoff = backoff

    def put(self, items: Iterable[Item]) -> Iterator[int]:
        """Yield how many items each few batches wrote; raise UserError where DynamoDB keeps refusing some."""
        return self._write({"PutRequest": {"Item": item}} for item in items)

    def delete(self, keys: Iterable[Item]) -> Iterator[int]:
        return self._write({"DeleteRequest": {"Key": key}} for key in keys)

    def _write(self, requests: "Iterable[WriteRequestTypeDef]") -> Iterator[int]:
        batches = _in_lists(iter(requests), _REQUESTS_PER_CALL)
        with ThreadPoolExecutor(_CALLS_AT_ONCE) as pool:
            for some in _in_lists(batches, _CALLS_AT_ONCE):
                yield sum(pool.map(self._write_batch, some))

    def _write_batch(self, batch: "Sequence[WriteRequestTypeDef]") -> int:
        waiting: Sequence[WriteRequestTypeDef | WriteRequestOutputTypeDef] = batch
        for _ in self._backoff.tries():
            response = self._client.batch_write_item(RequestItems={self._table: waiting})
            # A table that is new or throttled hands some requests back.
            waiting = response["UnprocessedItems"].get(self._table, [])
            if not waiting:
                return len(batch)
        raise UserError(f"{self._table} kept refusing {len(waiting)} writes; run this again when it is quieter")


def _in_lists(iterator: Iterator[T], length: int) -> Iterator[list[T]]:
    return iter(partial(_first, iterator, length), [])


def _first(iterator: Iterator[T], length: int) -> list[T]:
    return list(islice(iterator, length))

"""Stand-ins for what Lambda and DynamoDB do with the records of a stream."""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from scripts.local.stand_ins.types import Document, Response

Execute = Callable[[Document, Any], Document]
Insert = Callable[[Document, Document], Response]

_RETRY_PAUSE_SECONDS = 0.2
_MAX_ATTEMPTS_WITHOUT_PROGRESS = 2
_IDLE_SECONDS = 1.0

logger = logging.getLogger(__name__)


def retry_failed_stream_records(
    execute: Execute,
    reports_item_failures: Callable[[Document, Document], bool],
    pause: Callable[[float], None] = time.sleep,
) -> Execute:
    """Stand in for partial batch failures of a DynamoDB stream.

    MiniStack moves past a batch whenever the function returns, and would lose the records that failed. Lambda retries
    from the first failed record on:
    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
    Without progress the invocation becomes an error: MiniStack then keeps its position and tries again later.
    """

    def execute_until_no_record_fails(function: Document, event: Any) -> Document:  # noqa: ANN401 - an event is any JSON
        records = event.get("Records") if isinstance(event, dict) else None
        if not records or records[0].get("eventSource") != "aws:dynamodb" or not reports_item_failures(function, event):
            return execute(function, event)
        stuck = 0
        while True:
            result = execute(function, {**event, "Records": records})
            failed = _failed_sequence_numbers(result)
            if result.get("error") or not failed:
                return result
            left = _from_first_failed(records, failed)
            stuck = stuck + 1 if len(left) == len(records) else 0
            if stuck == _MAX_ATTEMPTS_WITHOUT_PROGRESS:
                return _batch_failure(result, left)
            records = left
            pause(_RETRY_PAUSE_SECONDS)

    return execute_until_no_record_fails


def _failed_sequence_numbers(result: Mapping[str, Any]) -> list[str]:
    body = result.get("body")
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return []
    failures = body.get("batchItemFailures") if isinstance(body, dict) else None
    return [str(failure.get("itemIdentifier", "")) for failure in failures or []]


def _from_first_failed(records: Sequence[Document], failed: Sequence[str]) -> list[Document]:
    """Return all records if a number is unknown, as Lambda does."""
    positions = {record["dynamodb"]["SequenceNumber"]: index for index, record in enumerate(records)}
    return list(records[min(positions.get(number, 0) for number in failed) :])


def _batch_failure(result: Mapping[str, Any], left: Sequence[Document]) -> Document:
    first = left[0]["dynamodb"]["SequenceNumber"]
    message = f"{len(left)} stream records still fail, the first is {first}"
    return {**result, "error": True, "body": {"errorType": "BatchItemFailures", "errorMessage": message}}


def poll_apart(
    poll: Callable[[], bool], has_work: threading.Event, idle_seconds: float = _IDLE_SECONDS
) -> Callable[[], bool]:
    """Poll streams in a thread of their own, as each event source on AWS has its own poller.

    MiniStack's one poller would deliver no queue's messages while a stream's function runs. It calls the function that
    is returned, which finds nothing.
    """

    def poll_for_ever() -> None:
        while True:
            has_work.clear()
            if not _succeeds(poll):
                has_work.wait(idle_seconds)

    threading.Thread(target=poll_for_ever, daemon=True).start()
    return lambda: False


def _succeeds(poll: Callable[[], bool]) -> bool:
    """Poll; log an error and count it as nothing found, as MiniStack's own poller does."""
    try:
        return poll()
    except Exception:
        logger.exception("polling a stream failed")
        return False


def stream_inserts(insert: Insert, emit: Callable[[str, str, None, Document], None]) -> Insert:
    """Add the stream records of items that a PartiQL statement inserts: MiniStack writes none."""

    def insert_and_emit(table: Document, statement: Document) -> Response:
        response = insert(table, statement)
        if response[0] == HTTPStatus.OK:
            item = statement["item"]
            emit(table["TableName"], "INSERT", None, item.get("M", item))
        return response

    return insert_and_emit

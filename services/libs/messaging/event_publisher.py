"""Publish the events of commits to their buses."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from services.libs.observability.structured_logging import logger
from services.libs.runtime.aws_clients import LONGEST_CALL_SECONDS
from services.libs.runtime.backoff import Backoff
from services.shared.commits import Commit
from services.shared.events.event import Bus
from services.shared.faults import RESERVE_SECONDS, SecondsLeft, no_hurry
from services.shared.json_types import JsonObject

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient
    from types_boto3_events.type_defs import PutEventsRequestEntryTypeDef

    _Waiting = tuple[Commit, PutEventsRequestEntryTypeDef]
    _Batch = list[_Waiting]
    SideBySide = Callable[[Callable[[_Batch], _Batch], Iterable[_Batch]], Iterable[_Batch]]
    """Like `map`: the results are in the order of the arguments."""

_MAX_ENTRIES_PER_CALL = 10
_BACKOFF = Backoff(attempts=3, first_pause_seconds=0.1)


class EventPublisher:
    def __init__(
        self,
        client: "EventBridgeClient",
        bus_names: Mapping[str, str],
        side_by_side: "SideBySide" = map,
        backoff: Backoff = _BACKOFF,
    ) -> None:
        self._client = client
        self._bus_names = bus_names
        self._side_by_side = side_by_side
        self._backoff = backoff

    def publish(self, commits: Sequence[Commit], seconds_left: SecondsLeft = no_hurry) -> list[Commit]:
        """Publish every event of every commit; return the commits with an event that was not published.

        EventBridge accepts or refuses each entry of a call, so a successful call may still refuse some. After a failed
        call, none is started that could outlast the remaining time. Its error is raised only if nothing was published:
        an error would make Lambda publish all of the batch again.
        """
        faults: list[BotoCoreError | ClientError] = []
        entries = waiting = [(commit, entry) for commit in commits for entry in self._entries(commit)]
        put = partial(self._put, faults, seconds_left)
        for _ in self._backoff.tries():
            waiting = [one for left in self._side_by_side(put, _batches(waiting)) for one in left]
            if not waiting:
                break
        if faults and len(waiting) == len(entries):
            raise faults[-1]
        if faults:
            codes = sorted({_code(fault) for fault in faults})
            level = logging.ERROR if waiting else logging.WARNING
            logger.log(level, "calls to EventBridge failed", exc_info=faults[-1], extra={"error_codes": codes})
        return [commit for commit in commits if any(commit is refused for refused, _ in waiting)]

    def _put(self, faults: list[BotoCoreError | ClientError], seconds_left: SecondsLeft, batch: "_Batch") -> "_Batch":
        """Return the entries that were not published."""
        if faults and seconds_left() < LONGEST_CALL_SECONDS + RESERVE_SECONDS:
            return batch
        try:
            response = self._client.put_events(Entries=[entry for _, entry in batch])
        except (BotoCoreError, ClientError) as fault:
            faults.append(fault)
            return batch
        if not response["FailedEntryCount"]:
            return []
        codes = {result["ErrorCode"] for result in response["Entries"] if "ErrorCode" in result}
        logger.warning("events refused", extra={"error_codes": sorted(codes)})
        return [sent for sent, result in zip(batch, response["Entries"], strict=True) if "ErrorCode" in result]

    def _entries(self, commit: Commit) -> "list[PutEventsRequestEntryTypeDef]":
        return [
            {
                "EventBusName": self._bus_names[event.BUS],
                "Source": event.BUS.source,
                "DetailType": event.type_name(),
                "Detail": json.dumps(event_detail(commit, index)),
                "Time": commit.cause.at,
            }
            for index, event in enumerate(commit.events)
        ]


def _batches(waiting: "_Batch") -> "Iterator[_Batch]":
    """One source per call: IAM allows each bus its own source only, and checks all sources of a call together."""
    for bus in Bus:
        entries = [(commit, entry) for commit, entry in waiting if entry["Source"] == bus.source]
        for start in range(0, len(entries), _MAX_ENTRIES_PER_CALL):
            yield entries[start : start + _MAX_ENTRIES_PER_CALL]


def _code(fault: BotoCoreError | ClientError) -> str:
    return fault.response["Error"]["Code"] if isinstance(fault, ClientError) else type(fault).__name__


def event_detail(commit: Commit, index: int) -> JsonObject:
    """The published form of a commit's event: its own fields, and its metadata."""
    event = commit.events[index]
    return {
        **event.published(),
        "metadata": {
            "eventId": commit.event_id(index),
            "correlationId": commit.cause.correlation_id,
            "causationId": commit.cause.event_id,
            "occurredAt": commit.cause.occurred_at,
            "schemaVersion": event.SCHEMA_VERSION,
        },
    }

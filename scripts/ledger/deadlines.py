"""Deadlines that follow from the log: streams that wait for one, and the groups that tell of them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from scripts.deploy.deployment import Deployment
from services.libs.store.deadline_table import DeadlineTable
from services.shared.deadlines import MAX_STREAMS_PER_MESSAGE, DeadlineGroup, minute_of

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

# So far ahead a tool writes at least: its clock may be behind, and its writes take their time.
_AHEAD = timedelta(minutes=2)


class Deadlines:
    def __init__(self, client: "DynamoDBClient", deployment: Deployment) -> None:
        self._table = DeadlineTable(client, deployment.tables.deadline)

    def missing(self, due: Mapping[str, datetime]) -> dict[str, datetime]:
        """Those of the streams, with their deadlines, that no group in the table tells of."""
        missing = dict(due)
        for group in self._table.all():
            if isinstance(group, DeadlineGroup):
                told = (stream for stream in group.stream_ids if stream in missing and group.due_at >= missing[stream])
                for stream in list(told):
                    del missing[stream]
        return missing

    def write(self, due: Mapping[str, datetime], now: datetime) -> None:
        """Write a deadline for each stream, those of a minute together; one that has passed is due soon."""
        times = {stream: max(time, now + _AHEAD) for stream, time in due.items()}
        for _, of_minute in groupby(sorted(times, key=times.__getitem__), key=lambda stream: minute_of(times[stream])):
            streams = list(of_minute)
            for start in range(0, len(streams), MAX_STREAMS_PER_MESSAGE):
                group = streams[start : start + MAX_STREAMS_PER_MESSAGE]
                self._table.write(DeadlineGroup(tuple(group), times[group[-1]], now))

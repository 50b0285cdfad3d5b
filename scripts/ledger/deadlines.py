"""Compare the deadline table with the deadlines that follow from the log, and write the missing ones."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from scripts.deploy.deployment import Deployment
from services.libs.store.deadline_table import DeadlineTable
from services.shared.deadlines import MAX_STREAMS_PER_MESSAGE, MINUTE, DeadlineGroup, minute_of

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

# A tool writes at least this far ahead: its clock may be behind, and its writes take their time.
_AHEAD = timedelta(minutes=2)


class Deadlines:
    def __init__(self, client: "DynamoDBClient", deployment: Deployment) -> None:
        self._table = DeadlineTable(client, deployment.tables.deadline)

    def missing(self, due: Mapping[str, datetime]) -> dict[str, datetime]:
        """Return the streams, with their deadlines, that no group in the table names."""
        missing = dict(due)
        for group in self._groups():
            for stream in group.stream_ids:
                if stream in missing and group.due_at >= missing[stream]:
                    del missing[stream]
        return missing

    def streams(self) -> set[str]:
        """The streams of all groups."""
        return {stream for group in self._groups() for stream in group.stream_ids}

    def streams_due(self, first: datetime, last: datetime) -> set[str]:
        """The streams of the groups that are due in these minutes, both included."""
        minutes = (minute_of(last) - minute_of(first)) // MINUTE + 1
        groups = (
            group for number in range(minutes) for group in self._table.due_in(minute_of(first) + number * MINUTE)
        )
        return {stream for group in groups if isinstance(group, DeadlineGroup) for stream in group.stream_ids}

    def _groups(self) -> Iterator[DeadlineGroup]:
        return (group for group in self._table.all() if isinstance(group, DeadlineGroup))

    def write(self, due: Mapping[str, datetime], now: datetime) -> None:
        """Write the deadlines, those of one minute as a group; a deadline that has passed is due soon."""
        times = {stream: max(time, now + _AHEAD) for stream, time in due.items()}
        for _, of_minute in groupby(sorted(times, key=times.__getitem__), key=lambda stream: minute_of(times[stream])):
            streams = list(of_minute)
            for start in range(0, len(streams), MAX_STREAMS_PER_MESSAGE):
                group = streams[start : start + MAX_STREAMS_PER_MESSAGE]
                self._table.write(DeadlineGroup(tuple(group), times[group[-1]], now))

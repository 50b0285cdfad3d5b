"""Compare the deadline table with the deadlines that follow from the log, and write the missing ones."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from scripts.deploy.deployment import Deployment
from services.libs.store.deadline_table import DeadlineTable
from services.shared.cart_lifecycle import CART_PREFIX
from services.shared.deadlines import MAX_STREAMS_PER_MESSAGE, DeadlineGroup, minute_of
from services.shared.lifecycle import State
from services.shared.shipment_lifecycle import SHIPMENT_PREFIX

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

# A tool writes at least this far ahead: its clock may be behind, and its writes take their time.
_AHEAD = timedelta(minutes=2)
# A group is due with the last of its streams, and a tool writes a deadline that is near a little later.
_LATER = timedelta(minutes=5)
# From the minute in which a stream is due until its service has written the next deadline: a sweep, a queue, retries.
_TO_RENEW = timedelta(minutes=20)


class Deadline(NamedTuple):
    """When a stream is due; one stream may have several."""

    stream_id: str
    due_at: datetime


def deadlines_of(stream_id: str, state: State) -> list[Deadline]:
    due = [waiting.due_at for waiting in state.waits if waiting.due_at]
    if stream_id.startswith(CART_PREFIX) and state.waits and not due:
        # No commit says when a cart that was changed is looked at next. Its service does, when it is told of it.
        due = [state.since]
    return [Deadline(stream_id, due_at) for due_at in due]


def is_renewed(stream_id: str) -> bool:
    """Whether its service writes the next deadline without a commit: it looks at parcels and carts again and again."""
    return stream_id.startswith((SHIPMENT_PREFIX, CART_PREFIX))


class Deadlines:
    def __init__(self, client: "DynamoDBClient", deployment: Deployment) -> None:
        self._table = DeadlineTable(client, deployment.tables.deadline)

    def missing(self, due: Iterable[Deadline], now: datetime) -> list[Deadline]:
        """Return the deadlines that no group in the table tells of.

        For a stream whose deadlines are renewed, any group will do that is still to come, or has only just passed.
        """
        missing: dict[str, set[datetime]] = {}
        for stream_id, due_at in due:
            missing.setdefault(stream_id, set()).add(due_at)
        live = self._unswept(now) - _TO_RENEW if missing else now
        for group in self._groups() if missing else ():
            for stream_id in missing.keys() & set(group.stream_ids):
                left = {at for at in missing[stream_id] if not _tells(group, Deadline(stream_id, at), live)}
                if left:
                    missing[stream_id] = left
                else:
                    del missing[stream_id]
        return [Deadline(stream_id, at) for stream_id, times in missing.items() for at in sorted(times)]

    def written_since(self, time: datetime) -> set[str]:
        """The streams of the groups that were written since then; it reads the whole table."""
        return {stream for group in self._groups() if group.written_at >= time for stream in group.stream_ids}

    def due_in(self, minutes: Iterable[datetime]) -> set[str]:
        """The streams of the groups that are due in these minutes."""
        groups = (group for minute in minutes for group in self._table.due_in(minute))
        return {stream for group in groups if isinstance(group, DeadlineGroup) for stream in group.stream_ids}

    def _unswept(self, now: datetime) -> datetime:
        """The time from which on the sweeper has told of nothing yet: the past too, if it was paused."""
        swept_until = self._table.swept_until()
        return min(now, swept_until) if swept_until else now

    def _groups(self) -> Iterator[DeadlineGroup]:
        return (group for group in self._table.all() if isinstance(group, DeadlineGroup))

    def write(self, due: Iterable[Deadline], now: datetime) -> None:
        """Write the deadlines, those of one minute as a group; a deadline that has passed is due soon."""
        soon = now + _AHEAD
        times = sorted({Deadline(stream_id, max(due_at, soon)) for stream_id, due_at in due}, key=_time)
        for _, of_minute in groupby(times, key=lambda deadline: minute_of(deadline.due_at)):
            last = {deadline.stream_id: deadline for deadline in of_minute}
            deadlines = sorted(last.values(), key=_time)
            for start in range(0, len(deadlines), MAX_STREAMS_PER_MESSAGE):
                group = deadlines[start : start + MAX_STREAMS_PER_MESSAGE]
                streams = tuple(deadline.stream_id for deadline in group)
                self._table.write(DeadlineGroup(streams, group[-1].due_at, now))


def _time(deadline: Deadline) -> tuple[datetime, str]:
    return deadline.due_at, deadline.stream_id


def _tells(group: DeadlineGroup, deadline: Deadline, live: datetime) -> bool:
    if is_renewed(deadline.stream_id):
        return group.due_at >= live
    # A tool may have written it after the stream was due.
    return deadline.due_at <= group.due_at <= max(deadline.due_at, group.written_at) + _LATER

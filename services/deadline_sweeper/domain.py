"""Which minutes a sweep reads, and which deadlines it sends."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.shared.deadlines import MINUTE, DeadlineGroup, minute_of

CLOCK_ERROR = timedelta(seconds=30)
"""The largest error of a function's clock."""
# Their ids stay far below the 400 KB of an item.
_MAX_STREAMS_PER_GROUP = 1_000


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep at `now`. The last one sent everything until `before`, which is None if there was none.

    A group is in the table within the timeout of its writer's function, give or take the errors of both clocks. So the
    last sweep saw every group that was written so long before it, and sent it if it was due. No group is put into a
    minute before the one in which its writer began. So the minutes before hold nothing that is still to be sent.
    """

    now: datetime
    before: datetime | None
    writer_timeout: timedelta

    def minutes(self, first: datetime | None) -> Iterator[datetime]:
        """The minutes to read, the earliest first; the first sweep of all begins with `first`."""
        minute = minute_of(self._seen_before or first or self.now)
        while minute <= self.now:
            yield minute
            minute += MINUTE

    def is_due(self, group: DeadlineGroup) -> bool:
        return group.due_at <= self.now and not self._was_sent(group)

    def done_through(self, minute: datetime) -> datetime:
        """The time until which everything is sent, once the groups of this minute are."""
        done = min(minute + MINUTE, self.now)
        return max(done, self.before) if self.before else done

    def postponed(self, stream_ids: Sequence[str]) -> Iterator[DeadlineGroup]:
        """New deadlines of streams whose owner could not be told."""
        for start in range(0, len(stream_ids), _MAX_STREAMS_PER_GROUP):
            streams = tuple(stream_ids[start : start + _MAX_STREAMS_PER_GROUP])
            yield DeadlineGroup(streams, self.now + MINUTE, self.now)

    @property
    def _seen_before(self) -> datetime | None:
        """The last sweep has seen every group that was written before this time."""
        return self.before - self.writer_timeout - 2 * CLOCK_ERROR if self.before else None

    def _was_sent(self, group: DeadlineGroup) -> bool:
        if self.before is None or self._seen_before is None:
            return False
        return group.due_at < self.before and group.written_at < self._seen_before

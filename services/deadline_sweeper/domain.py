"""What a sweep has to look at, and which deadlines it has to tell of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.shared.deadlines import MINUTE, DeadlineGroup, minute_of

CLOCK_ERROR = timedelta(seconds=30)
"""How far a function's clock is from the true time at most."""
# Their ids stay far below the 400 KB of an item.
_MOST_STREAMS_A_GROUP = 1_000


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep at `now`, after one that has sent everything until `before`, if there was one.

    Once its writer began, a group is in the table after one invocation's longest time, give or take both clocks' error.
    So the last sweep saw every group that was written so long before it, and sent it if it was due. And no group is put
    into a minute before that in which its writer began, so earlier minutes hold nothing that is still to be sent.
    """

    now: datetime
    before: datetime | None
    writer_timeout: timedelta

    def minutes(self, first: datetime | None) -> Iterator[datetime]:
        """The minutes to read, the earliest first; `first` is where to begin if there was no sweep before."""
        minute = minute_of(self._settled or first or self.now)
        while minute <= self.now:
            yield minute
            minute += MINUTE

    def is_due(self, group: DeadlineGroup) -> bool:
        return group.due_at <= self.now and not self._was_sent(group)

    def done_through(self, minute: datetime) -> datetime:
        """Until when everything is sent once the groups of this minute are."""
        done = min(minute + MINUTE, self.now)
        return max(done, self.before) if self.before else done

    def again(self, stream_ids: Sequence[str]) -> Iterator[DeadlineGroup]:
        """New deadlines for streams whose service could not be told."""
        for start in range(0, len(stream_ids), _MOST_STREAMS_A_GROUP):
            streams = tuple(stream_ids[start : start + _MOST_STREAMS_A_GROUP])
            yield DeadlineGroup(streams, self.now + MINUTE, self.now)

    @property
    def _settled(self) -> datetime | None:
        """What was written before is in the table, and the last sweep has seen it."""
        return self.before - self.writer_timeout - 2 * CLOCK_ERROR if self.before else None

    def _was_sent(self, group: DeadlineGroup) -> bool:
        if self.before is None or self._settled is None:
            return False
        return group.due_at < self.before and group.written_at < self._settled

"""The sweeper's use case: tell the service that owns a stream that its deadline has passed. It knows no service."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.deadline_sweeper.domain import Sweep
from services.libs.messaging.deadline_notices import DeadlineNotices
from services.libs.observability.structured_logging import logger
from services.libs.store.deadline_table import DeadlineTable
from services.shared.faults import SecondsLeft, is_out_of_time, no_hurry

_LOGGED = 100


@dataclass(slots=True)
class Swept:
    """Streams whose service was told, streams whose service could not be, and items that are no deadlines."""

    sent: int = 0
    postponed: int = 0
    unreadable: int = 0


class DeadlineSweeper:
    """`writer_timeout` is how long the invocation of a function lasts at most that writes deadlines."""

    def __init__(self, table: DeadlineTable, notices: DeadlineNotices, writer_timeout: timedelta) -> None:
        self._table = table
        self._notices = notices
        self._writer_timeout = writer_timeout

    def sweep(self, now: datetime, seconds_left: SecondsLeft = no_hurry) -> Swept:
        """Tell of what is due. What there is no time for, and all of a sweep that is killed, the next one takes up."""
        swept, before = Swept(), self._table.swept_until()
        sweep, done = Sweep(now, before, self._writer_timeout), before
        try:
            for minute in sweep.minutes(None if before else self._table.first_minute()):
                if is_out_of_time(seconds_left):
                    break
                self._sweep_minute(sweep, minute, swept)
                done = sweep.done_through(minute)
        finally:
            if done != before and done:
                self._table.set_swept_until(done)
        return swept

    def _sweep_minute(self, sweep: Sweep, minute: datetime, swept: Swept) -> None:
        due = list(dict.fromkeys(self._due(sweep, minute, swept)))
        untold = self._notices.send(due)
        if untold:
            for group in sweep.again(untold):
                self._table.write(group)
            logger.error("services could not be told of deadlines", extra={"stream_ids": untold[:_LOGGED]})
        swept.sent += len(due) - len(untold)
        swept.postponed += len(untold)

    def _due(self, sweep: Sweep, minute: datetime, swept: Swept) -> Iterator[str]:
        for group in self._table.due_in(minute):
            if isinstance(group, Exception):
                swept.unreadable += 1
                logger.error("item is no deadline", exc_info=group)
            elif sweep.is_due(group):
                yield from group.stream_ids

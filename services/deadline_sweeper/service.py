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
    """Streams whose owner was told, streams whose owner could not be told, and items that cannot be read."""

    sent: int = 0
    postponed: int = 0
    unreadable: int = 0


class DeadlineSweeper:
    """`writer_timeout` is the longest timeout of the functions that write deadlines."""

    def __init__(self, table: DeadlineTable, notices: DeadlineNotices, writer_timeout: timedelta) -> None:
        self._table = table
        self._notices = notices
        self._writer_timeout = writer_timeout

    def sweep(self, now: datetime, seconds_left: SecondsLeft = no_hurry) -> Swept:
        """Tell the owners of due streams. If it runs out of time or is killed, the next sweep does the rest."""
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
        unsent = self._notices.send(due)
        if unsent:
            for group in sweep.postponed(unsent):
                self._table.write(group)
            logger.error("services could not be told of deadlines", extra={"stream_ids": unsent[:_LOGGED]})
        swept.sent += len(due) - len(unsent)
        swept.postponed += len(unsent)

    def _due(self, sweep: Sweep, minute: datetime, swept: Swept) -> Iterator[str]:
        for group in self._table.due_in(minute):
            if isinstance(group, Exception):
                swept.unreadable += 1
                logger.error("item is no deadline", exc_info=group)
            elif sweep.is_due(group):
                yield from group.stream_ids

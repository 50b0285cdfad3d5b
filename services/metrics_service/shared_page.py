"""One page for all who scrape: one reader at a time makes it, the others wait for it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from services.libs.runtime.backoff import Sleep
from services.metrics_service.exposition import Values
from services.metrics_service.page_store import KeptPage, PageStore
from services.shared.faults import DependencyError, SecondsLeft, is_out_of_time, no_hurry

# How long readers share a page.
_FRESH = timedelta(seconds=5)
# How long the others wait for a reader that died. A reader that takes longer may be overtaken.
_TURN = timedelta(seconds=5)
_PAUSE_SECONDS = 0.25

ReadValues = Callable[[datetime, SecondsLeft], Values]
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


class SharedPage:
    """No counter falls from one page to the next, although readers may overtake each other.

    Each page is saved before it is shown, and only if the page that was the latest before its values were read still
    is. So the values of each page were read after those of the page before it.
    """

    def __init__(
        self, store: PageStore, read_values: ReadValues, clock: Clock = utc_now, sleep: Sleep = time.sleep
    ) -> None:
        self._store = store
        self._read_values = read_values
        self._clock = clock
        self._sleep = sleep

    def values(self, seconds_left: SecondsLeft = no_hurry, *, newly_read: bool = False) -> Values:
        """Return the values of the latest page, or read new ones if it is older than 5 seconds or `newly_read` is set.

        Raises the faults of reading, and DependencyError if the time is over before a page is ready.
        """
        while not is_out_of_time(seconds_left):
            latest = self._store.latest()
            if latest and not newly_read and abs(self._clock() - latest.read_at) < _FRESH:
                return latest.values
            if newly_read or self._store.take_turn(self._clock(), _TURN):
                values = self._read_values(self._clock(), seconds_left)
                version = latest.version + 1 if latest else 1
                if self._store.save(KeptPage(version, self._clock(), values)):
                    return values
            else:
                self._sleep(_PAUSE_SECONDS)
        raise DependencyError("no page was ready in time: other readers are reading the metrics")

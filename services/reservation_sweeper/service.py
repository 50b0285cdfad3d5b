"""The sweeper's use case: find the orders whose payment is overdue, and expire those that are still reserved."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from services.libs.commit_items import DUE_SHARDS
from services.libs.event_store import EventStore, VersionTakenError
from services.libs.structured_logging import bind_log_fields, log_fields, logger
from services.reservation_sweeper.cursor import SweepCursor
from services.reservation_sweeper.domain import expire
from services.shared.commits import timestamp

_BATCH = 100
# An index follows its table with a delay: what became due this lately is looked at once more by the next sweep.
_INDEX_DELAY = timedelta(minutes=2)


@dataclass(slots=True)
class Swept:
    expired: int = 0
    settled: int = 0
    failed: int = 0


class ReservationSweeper:
    def __init__(self, store: EventStore, cursor: SweepCursor) -> None:
        self._store = store
        self._cursor = cursor

    def sweep(self, now: datetime, out_of_time: Callable[[], bool] = lambda: False) -> Swept:
        """Expire what is due; what there is no time left for, the next sweep takes up."""
        swept = Swept()
        for shard in range(DUE_SHARDS):
            since = self._cursor.read(shard)
            until = self._sweep_shard(shard, since, now, out_of_time, swept)
            if until > since:
                self._cursor.advance(shard, until)
        return swept

    def _sweep_shard(self, shard: int, since: str, now: datetime, out_of_time: Callable[[], bool], swept: Swept) -> str:
        """Return up to when the shard is done for good."""
        until = timestamp(now - _INDEX_DELAY)
        due = self._store.due(shard, since, timestamp(now))
        while batch := list(islice(due, _BATCH)):
            if out_of_time():
                return min(until, batch[0][0])
            due_at = {stream_id: at for at, stream_id in batch}
            # An order that fails holds the cursor back for as long as it does: it is never given up.
            until = min([until, *(due_at[stream_id] for stream_id in self._expire(list(due_at), now, swept))])
        return until

    def _expire(self, stream_ids: Sequence[str], now: datetime, swept: Swept) -> list[str]:
        """Return the streams that failed."""
        unsettled = self._store.without_version(stream_ids, 2)
        swept.settled += len(stream_ids) - len(unsettled)
        return [stream_id for stream_id in unsettled if not self._expired(stream_id, now, swept)]

    def _expired(self, stream_id: str, now: datetime, swept: Swept) -> bool:
        with log_fields(stream_id=stream_id):
            try:
                reserved = self._store.read(stream_id)[0]
                bind_log_fields(correlation_id=reserved.cause.correlation_id, order_id=str(reserved.body["orderId"]))
                self._store.append(expire(reserved, now))
            except VersionTakenError:
                swept.settled += 1
            except Exception:  # noqa: BLE001 - one order must not keep the others from being swept
                logger.exception("order could not be expired")
                swept.failed += 1
                return False
            else:
                logger.info("order expired")
                swept.expired += 1
        return True

"""The sweeper's use case: find the orders whose payment is overdue, and expire those that are still reserved."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from services.deadline_sweeper.cursor import Position, SweepCursor
from services.deadline_sweeper.domain import expire
from services.libs.commit_items import DUE_SHARDS
from services.libs.event_store import EventStore, VersionTakenError
from services.libs.structured_logging import bind_log_fields, log_fields, logger
from services.shared.commits import timestamp

_BATCH = 100
# An index follows its table with a delay: what became due this lately is looked at once more by the next sweep.
_INDEX_DELAY = timedelta(minutes=2)
# Of a shard: one that fails beyond them holds its cursor back. None is ever given up.
_MOST_PASSED_OVER = 100


@dataclass(slots=True)
class Swept:
    expired: int = 0
    settled: int = 0
    failed: int = 0


class ReservationSweeper:
    def __init__(self, store: EventStore, cursor: SweepCursor, most_passed_over: int = _MOST_PASSED_OVER) -> None:
        self._store = store
        self._cursor = cursor
        self._most_passed_over = most_passed_over

    def sweep(self, now: datetime, out_of_time: Callable[[], bool] = lambda: False) -> Swept:
        """Expire what is due; what there is no time left for, the next sweep takes up."""
        swept = Swept()
        # One shard may take all the time: each has its turn to be the first.
        for turn in range(DUE_SHARDS):
            shard = (now.minute + turn) % DUE_SHARDS
            before = self._cursor.read(shard)
            after = self._sweep_shard(shard, before, now, out_of_time, swept)
            if after != before:
                self._cursor.write(shard, after)
        return swept

    def _sweep_shard(
        self, shard: int, before: Position, now: datetime, out_of_time: Callable[[], bool], swept: Swept
    ) -> Position:
        until = max(before.until, timestamp(now - _INDEX_DELAY))
        failed: dict[str, str] = {}
        for due_at, stream_id, settled in self._looked_up(self._store.due(shard, before.until, timestamp(now))):
            if out_of_time():
                until = min(until, due_at)
                break
            if settled:
                swept.settled += 1
            elif not self._expired(stream_id, now, swept):
                failed[stream_id] = due_at
        # After what is new: however many fail again, and however slowly, they keep no other from being swept.
        again = [stream_id for stream_id in before.passed_over if stream_id not in failed]
        passed_over = [stream_id for stream_id in again if out_of_time() or not self._expired(stream_id, now, swept)]
        room = self._most_passed_over - len(passed_over)
        until = min([until, *list(failed.values())[room:]])
        passed_over += [stream_id for stream_id, due_at in failed.items() if due_at < until]
        return Position(until, tuple(passed_over))

    def _looked_up(self, due: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str, bool]]:
        """Add to each whether it is settled."""
        while batch := list(islice(due, _BATCH)):
            unsettled = set(self._store.without_version([stream_id for _, stream_id in batch], 2))
            yield from ((due_at, stream_id, stream_id not in unsettled) for due_at, stream_id in batch)

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

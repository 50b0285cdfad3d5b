"""The metrics service's use case: read every metric's values. Business counters are exact, and no counter falls."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError

from services.libs.observability.structured_logging import logger
from services.libs.store.ledger_counters import LedgerCounters
from services.metrics_service.checkpoints import Checkpoints
from services.metrics_service.cloudwatch_reader import CALL_SECONDS, CloudWatchReader
from services.metrics_service.domain import Checkpoint
from services.metrics_service.exposition import Values
from services.shared.counters import tickets_waiting
from services.shared.faults import DependencyError, SecondsLeft, no_hurry

# An execution environment without a write for so long is taken for gone, and its counters are folded.
_IDLE = timedelta(hours=1)
# The last few minutes of a queue's age: SQS publishes it each minute, with a delay.
_AGE_SPAN = timedelta(minutes=5)
# Time kept for the rest of the page: a slow CloudWatch makes some figures old, but the page is served.
_RESERVE_SECONDS = 8


class GaugeReader(Protocol):
    def read(self) -> Mapping[str, Mapping[str, float]]:
        """By metric, and by the value of its one label."""
        ...


class MetricsService:
    def __init__(
        self,
        checkpoints: Checkpoints,
        cloudwatch: CloudWatchReader,
        counters: LedgerCounters,
        gauges: tuple[GaugeReader, ...],
        refresh: timedelta,
    ) -> None:
        self._checkpoints = checkpoints
        self._cloudwatch = cloudwatch
        self._counters = counters
        self._gauges = gauges
        self._refresh_seconds = refresh.total_seconds()

    def read(self, now: datetime, seconds_left: SecondsLeft = no_hurry) -> Values:
        """Read CloudWatch if it is due, and everything else in any case; raise the fault of any other source."""
        checkpoint = self._refreshed(now, lambda: seconds_left() - _RESERVE_SECONDS)
        counters = self._counters.read()
        gauges: dict[str, Mapping[str, float]] = {
            "support_tickets_waiting": {"": tickets_waiting(counters)},
            "queue_oldest_message_age_seconds": checkpoint.gauges,
            "pulsequeue_metrics_last_refresh_timestamp_seconds": {"": checkpoint.read_at},
        }
        for reader in self._gauges:
            gauges |= reader.read()
        errors = {"pulsequeue_metrics_refresh_errors_total": self._checkpoints.errors()}
        return Values(checkpoint.totals() | counters | errors, gauges)

    def _refreshed(self, now: datetime, seconds_left: SecondsLeft) -> Checkpoint:
        """Read CloudWatch if this reader gets the turn; otherwise, and after a fault, return the last checkpoint."""
        # Turns are times, so that turns of another length still come after it.
        turn = int(now.timestamp() // self._refresh_seconds * self._refresh_seconds)
        is_due = self._checkpoints.take_turn(turn)
        checkpoint = self._checkpoints.read() or Checkpoint.first(now)
        if not is_due:
            return checkpoint
        try:
            checkpoint = self._caught_up(checkpoint, now, seconds_left)
        except (BotoCoreError, ClientError, DependencyError):
            logger.exception("metrics could not be refreshed")
            self._checkpoints.count_error()
            return self._checkpoints.read() or checkpoint
        self._fold(now)
        return checkpoint

    def _caught_up(self, checkpoint: Checkpoint, now: datetime, seconds_left: SecondsLeft) -> Checkpoint:
        """Read and save a span, and after a longer break as many more as there is time for."""
        ages = self._cloudwatch.oldest_message_ages(now - _AGE_SPAN, now, seconds_left)
        while True:
            sums = self._cloudwatch.sums(*checkpoint.span(now), seconds_left)
            advanced = checkpoint.advanced(sums, ages, now)
            # A long turn may overlap the next one: then the checkpoint that the other saved stands.
            if not self._checkpoints.save(advanced):
                return self._checkpoints.read() or checkpoint
            checkpoint = advanced
            if checkpoint.read_at >= now.timestamp() or seconds_left() < CALL_SECONDS:
                return checkpoint

    def _fold(self, now: datetime) -> None:
        try:
            self._counters.fold(now - _IDLE)
        except (BotoCoreError, ClientError, DependencyError):
            logger.exception("counters could not be folded")  # the next turn tries again

"""The metrics service's use case: one page of everything that is known, exact where it can be and never falling."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError

from services.libs.ledger_counters import LedgerCounters
from services.libs.structured_logging import logger
from services.metrics_service.checkpoints import Checkpoints
from services.metrics_service.cloudwatch_reader import CloudWatchReader
from services.metrics_service.domain import Checkpoint
from services.metrics_service.exposition import Page, Values
from services.shared.faults import DependencyError

# Counters of an execution environment that wrote nothing for so long are folded: it is gone, or begins anew.
_IDLE = timedelta(hours=1)
# The last few minutes of a queue's age: SQS publishes it each minute, with a delay.
_AGE_SPAN = timedelta(minutes=5)


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

    def page(self, now: datetime) -> Page:
        """Read CloudWatch if it is due, and everything else in any case; what cannot be read is raised."""
        checkpoint = self._refreshed(now)
        gauges: dict[str, Mapping[str, float]] = {
            "queue_oldest_message_age_seconds": checkpoint.gauges,
            "pulsequeue_metrics_last_refresh_timestamp_seconds": {"": checkpoint.read_at},
        }
        for reader in self._gauges:
            gauges |= reader.read()
        errors = {"pulsequeue_metrics_refresh_errors_total": self._checkpoints.errors()}
        return Page(Values(checkpoint.totals() | self._counters.read() | errors, gauges))

    def _refreshed(self, now: datetime) -> Checkpoint:
        """Read CloudWatch in this reader's turn; at any other time, and upon a fault, what was last read stands."""
        # A time, so that turns of another length still come after it.
        turn = int(now.timestamp() // self._refresh_seconds * self._refresh_seconds)
        is_due = self._checkpoints.take_turn(turn)
        checkpoint = self._checkpoints.read() or Checkpoint.first(now)
        if not is_due:
            return checkpoint
        try:
            advanced = self._advanced(checkpoint, now)
        except (BotoCoreError, ClientError, DependencyError):
            logger.exception("metrics could not be refreshed")
            self._checkpoints.count_error()
            return checkpoint
        # Two turns may overlap, where one takes long: then what the other saved stands.
        stands = advanced if self._checkpoints.save(advanced) else self._checkpoints.read() or checkpoint
        self._fold(now)
        return stands

    def _fold(self, now: datetime) -> None:
        try:
            self._counters.fold(now - _IDLE)
        except (BotoCoreError, ClientError):
            logger.exception("counters could not be folded")  # the next turn tries again, and the sum is right as it is

    def _advanced(self, checkpoint: Checkpoint, now: datetime) -> Checkpoint:
        since, until = checkpoint.span(now)
        sums = self._cloudwatch.sums(since, until)
        return checkpoint.advanced(sums, self._cloudwatch.oldest_message_ages(now - _AGE_SPAN, now), now)

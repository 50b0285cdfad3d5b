"""Count, time and log the messages and requests that a function handles."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from services.libs.observability.embedded_metrics import EmbeddedMetrics
from services.libs.observability.metrics import (
    LAMBDA_ERRORS,
    LAMBDA_REQUEST_DURATION,
    LAMBDA_REQUESTS,
    ErrorType,
    Status,
)
from services.libs.observability.structured_logging import logger
from services.shared.faults import DependencyError, OutOfTimeError
from services.shared.rejections import RejectedError, RejectionReason

if TYPE_CHECKING:
    from prometheus_client import Histogram


class Batch:
    """Messages that are handled together, or one request; its fields are logged when it ends."""

    def __init__(self, size: int) -> None:
        self.fields: dict[str, object] = {}
        self.outcomes: Sequence[Exception | ErrorType | None] = [None] * size
        """One per message: why it failed, or None."""


class RequestMetrics:
    def __init__(self, function: str, environment: str) -> None:
        self._function = function
        self._embedded = EmbeddedMetrics(environment)

    @contextmanager
    def invocation(self) -> Iterator[None]:
        """Write the metrics when the invocation ends."""
        try:
            yield
        finally:
            with _faults_logged():
                self._embedded.flush()

    @contextmanager
    def batch(self, size: int = 1, duration_metric: "Histogram | None" = None) -> Iterator[Batch]:
        """Time the block, then count and log the outcome of each message. An exception fails all of them.

        Each message takes as long as the batch. `duration_metric` observes the successes too.
        """
        batch = Batch(size)
        began = perf_counter()
        try:
            yield batch
        except Exception as error:
            batch.outcomes = [error] * size
            raise
        finally:
            with _faults_logged():
                # To the millisecond, in the log and in the metrics: CloudWatch bills by the byte.
                self._observe(batch, round(perf_counter() - began, 3), duration_metric)

    def _observe(self, batch: Batch, duration_seconds: float, duration_metric: "Histogram | None") -> None:
        if not batch.outcomes:
            return
        failures = [_error_type(outcome) for outcome in batch.outcomes if outcome]
        succeeded = len(batch.outcomes) - len(failures)
        counts = {"succeeded": succeeded, "failed": len(failures), "duration_seconds": duration_seconds}
        logger.info("handled", extra={**counts, **batch.fields})
        LAMBDA_REQUESTS.labels(self._function, Status.SUCCESS).inc(succeeded)
        LAMBDA_REQUESTS.labels(self._function, Status.ERROR).inc(len(failures))
        for error in failures:
            LAMBDA_ERRORS.labels(self._function, error).inc()
        for _ in batch.outcomes:
            LAMBDA_REQUEST_DURATION.labels(self._function).observe(duration_seconds)
        if duration_metric:
            for _ in range(succeeded):
                duration_metric.observe(duration_seconds)


@contextmanager
def _faults_logged() -> Iterator[None]:
    """A fault of the metrics fails no order."""
    try:
        yield
    except Exception:  # noqa: BLE001 - the order comes first
        logger.exception("metrics lost")


def _error_type(outcome: Exception | ErrorType) -> ErrorType:
    match outcome:
        case ErrorType():
            return outcome
        case RejectedError(reason=RejectionReason.CONFLICT):
            return ErrorType.CONFLICT
        case RejectedError():
            return ErrorType.VALIDATION_ERROR
        case DependencyError() | ClientError() | BotoCoreError() | OutOfTimeError():
            return ErrorType.DEPENDENCY_ERROR
        case _:
            return ErrorType.UNKNOWN_ERROR

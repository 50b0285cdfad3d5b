"""What a function tells of each message or request: how it ended, and how long it took."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from services.libs.embedded_metrics import EmbeddedMetrics
from services.libs.metrics import (
    LAMBDA_ERRORS,
    LAMBDA_REQUEST_DURATION,
    LAMBDA_REQUESTS,
    ErrorType,
    Function,
    Status,
)
from services.libs.structured_logging import logger
from services.shared.faults import DependencyError
from services.shared.rejections import RejectedError, RejectionReason

if TYPE_CHECKING:
    from prometheus_client import Histogram


class Request:
    """One message or request under way; its fields are logged when it ends."""

    def __init__(self) -> None:
        self.fields: dict[str, object] = {}
        self.duration_metric: Histogram | None = None
        """Observes how long it took too, if it succeeds."""
        self.error: ErrorType | None = None
        """For a request that fails without raising."""


class RequestMetrics:
    def __init__(self, function: Function, environment: str) -> None:
        self._function = function
        self._embedded = EmbeddedMetrics(environment)

    @contextmanager
    def invocation(self) -> Iterator[None]:
        """Write what was observed when the invocation ends."""
        try:
            yield
        finally:
            with _faults_logged():
                self._embedded.flush()

    @contextmanager
    def request(self) -> Iterator[Request]:
        """Time what happens inside, count it by how it ends, and log both; what is raised goes on."""
        request = Request()
        began = perf_counter()
        try:
            yield request
        except Exception as error:
            request.error = _error_type(error)
            raise
        finally:
            with _faults_logged():
                self._observe(request, perf_counter() - began)

    def _observe(self, request: Request, duration_seconds: float) -> None:
        status = Status.ERROR if request.error else Status.SUCCESS
        logger.info(
            "request handled",
            extra={"status": status.value, "duration_seconds": duration_seconds, **request.fields},
        )
        LAMBDA_REQUESTS.labels(self._function, status).inc()
        LAMBDA_REQUEST_DURATION.labels(self._function).observe(duration_seconds)
        if request.error:
            LAMBDA_ERRORS.labels(self._function, request.error).inc()
        elif request.duration_metric:
            request.duration_metric.observe(duration_seconds)


@contextmanager
def _faults_logged() -> Iterator[None]:
    """No order fails because it could not be counted."""
    try:
        yield
    except Exception:  # noqa: BLE001 - whatever it is, the order comes first
        logger.exception("metrics lost")


def _error_type(error: Exception) -> ErrorType:
    match error:
        case RejectedError(reason=RejectionReason.CONFLICT):
            return ErrorType.CONFLICT
        case RejectedError():
            return ErrorType.VALIDATION_ERROR
        case DependencyError() | ClientError() | BotoCoreError():
            return ErrorType.DEPENDENCY_ERROR
        case _:
            return ErrorType.UNKNOWN_ERROR

"""The deadline sweeper: one Lambda behind a schedule."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated

from pydantic import Field, Json

from services.deadline_sweeper.service import DeadlineSweeper
from services.libs.messaging.deadline_notices import DeadlineNotices
from services.libs.observability.metrics import ErrorType
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging
from services.libs.runtime import aws_clients
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import LambdaContext, seconds_left
from services.libs.runtime.settings import Settings
from services.libs.store.deadline_table import DeadlineTable

FUNCTION = function_name(__name__)
CONSUMES = ()


class SweeperSettings(Settings):
    deadline_table: str
    owner_queue_urls: Json[Mapping[str, str]]
    """The queue of the service that owns a stream, by the prefix of the stream's id, such as `order`."""
    writer_timeout_seconds: Annotated[int, Field(ge=1)]


class _Application:
    def __init__(self, settings: SweeperSettings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        self.sweeper = DeadlineSweeper(
            DeadlineTable(aws_clients.dynamodb(), settings.deadline_table),
            DeadlineNotices(aws_clients.sqs(), settings.owner_queue_urls),
            timedelta(seconds=settings.writer_timeout_seconds),
        )
        self.metrics = RequestMetrics(FUNCTION, settings.environment)


@cache
def _application() -> _Application:
    return _Application(SweeperSettings.from_environment())


def handler(_: object, context: LambdaContext) -> dict[str, int]:
    """Sweep once; the event of the schedule has nothing to read."""
    application = _application()
    with application.metrics.invocation(), application.metrics.batch() as batch:
        swept = application.sweeper.sweep(datetime.now(UTC), seconds_left(context))
        counts = {"sent": swept.sent, "postponed": swept.postponed, "unreadable": swept.unreadable}
        batch.fields |= counts
        batch.outcomes = [ErrorType.DEPENDENCY_ERROR if swept.postponed or swept.unreadable else None]
    return counts

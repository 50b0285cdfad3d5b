"""The deadline sweeper: one Lambda behind a schedule."""

from datetime import UTC, datetime
from functools import cache

from services.deadline_sweeper.cursor import SweepCursor
from services.deadline_sweeper.service import ReservationSweeper
from services.libs import aws_clients
from services.libs.event_store import EventStore
from services.libs.lambda_types import LambdaContext
from services.libs.metrics import ErrorType, Function
from services.libs.request_metrics import RequestMetrics
from services.libs.settings import StoreSettings
from services.libs.structured_logging import configure_logging

# More than one order takes at its slowest.
_RESERVE_MILLISECONDS = 10_000


class _Application:
    def __init__(self, settings: StoreSettings) -> None:
        configure_logging(Function.DEADLINE_SWEEPER, settings.log_level)
        client = aws_clients.dynamodb()
        self.sweeper = ReservationSweeper(
            EventStore(client, settings.tables), SweepCursor(client, settings.metrics_table)
        )
        self.metrics = RequestMetrics(Function.DEADLINE_SWEEPER, settings.environment)


@cache
def _application() -> _Application:
    return _Application(StoreSettings.from_environment())


def handler(_: object, context: LambdaContext) -> dict[str, int]:
    """Sweep once; the schedule's event says nothing that matters."""
    application = _application()
    with application.metrics.invocation(), application.metrics.batch() as batch:
        swept = application.sweeper.sweep(
            datetime.now(UTC), lambda: context.get_remaining_time_in_millis() < _RESERVE_MILLISECONDS
        )
        counts = {"expired": swept.expired, "settled": swept.settled, "failed": swept.failed}
        batch.fields |= counts
        batch.outcomes = [ErrorType.UNKNOWN_ERROR if swept.failed else None]
    return counts

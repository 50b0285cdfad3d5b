"""The reservation sweeper: one Lambda behind a schedule."""

from datetime import UTC, datetime
from functools import cache

from services.libs import aws_clients
from services.libs.event_store import EventStore
from services.libs.lambda_types import LambdaContext
from services.libs.settings import StoreSettings
from services.libs.structured_logging import configure_logging, logger
from services.reservation_sweeper.cursor import SweepCursor
from services.reservation_sweeper.service import ReservationSweeper

# More than a batch of expired orders takes at its slowest.
_RESERVE_MILLISECONDS = 10_000


@cache
def _sweeper() -> ReservationSweeper:
    settings = StoreSettings.from_environment()
    configure_logging("reservation-sweeper", settings.log_level)
    client = aws_clients.dynamodb()
    return ReservationSweeper(EventStore(client, settings.tables), SweepCursor(client, settings.metrics_table))


def handler(_: object, context: LambdaContext) -> dict[str, int]:
    """Sweep once; the schedule's event says nothing that matters."""
    swept = _sweeper().sweep(datetime.now(UTC), lambda: context.get_remaining_time_in_millis() < _RESERVE_MILLISECONDS)
    counts = {"expired": swept.expired, "settled": swept.settled, "failed": swept.failed}
    logger.info("swept", extra=counts)
    return counts

"""What led to something, and when."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Cause:
    """What led to a commit, and when the commit is made (aware UTC)."""

    event_id: str
    correlation_id: str
    at: datetime

    @property
    def occurred_at(self) -> str:
        return timestamp(self.at)


def timestamp(time: datetime) -> str:
    """A time as the events and the store say it: UTC to the millisecond, with a Z. Such texts sort as the times do."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

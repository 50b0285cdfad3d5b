"""Causes of commits, and times as text."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that led to a commit, and the time of the commit (aware UTC)."""

    event_id: str
    correlation_id: str
    at: datetime

    @property
    def occurred_at(self) -> str:
        return timestamp(self.at)


def request_cause(correlation_id: str) -> str:
    """What stands for an event where a request led to a commit."""
    return f"request-{correlation_id}"


def timestamp(time: datetime) -> str:
    """A time as text in events and store: UTC to the millisecond, with a Z. The texts sort as the times do."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

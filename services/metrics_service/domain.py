"""What the metrics service knows of CloudWatch's sums: totals that never fall, made of minutes that may still grow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

MINUTE_SECONDS = 60
# A value may reach CloudWatch minutes after its time. A minute that is older than this is final.
LATEST_ARRIVAL = timedelta(minutes=15)
# How far the first reading goes back, and how much one reading covers after a break.
FIRST_READING = timedelta(hours=3)
LONGEST_READING = timedelta(hours=6)
# Sums are kept in whole billionths: unlike floats, they give the same sum in any order.
_UNITS = 1_000_000_000

MinuteSums = Mapping[int, float]
"""By the Unix time at which the minute begins."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The sums of all that was read so far. No series is below that of the checkpoint before."""

    settled_until: int
    """Unix time. The minutes before it are final, and in `settled`; the others are read again."""
    version: int = 0
    read_at: float = 0
    """The time until which CloudWatch was read, Unix time; 0 for never."""
    settled: Mapping[str, int] = field(default_factory=dict)
    recent: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    gauges: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def first(cls, now: datetime) -> "Checkpoint":
        return cls(_minute(now - FIRST_READING))

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """The whole minutes to read next, with the present one."""
        since = datetime.fromtimestamp(self.settled_until, UTC)
        until = datetime.fromtimestamp(_minute(now) + MINUTE_SECONDS, UTC)
        return since, min(until, since + LONGEST_READING)

    def totals(self) -> dict[str, float]:
        """Each series that has a value, since the first reading."""
        names = self.settled.keys() | self.recent.keys()
        return {name: (self.settled.get(name, 0) + sum(self.recent.get(name, {}).values())) / _UNITS for name in names}

    def advanced(self, read: Mapping[str, MinuteSums], gauges: Mapping[str, float], now: datetime) -> "Checkpoint":
        """Add the sums read for `span`. The sum of a minute may grow from one reading to the next, and never falls."""
        _, until = self.span(now)
        read_at = min(now, until).timestamp()
        settled_until = max(self.settled_until, min(_minute(now - LATEST_ARRIVAL), int(until.timestamp())))
        settled, recent = dict(self.settled), {}
        for name in self.recent.keys() | read.keys():
            minutes = _grown(self.recent.get(name, {}), read.get(name, {}))
            done = sum(units for minute, units in minutes.items() if minute < settled_until)
            if done:
                settled[name] = settled.get(name, 0) + done
            if still := {minute: units for minute, units in minutes.items() if minute >= settled_until}:
                recent[name] = still
        return Checkpoint(settled_until, self.version + 1, read_at, settled, recent, dict(gauges))


def _grown(before: Mapping[int, int], read: MinuteSums) -> dict[int, int]:
    minutes = dict(before)
    for minute, value in read.items():
        minutes[minute] = max(minutes.get(minute, 0), round(value * _UNITS))
    return minutes


def _minute(time: datetime) -> int:
    return int(time.timestamp()) // MINUTE_SECONDS * MINUTE_SECONDS

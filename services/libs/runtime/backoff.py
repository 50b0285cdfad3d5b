"""Pauses between attempts, with full jitter: callers that collided once do not collide again."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Sleep = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Backoff:
    """`attempts` in all. Pauses are random, up to `first_pause_seconds`, then twice that, up to the longest."""

    attempts: int
    first_pause_seconds: float
    longest_pause_seconds: float = 10.0
    sleep: Sleep = time.sleep

    def tries(self) -> Iterator[int]:
        """Yield the number of each attempt: the first at once, the others after a pause."""
        for attempt in range(self.attempts):
            if attempt:
                self.pause(attempt)
            yield attempt

    def pause(self, failures: int) -> None:
        """Wait, given the number of failures in a row."""
        longest = min(self.first_pause_seconds * 2 ** (failures - 1), self.longest_pause_seconds)
        self.sleep(random.uniform(0, longest))  # noqa: S311 - no secret

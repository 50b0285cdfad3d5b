"""The queues with batches, and the rate limits, that orders wait for in the simulation."""

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass

import simpy

_BURST_SECONDS = 0.1
"""How far a rate limit may run ahead of itself."""


@dataclass(slots=True)
class Order:
    placed_at: float
    skus: tuple[int, ...]
    version: int = 0


class RateLimit:
    """Admits `units_per_second`, and gives the delay of units beyond that."""

    def __init__(self, env: simpy.Environment, units_per_second: float) -> None:
        self._env, self._rate = env, units_per_second
        self._free_at = 0.0

    def delay(self, units: float) -> float:
        start = max(self._env.now - _BURST_SECONDS, self._free_at)
        self._free_at = start + units / self._rate
        return max(0.0, self._free_at - self._env.now)

    def admits(self, units: float) -> bool:
        """Take the units if they are available now."""
        if self._free_at > self._env.now:
            return False
        self.delay(units)
        return True


class Queue:
    """Messages, and workers that wait for a batch; one worker at a time fills its batch."""

    def __init__(self, env: simpy.Environment) -> None:
        self._env = env
        self._messages: deque[Order] = deque()
        self._idle: deque[simpy.Event] = deque()
        self._filled: tuple[int, simpy.Event] | None = None

    def put(self, message: Order) -> None:
        self._messages.append(message)
        if self._filled:
            size, event = self._filled
            if len(self._messages) >= size and not event.triggered:
                event.succeed()
        elif self._idle:
            self._idle.popleft().succeed()

    def take(
        self, size: int, window_seconds: float = 0.0, poll_seconds: float = 0.0
    ) -> Generator[simpy.Event, None, list[Order]]:
        """Wait for a message, `poll_seconds` more, and until the batch is full or the window is over."""
        while not self._messages or self._filled:
            waiting = self._env.event()
            self._idle.append(waiting)
            yield waiting
            if poll_seconds:
                yield self._env.timeout(poll_seconds)
        if window_seconds and len(self._messages) < size:
            self._filled = (size, self._env.event())
            yield self._filled[1] | self._env.timeout(window_seconds)
            self._filled = None
        batch = [self._messages.popleft() for _ in range(min(size, len(self._messages)))]
        if self._messages and self._idle:
            self._idle.popleft().succeed()
        return batch

"""What is to be done at random moments of a run, by several hands at once."""

import heapq
from collections import Counter
from collections.abc import Callable
from itertools import count
from threading import Lock
from time import monotonic

from botocore.exceptions import BotoCoreError, ClientError

from services.shared.faults import DependencyError

Action = Callable[[], float | None]
"""It is done if it returns None, and called again after so many seconds otherwise."""

_FAULTS = (BotoCoreError, ClientError, DependencyError)
_AGAIN_SECONDS = 0.5


class Agenda:
    """Actions about orders. One that meets a fault is tried again."""

    def __init__(self) -> None:
        self._later: list[tuple[float, int, str, Action]] = []
        self._numbers = count()
        self._left: Counter[str] = Counter()
        self._lock = Lock()

    def add(self, order_id: str, seconds: float, action: Action) -> None:
        with self._lock:
            self._left[order_id] += 1
            self._put(order_id, seconds, action)

    def waits_for(self, order_id: str) -> bool:
        """Whether something is still to be done about the order."""
        return self._left[order_id] > 0

    def work(self) -> None:
        """Do what is due by now, one action after the other; other threads may do so too."""
        while due := self._next():
            order_id, action = due
            try:
                again = action()
            except _FAULTS:
                again = _AGAIN_SECONDS
            with self._lock:
                if again is None:
                    self._left[order_id] -= 1
                else:
                    self._put(order_id, again, action)

    def _put(self, order_id: str, seconds: float, action: Action) -> None:
        heapq.heappush(self._later, (monotonic() + seconds, next(self._numbers), order_id, action))

    def _next(self) -> tuple[str, Action] | None:
        with self._lock:
            if not self._later or self._later[0][0] > monotonic():
                return None
            _, _, order_id, action = heapq.heappop(self._later)
            return order_id, action

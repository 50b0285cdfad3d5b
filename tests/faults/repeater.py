"""What the relay publishes comes as often as the orders do: again, at a random later time, and in another order."""

import random
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING

from tests.faults.workload import DELIVERIES

if TYPE_CHECKING:
    from queue import SimpleQueue

    from types_boto3_events import EventBridgeClient
    from types_boto3_events.type_defs import PutEventsRequestEntryTypeDef

# From while the first is being handled until after its order would have expired, had the first been lost.
_LATEST_SECONDS = 20
_ENTRIES_PER_CALL = 10


class Repeater:
    """Puts copies of what is `published`, past the proxy, so that no copy is copied again."""

    def __init__(
        self, client: "EventBridgeClient", published: "SimpleQueue[PutEventsRequestEntryTypeDef]", seed: int
    ) -> None:
        self.counts: Counter[str] = Counter()
        """Copies that were put, by the type of the event."""
        self._client = client
        self._published = published
        self._later: list[tuple[float, PutEventsRequestEntryTypeDef]] = []
        self._dice = random.Random(seed)  # noqa: S311 - no secret

    @property
    def waiting(self) -> int:
        return self._published.qsize() + len(self._later)

    def repeat(self) -> None:
        """Put what is due by now."""
        now = monotonic()
        while not self._published.empty():
            entry = self._published.get()
            self._later += [(now + self._dice.uniform(0, _LATEST_SECONDS), entry) for _ in range(DELIVERIES - 1)]
        due = [entry for at, entry in self._later if at <= now]
        self._dice.shuffle(due)
        for start in range(0, len(due), _ENTRIES_PER_CALL):
            self._put(due[start : start + _ENTRIES_PER_CALL])
        self._later = [(at, entry) for at, entry in self._later if at > now]

    def _put(self, entries: "list[PutEventsRequestEntryTypeDef]") -> None:
        if self._client.put_events(Entries=entries)["FailedEntryCount"]:
            raise RuntimeError("the embedded AWS refused a copy of an event")
        self.counts.update(entry["DetailType"] for entry in entries)

"""How the embedded AWS hands out batches: MiniStack has one thread for it, which goes round all queues and the stream.

In a round each queue's mapping gets one batch, if it has a free worker; then the relay is invoked, and the thread waits
for its end, unless scripts/local/ministack_server.py has given the stream a thread of its own.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import simpy

from scripts.bench.capacity_queues import Order, Queue

Steps = Generator[simpy.Event, None, None]
Handle = Callable[[list[Order]], Steps]

IDLE_WAKE_SECONDS = 0.05
"""The pause after a wake that found nothing; as in ministack/services/lambda_svc.py."""


@dataclass(slots=True)
class Mapping:
    """A queue, or a stream where `workers` is None: the thread itself waits for what handles it."""

    queue: Queue
    handle: Handle
    batch_size: int
    workers: int | None = None


class Poller:
    def __init__(self, env: simpy.Environment, mappings: Sequence[Mapping], pause_seconds: float) -> None:
        self._env, self._mappings, self._pause_seconds = env, mappings, pause_seconds
        self._free = {id(mapping): mapping.workers for mapping in mappings}
        self._woken = env.event()
        for mapping in mappings:
            mapping.queue.on_put = self._wake
        env.process(self._rounds())

    def _rounds(self) -> Steps:
        idle_wake = False
        while True:
            self._woken = self._env.event()
            served = False
            for mapping in self._mappings:
                served |= yield from self._serve(mapping)
            if served:
                idle_wake = False
                continue
            if idle_wake:
                yield self._env.timeout(self._pause_seconds)
            yield self._woken
            idle_wake = True

    def _serve(self, mapping: Mapping) -> Generator[simpy.Event, None, bool]:
        free = self._free[id(mapping)]
        if free == 0 or not len(mapping.queue):
            return False
        batch = mapping.queue.grab(mapping.batch_size)
        if free is None:
            yield from mapping.handle(batch)
        else:
            self._free[id(mapping)] = free - 1
            self._env.process(self._worked(mapping, batch))
        return True

    def _worked(self, mapping: Mapping, batch: list[Order]) -> Steps:
        yield from mapping.handle(batch)
        self._free[id(mapping)] = (self._free[id(mapping)] or 0) + 1
        self._wake()

    def _wake(self) -> None:
        if not self._woken.triggered:
            self._woken.succeed()

"""A stand-in for how Lambda ends execution environments."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

EndWorkers = Callable[[Iterable[Any]], None]


def end_idle_workers(end: EndWorkers) -> EndWorkers:
    """End a worker only once its invocation has ended, as Lambda does when a function's code changes.

    MiniStack ends all of them at once. It takes away the folder of one that is just starting, and when that one fails
    it ends the function's others, those with the new code among them: "Worker process exited immediately".
    """

    def end_each_when_idle(workers: Iterable[Any]) -> None:
        for worker in filter(None, workers):
            # An invocation holds the worker's lock from its start to its end.
            if worker._lock.acquire(blocking=False):  # noqa: SLF001 - there is no public way to know
                try:
                    end([worker])
                finally:
                    worker._lock.release()  # noqa: SLF001
            else:
                threading.Thread(target=_end_later, args=(worker,), daemon=True).start()

    def _end_later(worker: Any) -> None:  # noqa: ANN401 - MiniStack's own
        with worker._lock:  # noqa: SLF001
            end([worker])

    return end_each_when_idle

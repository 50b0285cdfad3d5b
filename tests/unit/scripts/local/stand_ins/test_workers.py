from collections.abc import Iterable
from threading import Lock
from typing import Any

import pytest

from scripts.cli.waiting import wait_until
from scripts.local.stand_ins.workers import end_idle_workers


class Worker:
    def __init__(self) -> None:
        self._lock = Lock()
        self.ended = False

    def invocation(self) -> Lock:
        """What an invocation holds while it is under way."""
        return self._lock


def end(workers: Iterable[Any]) -> None:
    for worker in workers:
        worker.ended = True


def test_an_idle_worker_ends_at_once_and_a_busy_one_once_its_invocation_has_ended() -> None:
    idle, busy = Worker(), Worker()

    with busy.invocation():
        end_idle_workers(end)([busy, None, idle])

        assert (idle.ended, busy.ended) == (True, False)

    assert wait_until(lambda: busy.ended, 5)


def test_a_worker_can_be_invoked_after_a_failed_end() -> None:
    def fail(_: Iterable[Any]) -> None:
        raise OSError("no more processes")

    worker = Worker()
    with pytest.raises(OSError, match="no more processes"):
        end_idle_workers(fail)([worker])

    assert not worker.invocation().locked()

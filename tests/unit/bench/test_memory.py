import os
from pathlib import Path

import pytest

from scripts.bench.memory import Appetite
from scripts.local import workers as found
from scripts.local.emulator import Emulator
from scripts.local.workers import Worker, workers


def test_half_a_core_makes_the_computing_last_twice_as_long_and_the_waiting_no_longer() -> None:
    appetite = Appetite.of(cpu_seconds=1.0, busy_seconds=3.0, invocations=100, orders=1000, peak_mb=80)

    assert (appetite.cpu_ms, appetite.waited_ms) == (10, 20)
    assert appetite.milliseconds(1769) == 30
    assert appetite.milliseconds(1769 // 2) == pytest.approx(40, abs=0.1)
    assert appetite.milliseconds(10_240) == 30
    assert appetite.gb_seconds_an_order(1024) == pytest.approx((20 + 10 * 1769 / 1024) / 1000 * 0.1)


def test_a_worker_is_found_by_its_functions_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    emulator, processes = Emulator("some"), tmp_path / "proc"
    folders = {"7": emulator.folder / "tmp" / "ministack-lambda-dev-a-handler-x1", "8": emulator.folder, "9": tmp_path}
    for pid, folder in folders.items():
        (processes / pid).mkdir(parents=True)
        (processes / pid / "cwd").symlink_to(folder)
    monkeypatch.setattr(found, "_PROCESSES", processes)

    assert list(workers(emulator, "dev-a-handler")) == list(workers(emulator)) == [Worker(7)]
    assert list(workers(emulator, "dev-b-handler")) == []


def test_a_process_has_used_a_processor_and_memory() -> None:
    worker = Worker(os.getpid())

    assert 0 < worker.cpu_seconds() <= sum(os.times()[:2]) + 0.1
    assert 1 < worker.peak_mb() < 100_000

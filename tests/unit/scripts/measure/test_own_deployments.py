"""Measuring deploys to an embedded AWS of its own: it says how far it is, and leaves nothing running."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.deploy import own_deployment
from scripts.lambdas_config import LAMBDAS
from scripts.local.emulator import Emulator
from scripts.measure import bench, coldstart, right_size
from scripts.measure.end_to_end import Run
from scripts.measure.result import Measured, Speed
from scripts.measure.scenarios import SCENARIOS
from scripts.measure.usage import Usage


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C interrupts also where the tests run in the background, where a shell has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt(*_: object, **__: object) -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(
    "measure",
    [
        lambda: bench.run_benchmark(bench.Settings(scenarios=[SCENARIOS["single"]]), None, None),
        lambda: coldstart.measure_cold_starts(1, None),
        lambda: right_size.measure_memory(1, 1),
    ],
    ids=["bench", "coldstart", "right-size"],
)
def test_ctrl_c_leaves_nothing_running_however_often_it_is_pressed(
    monkeypatch: pytest.MonkeyPatch, measure: Callable[[], None]
) -> None:
    running = False

    def start(*_: object) -> int:
        nonlocal running
        running = True
        return 1

    def stop(_: Emulator) -> None:
        nonlocal running
        if running:
            interrupt()
        running = False

    monkeypatch.setattr(Emulator, "start", start)
    monkeypatch.setattr(Emulator, "stop", stop)
    monkeypatch.setattr(own_deployment, "build", interrupt)

    with pytest.raises(KeyboardInterrupt):
        measure()

    assert not running
    assert "proxy" not in {thread.name for thread in threading.enumerate()}


def stand_in(kind: type[Any], **parts: object) -> Any:  # noqa: ANN401 - one without its deployment
    made: Any = object.__new__(kind)
    vars(made).update({f"_{name}": part for name, part in parts.items()})
    return made


def test_bench_names_each_run_as_it_begins(capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(Speed(19.5, sent_per_second=20.0), Usage(), 30)
    through = SimpleNamespace(warm_up=lambda _: None, run=lambda *_: run)
    made: Any = stand_in(
        bench.Bench,
        settings=bench.Settings(orders=30, rates=(20, None), count_requests=False),
        seeder=SimpleNamespace(seed=lambda _: []),
        end_to_end=through,
        runs=0,
    )
    made.measured = Measured()

    made.end_to_end(SCENARIOS["single"])

    assert capsys.readouterr().out.splitlines() == [
        "single 20/s: 30 orders …",
        "single 20/s: 20 orders/s offered, 20.0 sent, 19.5 orders/s completed",
        "single full: 30 orders …",
        "single full: all at once offered, 20.0 sent, 19.5 orders/s completed",
    ]


def test_coldstart_counts_its_cold_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = CompletedProcess([], 0, '{"error": "", "clients": []}', "")
    monkeypatch.setattr(coldstart, "_run_probe", lambda *_: answer)
    monkeypatch.setattr(coldstart.Measuring, "environment_of", lambda *_: os.environ)
    measuring = stand_in(coldstart.Measuring, options=(), repeat=2)

    starts, references, _ = measuring.start_in_interpreter(LAMBDAS[0], tmp_path)

    assert len(starts) == len(references) == 2
    assert capsys.readouterr().out.splitlines() == [f"{LAMBDAS[0].name}: cold start {n} of 2 …" for n in (1, 2)]


def test_right_size_says_when_it_measures(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    usage = Usage()
    usage.invocations["event-relay"] = 1
    worker = SimpleNamespace(cpu_seconds=lambda: 0.1, peak_mb=lambda: 50.0)
    direct = SimpleNamespace(mappings_disabled=nullcontext, run=lambda *_: [SimpleNamespace(usage=usage)])
    functions = {"event-relay": SimpleNamespace(name="relay")}
    monkeypatch.setattr(right_size, "Deployment", SimpleNamespace(of=lambda _: SimpleNamespace(functions=functions)))
    monkeypatch.setattr(right_size, "Meter", lambda *_: None)
    monkeypatch.setattr(right_size, "DirectRun", lambda *_: direct)
    monkeypatch.setattr(right_size, "Seeder", SimpleNamespace(of=lambda *_: SimpleNamespace(seed=lambda _: [])))
    monkeypatch.setattr(right_size, "total", lambda _: usage)
    monkeypatch.setattr(right_size, "workers", lambda *_: [worker])
    unused: Any = SimpleNamespace(emulator=None)

    right_size.measure_functions(unused, unused, 300, 10)

    assert capsys.readouterr().out.splitlines() == [
        "the workers start …",
        "300 orders of 2 SKUs, batches of 10 …",
    ]

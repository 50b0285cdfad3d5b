import io
import os
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from scripts.cli.errors import UserError
from scripts.local import workers as found
from scripts.local.emulator import Emulator
from scripts.local.workers import Worker, workers
from scripts.measure import right_size
from scripts.measure.capacity.parameters import load_parameters
from scripts.measure.prices import read_prices
from scripts.measure.right_size import InvocationUse, size_table, use_table, waited_ms
from scripts.measure.usage import Usage


def test_half_a_core_makes_the_computing_last_twice_as_long_and_the_waiting_no_longer() -> None:
    use = InvocationUse(cpu_ms=10, waited_ms=20, invocations_per_order=0.1, peak_mb=80)

    assert use.milliseconds(1769) == 30
    assert use.milliseconds(1769 // 2) == pytest.approx(40, abs=0.1)
    assert use.milliseconds(10_240) == 30
    assert use.gb_seconds_per_order(1024) == pytest.approx((20 + 10 * 1769 / 1024) / 1000 * 0.1)


def test_a_function_waits_for_aws_as_the_model_has_it_and_not_for_the_embedded_one() -> None:
    parameters = load_parameters()
    aws = parameters.profiles["aws"]
    calls = {
        "order-service dynamodb:TransactWriteItems": 10,
        "order-service dynamodb:BatchGetItem": 20,
        "payment-service dynamodb:BatchGetItem": 10,
        "gateway dynamodb:UpdateItem": 200,
        "event-relay events:PutEvents": 40,
    }
    services = ("order-service", "payment-service", "event-relay")
    usage = Usage(calls=Counter(calls), invocations=Counter(dict.fromkeys(services, 10)))

    order, payment, relay = (waited_ms(usage, service, parameters) / 1000 for service in services)

    assert order == pytest.approx(aws.transact.mean() + 2 * aws.read.mean())
    # 20 charges per invocation, 10 side by side.
    assert payment == pytest.approx(aws.read.mean() + 2 * aws.charge.mean())
    assert relay == pytest.approx(aws.put_events.mean())


def test_a_call_that_nobody_knows_the_time_of_is_named() -> None:
    usage = Usage(calls=Counter({"order-service dynamodb:Query": 1}), invocations=Counter({"order-service": 1}))

    with pytest.raises(UserError, match="order-service called dynamodb:Query"):
        waited_ms(usage, "order-service", load_parameters())


def test_the_tables_say_what_each_size_brings() -> None:
    uses = {"event-relay": InvocationUse(cpu_ms=10, waited_ms=20, invocations_per_order=0.1, peak_mb=81.4)}
    console = Console(width=200, file=io.StringIO(), record=True)

    console.print(use_table(uses, "title"))
    console.print(size_table(uses, read_prices()))

    rows = [line.split() for line in console.export_text().splitlines()]
    assert ["event-relay", "10", "20", "81"] in rows
    # 30 ms of 1.73 GB at 0.1 invocations per order, at $0.0000133334 per GB-second.
    assert ["1769", "30", "0.07"] in rows
    assert ["128", "158", "0.03"] in rows


def test_without_processes_to_find_nothing_is_deployed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(found, "_PROCESSES", tmp_path / "none")
    monkeypatch.setattr(right_size, "own_deployment", lambda *_: pytest.fail("it was deployed"))

    with pytest.raises(UserError, match="only Linux"):
        right_size.measure_memory(1, 1)


def test_a_worker_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(found, "_PROCESSES", tmp_path)
    (tmp_path / "8").mkdir()
    (tmp_path / "8" / "status").write_text("Name:\tpython\nState:\tZ (zombie)\n")

    for figure in (Worker(7).cpu_seconds, Worker(7).peak_mb, Worker(8).peak_mb):
        with pytest.raises(UserError, match="ended while it was measured"):
            figure()


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

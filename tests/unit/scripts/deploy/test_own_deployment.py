import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.deploy import own_deployment
from scripts.deploy.own_deployment import own_emulator
from scripts.local.emulator import Emulator

SETTINGS = {"ENVIRONMENT": "bench", "PULSEQUEUE_INSTANCE": "bench"}


def test_a_second_run_does_not_stop_the_embedded_aws_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(own_deployment, "LOCAL_FOLDER", tmp_path)
    monkeypatch.setattr(own_deployment, "build", lambda _: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # only a main thread may
    monkeypatch.setattr(Emulator, "start", lambda *_: calls.append("start"))
    monkeypatch.setattr(Emulator, "stop", lambda _: calls.append("stop"))
    deployed, may_end = threading.Event(), threading.Event()

    def run(name: str) -> None:
        with own_emulator(SETTINGS):
            calls.append(name)
            deployed.set()
            assert may_end.wait(10)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run, "first")
        assert deployed.wait(10)
        second = pool.submit(run, "second")
        may_end.set()
        first.result()
        second.result()

    assert calls == ["stop", "start", "first", "stop", "stop", "start", "second", "stop"]

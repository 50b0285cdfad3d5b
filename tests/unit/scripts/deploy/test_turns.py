import threading
from pathlib import Path

import pytest

from scripts.deploy.target import Target
from scripts.deploy.turns import one_at_a_time, turn


def test_two_changes_of_a_deployment_do_not_overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.local.emulator.LOCAL_FOLDER", tmp_path)
    order: list[str] = []

    @one_at_a_time
    def apply(target: Target, name: str) -> None:
        order.append(f"{name} of {target.environment}")

    other = threading.Thread(target=apply, args=(Target("local", "dev"), "another apply"))
    with turn(Target("local", "dev")):
        other.start()
        other.join(0.2)
        apply(Target("local", "dev"), "apply")
        apply(Target("local", "test"), "apply")
    other.join()

    assert order == ["apply of dev", "apply of test", "another apply of dev"]

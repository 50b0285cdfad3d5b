import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from scripts.deploy import applying
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.deploy.turns import one_at_a_time, turn
from scripts.monitor import metrics_audit
from scripts.operate import pausing, relay_catchup
from scripts.operate.pausing import PauseSwitch
from scripts.recovery import refund_lost, repair, replay_orders, restore
from tests.unit.conftest import make_deployment


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


class _BegunError(Exception):
    """The change has begun."""


_CHANGES: dict[str, Callable[[Target], object]] = {
    "apply": applying.apply,
    "pause": pausing.pause,
    "resume": pausing.resume,
    "rebuild of the counters": lambda target: metrics_audit._rebuild(target, make_deployment(), dict, []),  # noqa: SLF001
    "repair": repair.repair_tables,
    "restore": lambda target: restore.restore_tables(target, "30m", replace=False, from_elsewhere=False),
    "refund of lost orders": lambda target: refund_lost.refund_lost_orders(target, dry_run=False),
    "replay of orders": lambda target: replay_orders.replay_lost_orders(target, "30m", dry_run=False),
    "catch-up of the relay": lambda target: relay_catchup.catch_up(target, "30m", dry_run=False),
}


@pytest.mark.parametrize("change", _CHANGES.values(), ids=_CHANGES.keys())
def test_a_task_that_changes_a_deployment_waits_for_its_turn(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[Target], object]
) -> None:
    has_begun, target = threading.Event(), Target("local", "dev")

    def begin(*_: object) -> None:
        has_begun.set()
        raise _BegunError

    monkeypatch.setattr(Deployment, "of", begin)
    monkeypatch.setattr(PauseSwitch, "__init__", begin)
    monkeypatch.setattr(applying, "read_review", begin)

    def run() -> None:
        with suppress(_BegunError):
            change(target)

    other = threading.Thread(target=run)
    with turn(target):
        other.start()
        assert not has_begun.wait(0.2)
    other.join()

    assert has_begun.is_set()

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from scripts.cli import steps
from scripts.cli.errors import UserError
from scripts.cli.mistakes import mistakes_explained
from scripts.cli.steps import run_steps, started
from scripts.cli.waiting import wait_until


def failing(error: Exception) -> Callable[[], None]:
    def step() -> None:
        with mistakes_explained():
            raise error

    return step


def test_steps_stop_at_the_first_failure_and_say_how_to_run_it_alone() -> None:
    ran: list[str] = []
    stages: list[tuple[str, Callable[[], object]]] = [
        ("build", lambda: ran.append("build")),
        ("plan --target aws", failing(UserError("no"))),
        ("apply", lambda: ran.append("apply")),
    ]

    with pytest.raises(UserError, match="`invoke plan --target aws`"):
        run_steps(stages)

    assert ran == ["build"]


def test_steps_may_all_run_and_still_fail() -> None:
    ran: list[str] = []

    with pytest.raises(UserError, match="test-unit"):
        run_steps(
            [("test-unit", failing(UserError("no"))), ("test.infra", lambda: ran.append("infra"))], keep_going=True
        )

    assert ran == ["infra"]


def test_tools_run_beside_one_another_and_a_failed_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "first.py").write_text(
        "import os, time\nfor _ in range(500):\n    time.sleep(0.02)\n    if os.path.exists('met'): break\n"
        "else: raise SystemExit('nobody ran beside')\nprint('first printed')"
    )
    (tmp_path / "second.py").write_text("open('met', 'w').close()\nprint('second printed')\nraise SystemExit(3)")
    monkeypatch.setattr(steps, "REPO_ROOT", tmp_path)

    with (
        pytest.raises(UserError, match=r"^`second --all` failed$"),
        started(("first",), ("second", "--all")) as finish,
    ):
        finish()
    assert capsys.readouterr().out.split("\n")[:3:2] == ["first printed", "second printed"]


def test_no_tool_begins_once_somebody_has_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ran.py").write_text("import sys\nopen(sys.argv[1], 'w').close()")
    monkeypatch.setattr(steps, "REPO_ROOT", tmp_path)
    monkeypatch.setattr(steps, "_TOOLS_AT_ONCE", 1)

    with pytest.raises(KeyboardInterrupt), started(("ran", "first"), ("ran", "second")):
        raise KeyboardInterrupt

    assert not (tmp_path / "second").exists()


def test_no_tool_begins_after_an_interruption_while_another_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ran.py").write_text(
        "import sys, time; from pathlib import Path\nPath(sys.argv[1]).touch()\n"
        "while not Path('ended').exists(): time.sleep(0.02)"
    )
    monkeypatch.setattr(steps, "REPO_ROOT", tmp_path)
    monkeypatch.setattr(steps, "_TOOLS_AT_ONCE", 1)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    with started(("ran", "first"), ("ran", "second")) as finish:
        assert wait_until((tmp_path / "first").exists, 30)
        with suppress(KeyboardInterrupt):  # as what waits in the block for a program to end
            signal.raise_signal(signal.SIGINT)
        (tmp_path / "ended").touch()
        with pytest.raises(KeyboardInterrupt):
            finish()

    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler
    assert not (tmp_path / "second").exists()


def test_an_interruption_ends_the_steps_even_where_a_failure_would_not() -> None:
    ran: list[str] = []

    @mistakes_explained()
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as exit_:
        run_steps([("test-unit", interrupted), ("test.infra", lambda: ran.append("infra"))], keep_going=True)

    assert (exit_.value.code, ran) == (130, [])


def test_a_tool_that_is_interrupted_is_given_the_time_to_end_what_it_started(tmp_path: Path) -> None:
    # Who runs the tests in the background ignores the signal, and all that it starts does too.
    (tmp_path / "suite.py").write_text(
        "import time\nfrom pathlib import Path\ntry:\n    Path('up').touch()\n    time.sleep(60)\n"
        "finally:\n    time.sleep(1)\n    Path('down').touch()"
    )
    run = (
        "import signal, sys; from pathlib import Path; from scripts.cli import steps\n"
        "from scripts.cli.mistakes import mistakes_explained\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\nsteps.REPO_ROOT = Path(sys.argv[1])\n"
        "with mistakes_explained():\n    steps.run_tool('suite')"
    )
    tool = subprocess.Popen([sys.executable, "-c", run, tmp_path], stderr=subprocess.DEVNULL, start_new_session=True)
    assert wait_until((tmp_path / "up").exists, 30)

    os.killpg(tool.pid, signal.SIGINT)

    assert tool.wait(30) == 130
    assert (tmp_path / "down").exists()

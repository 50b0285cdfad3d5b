import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from scripts.cli.locks import exclusive
from scripts.cli.paths import REPO_ROOT

SECOND = (
    "import sys; from pathlib import Path; from scripts.cli.locks import exclusive\n"
    "with exclusive(Path(sys.argv[1]), 'dev on local'): print('its turn')"
)


def test_a_second_process_says_for_which_it_waits_and_then_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/checkout/.venv/bin/invoke", "plan"])
    with exclusive(tmp_path / "lock", "dev on local"):
        second = subprocess.Popen(
            [sys.executable, "-c", SECOND, tmp_path / "lock"],
            cwd=REPO_ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert second.stderr
        said = second.stderr.readline()
        assert second.poll() is None

    assert said.startswith("dev on local is in use by `invoke plan` (process ")
    assert second.communicate(timeout=30)[0] == "its turn\n"


def test_a_lock_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    killed = "import os, signal\n" + SECOND.replace("print('its turn')", "os.kill(os.getpid(), signal.SIGKILL)")
    subprocess.run([sys.executable, "-c", killed, tmp_path / "lock"], cwd=REPO_ROOT, check=False)

    with exclusive(tmp_path / "lock", "dev on local"):
        assert (tmp_path / "lock").exists()


def test_a_thread_that_holds_a_lock_may_take_it_again_and_another_thread_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order: list[str] = []

    def other() -> None:
        with exclusive(tmp_path / "lock", "dev on local"):
            order.append("other")

    thread = threading.Thread(target=other)
    with exclusive(tmp_path / "lock", "dev on local"):
        with exclusive(tmp_path / "lock", "dev on local"):
            order.append("inner")
        thread.start()
        thread.join(0.2)
        order.append("outer")
    thread.join()

    assert order == ["inner", "outer", "other"]
    assert capsys.readouterr().err == ""


def test_a_lock_names_the_process_that_holds_it_and_none_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in ("plan --target local", "apply"):
        monkeypatch.setattr(sys, "argv", ["/checkout/.venv/bin/invoke", *command.split()])
        with exclusive(tmp_path / "lock", "dev on local"):
            holder = (tmp_path / "lock").read_text()

    assert holder == f"`invoke apply` (process {os.getpid()})"

import errno
import fcntl
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from scripts.cli.errors import UserError
from scripts.cli.waiting import wait_until
from scripts.local.daemon import Daemon, free_port

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]


def launched(folder: Path, command: list[str]) -> Daemon:
    daemon = Daemon(folder, "sleeper")
    with daemon.claimed() as lock:
        assert lock
        daemon.launch(command, lock, port=1234, cwd=folder, env=os.environ)
    return daemon


def test_a_daemon_is_found_again_by_its_folder_and_stopped(tmp_path: Path) -> None:
    launched(tmp_path, SLEEPS)

    (found,) = Daemon.all_in(tmp_path)

    assert found.is_alive()
    assert found.port == 1234
    assert found.stop()
    assert not found.is_alive()
    assert not found.stop()


def test_a_live_daemon_cannot_be_claimed_and_a_dead_one_can(tmp_path: Path) -> None:
    daemon = launched(tmp_path, SLEEPS)
    with daemon.claimed() as lock:
        assert lock is None

    daemon.stop()

    with daemon.claimed() as lock:
        assert lock
        assert not daemon.state_file.exists()


def test_a_dead_daemon_is_dead_to_all_who_look_at_once(tmp_path: Path) -> None:
    daemon = launched(tmp_path, SLEEPS)
    daemon.stop()

    with daemon.lock_file.open("a") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)

        assert not daemon.is_alive()


def test_a_daemon_that_ended_by_itself_is_dead_and_its_pid_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = launched(tmp_path, [sys.executable, "-c", "print('no more memory')"])
    assert wait_until(lambda: not daemon.is_alive(), 10)
    signalled: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda group, _: signalled.append(group))

    assert not daemon.stop()

    assert signalled == []
    assert "no more memory" in daemon.log_tail()


def test_a_signal_reaches_the_process(tmp_path: Path) -> None:
    daemon = launched(tmp_path, SLEEPS)

    daemon.signal(signal.SIGTERM)

    assert wait_until(lambda: not daemon.is_alive(), 10)
    assert not daemon.stop()


def test_a_port_that_only_root_may_use_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)

    with pytest.raises(UserError, match="port 80 is not permitted to this user: choose another with MY_PORT"):
        free_port("80", "MY_PORT")


def test_port_0_picks_a_free_one_and_a_taken_one_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]

        assert free_port("0", "MY_PORT") not in {0, taken}
        with pytest.raises(UserError, match=f"port {taken} is in use.*`MY_PORT=0` picks a free one"):
            free_port(str(taken), "MY_PORT")

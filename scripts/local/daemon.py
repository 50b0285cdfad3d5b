"""Start, find and stop servers that outlive the command that started them."""

import errno
import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from scripts.cli.errors import UserError
from scripts.cli.files import write_whole
from scripts.cli.waiting import wait_until

_STOP_SECONDS = 15
# A process that checks the lock holds it briefly.
_PROBE_SECONDS = 0.1
_LOG_TAIL_LINES = 8

# A process that this one started stays a zombie until this one collects it.
_started_here: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Daemon:
    """One server process, known by its folder and name.

    It holds a lock on `<name>.lock` for as long as it lives. Only a held lock proves that the recorded pid is alive and
    ours: the system may have given a pid to another process since.
    """

    folder: Path
    name: str

    @classmethod
    def all_in(cls, folder: Path) -> list[Self]:
        return [cls(folder, path.stem) for path in sorted(folder.glob("*.lock"))]

    @property
    def lock_file(self) -> Path:
        return self.folder / f"{self.name}.lock"

    @property
    def state_file(self) -> Path:
        return self.folder / f"{self.name}.json"

    @property
    def log_file(self) -> Path:
        return self.folder / f"{self.name}.log"

    @contextmanager
    def claimed(self) -> Iterator[IO[str] | None]:
        """Take its lock, which `launch` passes on to the process; give None if it is alive or being launched."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.lock_file.open("a", encoding="utf-8") as lock:
            if not wait_until(lambda: _try_lock(lock, fcntl.LOCK_EX), _PROBE_SECONDS):
                yield None
                return
            # It names a process that is no more.
            self.state_file.unlink(missing_ok=True)
            yield lock

    def launch(
        self, command: Sequence[str], lock: IO[str], *, port: int, cwd: Path, env: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        with self.log_file.open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[lock.fileno()],
            )
        write_whole(self.state_file, json.dumps({"pid": process.pid, "port": port}))
        _started_here[process.pid] = process
        return process

    def is_alive(self) -> bool:
        if not self.folder.is_dir():
            return False
        with self.lock_file.open("a", encoding="utf-8") as lock:
            return not _try_lock(lock, fcntl.LOCK_SH)

    @property
    def port(self) -> int:
        return self._state()["port"]

    def signal(self, number: signal.Signals) -> None:
        """Signal the process and its children, which are one group. Call it only while the process is alive."""
        _signal_group(self._state()["pid"], number)

    def stop(self) -> bool:
        """End the process and its children; return False if there was nothing to end."""
        if not self.is_alive():
            self._collect()
            return False
        if not wait_until(self.state_file.exists, _STOP_SECONDS):
            raise UserError(f"{self.name} is just being started: try again in a moment")
        pid = self._state()["pid"]
        _signal_group(pid, signal.SIGTERM)
        wait_until(lambda: not self.is_alive(), _STOP_SECONDS)
        # Children have nothing to save, and some outlive the server by seconds.
        _signal_group(pid, signal.SIGKILL)
        self._collect()
        return True

    def log_tail(self) -> str:
        lines = (
            self.log_file.read_text(encoding="utf-8", errors="replace").splitlines() if self.log_file.exists() else []
        )
        return "\n  ".join([f"the end of {self.log_file}:", *(line[:500] for line in lines[-_LOG_TAIL_LINES:])])

    def _collect(self) -> None:
        if self.state_file.exists() and (process := _started_here.pop(self._state()["pid"], None)):
            process.wait()

    def _state(self) -> dict[str, int]:
        state: dict[str, int] = json.loads(self.state_file.read_text(encoding="utf-8"))
        return state


def free_port(wanted: str, variable: str) -> int:
    """Return the wanted port if it is free, or one that the system picks for 0; raise UserError otherwise."""
    advice = f"choose another with {variable}; `{variable}=0` picks a free one"
    if not wanted.isdecimal() or int(wanted) > 65535:  # noqa: PLR2004 - the last port
        raise UserError(f"{variable} is {wanted!r}, not a port: {advice}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(wanted)))
        except OSError as error:
            problem = "is not permitted to this user" if error.errno == errno.EACCES else "is in use by another program"
            raise UserError(f"port {wanted} {problem}: {advice}") from error
        return int(probe.getsockname()[1])


def answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _try_lock(lock: IO[str], kind: int) -> bool:
    """Try to lock without waiting. Checks use a shared lock, so they do not block each other."""
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS answers the second where only zombies are left
        os.killpg(group, number)

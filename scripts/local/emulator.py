"""The embedded AWS: MiniStack, one detached process an instance, which keeps nothing once it is stopped."""

import fcntl
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from scripts.console import out
from scripts.errors import UserError

REPO_ROOT = Path(__file__).parents[2]
LOCAL_FOLDER = REPO_ROOT / ".local"
DEFAULT_PORT = 4566

_REQUIREMENTS = REPO_ROOT / "requirements" / "emulator.txt"
_START_SECONDS = 60
_STOP_SECONDS = 15
# Another process that looks whether the lock is held, holds it for a moment itself.
_PROBE_SECONDS = 0.1
_LOG_TAIL_LINES = 8

# A process that this one started stays a zombie until this one collects it.
_started_here: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Emulator:
    """One instance, known by its folder.

    Its process holds a lock on `emulator.lock` for as long as it lives. So a held lock, and only that, says that the
    recorded pid is alive and ours: a pid that the system has given to another process can never be mistaken for it.
    """

    instance: str = "default"

    def __post_init__(self) -> None:
        # It names a folder that `stop` removes.
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,19}", self.instance):
            raise UserError(f"PULSEQUEUE_INSTANCE is {self.instance!r}: use a-z, 0-9 and -, for example `default`")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        return cls(environ.get("PULSEQUEUE_INSTANCE") or "default")

    @classmethod
    def all(cls) -> list[Self]:
        return [cls(folder.name) for folder in (LOCAL_FOLDER / "instances").glob("*")]

    @property
    def folder(self) -> Path:
        return LOCAL_FOLDER / "instances" / self.instance

    @property
    def log_file(self) -> Path:
        return self.folder / "emulator.log"

    def start(self, region: str, environ: Mapping[str, str] = os.environ) -> int:
        """Start it if it is not up, wait until it is healthy, and give its port."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._lock_file() as lock:
            if not _wait_until(lambda: _try_lock(lock), _PROBE_SECONDS):
                port = self.running_port()
                out.print(f"the embedded AWS is up already, on port {port}")
                return port
            self._remove_remains()
            port = _free_port(environ.get("PULSEQUEUE_PORT") or str(DEFAULT_PORT))
            python = _virtual_environment()
            began = time.monotonic()
            process = self._launch(python, port, region, environ, lock)
        if not _wait_until(lambda: process.poll() is not None or _is_healthy(port), _START_SECONDS):
            raise UserError(f"the embedded AWS was not ready within {_START_SECONDS} s: {self._log_tail()}")
        if process.poll() is not None:
            raise UserError(f"the embedded AWS did not start: {self._log_tail()}")
        out.print(f"the embedded AWS is up, on port {port} ({time.monotonic() - began:.1f} s)")
        return port

    def running_port(self) -> int:
        if not self._is_alive():
            if self._state_file.exists():
                raise UserError(
                    f"{self._log_tail()}\nthe embedded AWS has died, and what was deployed to it is gone: begin again "
                    "with `make demo`, or with `invoke local-up deploy-dev`"
                )
            raise UserError("the embedded AWS is not running: `invoke local-up`")
        _wait_until(self._state_file.exists, _START_SECONDS)
        port = self._state()["port"]
        if not _wait_until(lambda: _is_healthy(port), _START_SECONDS):
            raise UserError(f"the embedded AWS does not answer on port {port}: {self._log_tail()}")
        return port

    def stop(self) -> bool:
        """End it, its workers and its state; false if there was nothing to end."""
        was_alive = self._is_alive()
        if was_alive:
            pid = self._state()["pid"]
            _signal_group(pid, signal.SIGTERM)
            _wait_until(lambda: not self._is_alive(), _STOP_SECONDS)
            # Workers have nothing to save, and some outlive the server by seconds.
            _signal_group(pid, signal.SIGKILL)
            if process := _started_here.pop(pid, None):
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        return was_alive

    @property
    def _state_file(self) -> Path:
        return self.folder / "emulator.json"

    def _state(self) -> dict[str, int]:
        state: dict[str, int] = json.loads(self._state_file.read_text())
        return state

    def _lock_file(self) -> IO[str]:
        return (self.folder / "emulator.lock").open("a")

    def _is_alive(self) -> bool:
        if not self.folder.is_dir():
            return False
        with self._lock_file() as lock:
            return not _wait_until(lambda: _try_lock(lock), _PROBE_SECONDS)

    def _remove_remains(self) -> None:
        """Remove what a dead instance has left: Terraform's state of it, above all, describes nothing any more."""
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "emulator.lock":
                path.unlink()

    def _launch(
        self, python: Path, port: int, region: str, environ: Mapping[str, str], lock: IO[str]
    ) -> subprocess.Popen[bytes]:
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        with self.log_file.open("wb") as log:
            process = subprocess.Popen(
                [python, "-m", "scripts.local.ministack_server"],
                cwd=REPO_ROOT,
                env=_server_environment(environ, port, region, temporary),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[lock.fileno()],
            )
        partial = self.folder / "emulator.json.tmp"
        partial.write_text(json.dumps({"pid": process.pid, "port": port}))
        partial.replace(self._state_file)
        _started_here[process.pid] = process
        return process

    def _log_tail(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines() if self.log_file.exists() else []
        return "\n  ".join([f"the end of {self.log_file}:", *(line[:200] for line in lines[-_LOG_TAIL_LINES:])])


def without_aws(environ: Mapping[str, str]) -> dict[str, str]:
    """Take every AWS variable out of an environment: profiles, keys, tokens, roles, endpoints."""
    return {name: value for name, value in environ.items() if not name.startswith("AWS_")}


def _server_environment(environ: Mapping[str, str], port: int, region: str, temporary: Path) -> dict[str, str]:
    # Workers inherit this, and must find only what is in their zip and what the runtime brings.
    inherited = {k: v for k, v in without_aws(environ).items() if k not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}}
    environment = inherited | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "AUTH": "true",
        # The region of work that no signed request began: schedules, stream polling.
        "MINISTACK_REGION": region,
        "TMPDIR": str(temporary),
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
    if worker_endpoint := environ.get("PULSEQUEUE_WORKER_ENDPOINT"):
        # Workers take this for AWS, in place of the emulator itself: the fault suite's proxy.
        environment["AWS_ENDPOINT_URL"] = worker_endpoint
    return environment


def _virtual_environment() -> Path:
    """Make the emulator's own environment: workers that could see the project's would hide what a zip lacks."""
    folder = LOCAL_FOLDER / f"emulator-venv-py{sys.version_info.major}{sys.version_info.minor}"
    python, stamp = folder / "bin" / "python", folder / "requirements.sha256"
    wanted = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()
    with folder.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            out.print("installing the embedded AWS into an environment of its own …")
            _run_or_explain([sys.executable, "-m", "venv", "--clear", str(folder)])
            _run_or_explain([str(python), "-m", "pip", "install", "-q", "-r", str(_REQUIREMENTS)])
            stamp.write_text(wanted)
    return python


def _run_or_explain(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise UserError(f"`{' '.join(command)}` failed:\n{result.stderr.strip() or result.stdout.strip()}")


def _free_port(wanted: str) -> int:
    """Give the port itself if nothing listens on it, and one that the system picks for 0."""
    advice = "choose another with PULSEQUEUE_PORT, for example `PULSEQUEUE_PORT=4600` (0 picks a free one)"
    if not wanted.isdecimal() or int(wanted) > 65535:  # noqa: PLR2004 - the last port
        raise UserError(f"PULSEQUEUE_PORT is {wanted!r}, not a port: {advice}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(wanted)))
        except OSError as error:
            raise UserError(f"port {wanted} is in use by another program: {advice}") from error
        return int(probe.getsockname()[1])


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _try_lock(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _signal_group(group: int, number: int) -> None:
    """Signal the server and its workers, which are one process group."""
    with suppress(ProcessLookupError, PermissionError):  # macOS answers the second where only zombies are left
        os.killpg(group, number)


def _wait_until(condition: Callable[[], bool], timeout_seconds: float) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True

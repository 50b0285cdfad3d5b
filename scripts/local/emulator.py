"""The embedded AWS: MiniStack, one detached process per instance. Nothing is kept once it stops."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from scripts.cli.console import out
from scripts.cli.environment import without_aws
from scripts.cli.errors import UserError
from scripts.cli.locks import exclusive
from scripts.cli.paths import LOCAL_FOLDER, MONITORING_FOLDER, REPO_ROOT, REQUIREMENTS
from scripts.cli.waiting import wait_until
from scripts.local.daemon import Daemon, answers, free_port
from scripts.local.tool_environment import tool_python

DEFAULT_PORT = 4566

_REQUIREMENTS = REQUIREMENTS / "emulator.txt"
_START_SECONDS = 60


@dataclass(frozen=True)
class Emulator:
    """One instance, known by its folder."""

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
        return [cls(folder.name) for folder in (LOCAL_FOLDER / "instances").glob("*") if folder.is_dir()]

    @property
    def folder(self) -> Path:
        return LOCAL_FOLDER / "instances" / self.instance

    @property
    def log_file(self) -> Path:
        return self._daemon.log_file

    @property
    def is_running(self) -> bool:
        return self._daemon.is_alive()

    def start(self, region: str, environ: Mapping[str, str] = os.environ) -> int:
        """Start it unless it runs, wait until it is healthy, and return its port."""
        with exclusive(self.folder.with_name(f".{self.instance}.lock"), "the start of the embedded AWS"):
            return self._start(region, environ)

    def _start(self, region: str, environ: Mapping[str, str]) -> int:
        with self._daemon.claimed() as lock:
            if lock is None:
                port = self.running_port()
                out.print(f"the embedded AWS is up already, on port {port}")
                return port
            self._remove_remains()
            port = free_port(environ.get("PULSEQUEUE_PORT") or str(DEFAULT_PORT), "PULSEQUEUE_PORT")
            python = emulator_python()
            began = time.monotonic()
            process = self._launch(python, port, region, environ, lock)
        if not wait_until(lambda: process.poll() is not None or _is_healthy(port), _START_SECONDS):
            raise UserError(f"the embedded AWS was not ready within {_START_SECONDS} s: {self._daemon.log_tail()}")
        if process.poll() is not None:
            raise UserError(f"the embedded AWS did not start: {self._daemon.log_tail()}")
        out.print(f"the embedded AWS is up, on port {port} ({time.monotonic() - began:.1f} s)")
        return port

    def running_port(self) -> int:
        if not self.is_running:
            if self._daemon.state_file.exists():
                raise UserError(
                    f"{self._daemon.log_tail()}\nthe embedded AWS has died, and what was deployed to it is gone: begin "
                    "again with `make demo`, or with `invoke local-up deploy-dev`"
                )
            raise UserError(f"the embedded AWS is not running{self._others()}: `invoke local-up`")
        if not wait_until(self._daemon.state_file.exists, _START_SECONDS):
            raise UserError("the embedded AWS is just being started: try again once `invoke local-up` has ended")
        port = self._daemon.port
        if not wait_until(lambda: _is_healthy(port), _START_SECONDS):
            raise UserError(f"the embedded AWS does not answer on port {port}: {self._daemon.log_tail()}")
        return port

    def _others(self) -> str:
        """Name the instances of this checkout that do run: PULSEQUEUE_INSTANCE chooses one."""
        names = sorted(other.instance for other in self.all() if other != self and other.is_running)
        return f" as PULSEQUEUE_INSTANCE={self.instance} (but {', '.join(names)} is)" if names else ""

    def stop(self) -> bool:
        """End it, its workers and its monitoring, and remove its state; return False if it was not running."""
        self._stop_monitoring()
        was_alive = self._daemon.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        return was_alive

    @property
    def _daemon(self) -> Daemon:
        return Daemon(self.folder, "emulator")

    def _stop_monitoring(self) -> None:
        # The locks of Prometheus and Alertmanager are in this instance's folder: once it is removed, nobody finds them.
        for folder in self.folder.glob(f"environments/*/{MONITORING_FOLDER}"):
            for daemon in Daemon.all_in(folder):
                daemon.stop()

    def _remove_remains(self) -> None:
        """Remove the files of an instance that died: Terraform's state describes things that no longer exist."""
        self._stop_monitoring()
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path != self._daemon.lock_file:
                path.unlink()

    def _launch(
        self, python: Path, port: int, region: str, environ: Mapping[str, str], lock: IO[str]
    ) -> subprocess.Popen[bytes]:
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        command = [str(python), "-m", "scripts.local.ministack_server"]
        environment = _server_environment(environ, port, region, temporary)
        return self._daemon.launch(command, lock, port=port, cwd=REPO_ROOT, env=environment)


def _server_environment(environ: Mapping[str, str], port: int, region: str, temporary: Path) -> dict[str, str]:
    environment = without_aws(environ) | {
        "PYTHONUTF8": "1",
        # Workers keep their bytecode in its own folder, whatever a person wants of other folders.
        "PYTHONDONTWRITEBYTECODE": "",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "AUTH": "true",
        # As on AWS, nobody signs in if the trigger fails.
        "MINISTACK_COGNITO_PRETOKEN_STRICT": "1",
        # The region of work that no signed request starts: schedules, polling of streams.
        "MINISTACK_REGION": region,
        "TMPDIR": str(temporary),
        # Its user pools' keys.
        "STATE_DIR": str(temporary / "state"),
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
    if worker_endpoint := environ.get("PULSEQUEUE_WORKER_ENDPOINT"):
        # Workers call this in place of the emulator itself: the proxy of the fault suite.
        environment["AWS_ENDPOINT_URL"] = worker_endpoint
    return environment


def emulator_python() -> Path:
    """Make the emulator's own environment. In the project's, workers would find packages that a zip lacks."""
    return tool_python(_REQUIREMENTS, LOCAL_FOLDER, tool="the embedded AWS")


def _is_healthy(port: int) -> bool:
    return answers(port, "/_ministack/health")

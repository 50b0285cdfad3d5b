"""The Lambda workers of the embedded AWS: processes of this machine, found by their working folder."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.cli.errors import UserError
from scripts.local.emulator import Emulator

_PROCESSES = Path("/proc")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Worker:
    """Its methods raise UserError once the process has ended."""

    pid: int

    def cpu_seconds(self) -> float:
        """Return the processor time used so far: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html."""
        user, system = self._read("stat").rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / _TICKS_PER_SECOND

    def peak_mb(self) -> float:
        """Return the peak of its memory."""
        found = re.search(r"^VmHWM:\s+(\d+) kB$", self._read("status"), re.MULTILINE)
        if not found:  # a zombie: it has ended, and its parent has not collected it yet
            raise self._ended()
        return int(found[1]) / 1024

    def has_socket(self, inode: str) -> bool:
        """Whether the process has this socket open; False once it has ended."""
        with suppress(OSError):
            for descriptor in (_PROCESSES / str(self.pid) / "fd").iterdir():
                with suppress(OSError):
                    if str(descriptor.readlink()) == f"socket:[{inode}]":
                        return True
        return False

    def _read(self, file: str) -> str:
        try:
            return (_PROCESSES / str(self.pid) / file).read_text(encoding="utf-8")
        except OSError as error:
            raise self._ended() from error

    def _ended(self) -> UserError:
        return UserError(f"the worker {self.pid} ended while it was measured: try again")


def check_workers_can_be_found() -> None:
    if not _PROCESSES.is_dir():
        raise UserError("the workers' processes are found in /proc, which only Linux has")


def workers(emulator: Emulator, function_name: str = "") -> Iterator[Worker]:
    """Find the workers of one function, or of all."""
    check_workers_can_be_found()
    folder = str(emulator.folder / "tmp" / f"ministack-lambda-{function_name}")
    for process in _PROCESSES.glob("[0-9]*"):
        with suppress(OSError):
            if str((process / "cwd").readlink()).startswith(folder):
                yield Worker(int(process.name))


def worker_at(port: int, server_port: int, candidates: Iterable[Worker]) -> Worker | None:
    """Find the worker that sends from this port of this machine to that one; None if it is none of the candidates.

    The table of connections: https://docs.kernel.org/networking/proc_net_tcp.html.
    """
    for line in (_PROCESSES / "net" / "tcp").read_text(encoding="utf-8").splitlines()[1:]:
        _, local, remote, *_, inode = line.split()[:10]
        if (_port(local), _port(remote)) == (port, server_port):
            return next((worker for worker in candidates if worker.has_socket(inode)), None)
    return None


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)

"""The embedded AWS's Lambda workers, processes of this machine: found by the folder that they run in."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.errors import UserError
from scripts.local.emulator import Emulator

_PROCESSES = Path("/proc")
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Worker:
    pid: int

    def cpu_seconds(self) -> float:
        """Give the processor time that it has used so far: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html."""
        user, system = (_PROCESSES / str(self.pid) / "stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / _TICKS_A_SECOND

    def peak_mb(self) -> float:
        """Give the most memory that it has had at once."""
        lines = (_PROCESSES / str(self.pid) / "status").read_text().splitlines()
        (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
        return int(kilobytes) / 1024


def workers(emulator: Emulator, function_name: str = "") -> Iterator[Worker]:
    """Find those of one function, or of all."""
    if not _PROCESSES.is_dir():
        raise UserError("the workers' processes are found in /proc, which only Linux has")
    folder = str(emulator.folder / "tmp" / f"ministack-lambda-{function_name}")
    for process in _PROCESSES.glob("[0-9]*"):
        with suppress(OSError):
            if str((process / "cwd").readlink()).startswith(folder):
                yield Worker(int(process.name))

"""Locks between processes of this machine: a process that has to wait says for which one."""

import fcntl
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_held = threading.local()


@contextmanager
def exclusive(file: Path, what: str) -> Iterator[None]:
    """Hold the lock of a file, after waiting for any other process or thread that holds it.

    The system releases the lock when the process ends, even by a kill. A thread may take a lock again that it holds.
    """
    held: set[Path] = _held.__dict__.setdefault("files", set())
    if file in held:
        yield
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+", encoding="utf-8") as lock:
        _wait(lock.fileno(), file, what)
        lock.truncate(0)
        lock.write(_this_process())
        lock.flush()
        held.add(file)
        try:
            yield
        finally:
            held.discard(file)


def _wait(lock: int, file: Path, what: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = file.read_text(encoding="utf-8")
        if holder != _this_process():
            sys.stderr.write(f"{what} is in use by {holder or 'another process'}: waiting until that has ended …\n")
            sys.stderr.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)


def _this_process() -> str:
    program = Path(sys.argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.name
    return f"`{' '.join([name, *sys.argv[1:]])}` (process {os.getpid()})"

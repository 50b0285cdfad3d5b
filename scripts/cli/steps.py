"""Run tools and rows of steps, with a summary of what failed and how long each step took."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from scripts.cli.console import err, out, table
from scripts.cli.errors import UserError
from scripts.cli.mistakes import INTERRUPTED
from scripts.cli.paths import REPO_ROOT
from scripts.cli.processes import run_to_end

_TOOLS_AT_ONCE = 4


def run_tool(*arguments: str) -> None:
    """Run a Python tool of the development environment on the repository."""
    if run_to_end(_tool(arguments), cwd=REPO_ROOT).returncode:
        raise UserError(f"`{' '.join(arguments)}` failed")


def run_program(name: str, *arguments: str) -> None:
    """Run a tool of the development environment that is no Python module."""
    if run_to_end([Path(sys.executable).with_name(name), *arguments], cwd=REPO_ROOT).returncode:
        raise UserError(f"`{name} {' '.join(arguments)}` failed")


@contextmanager
def started(*tools: Sequence[str]) -> Iterator[Callable[[], None]]:
    """Start tools that mostly wait, and give a function that waits for them.

    That function prints each tool's output, and raises UserError if one failed. At most four tools run at a time: more
    deployments would starve each other on two cores. No further tool starts after Ctrl-C, or once the block has ended.
    """
    broken_off = threading.Event()
    with ThreadPoolExecutor(_TOOLS_AT_ONCE) as pool, _set_upon_interruption(broken_off):
        outputs = [pool.submit(_run_quietly, tool, broken_off) for tool in tools]

        def finish() -> None:
            failed = []
            for tool, output in zip(tools, outputs, strict=True):
                with out.status(f"waiting for `{' '.join(tool)}`"):
                    ended = output.result()
                out.print(ended.stdout, markup=False)
                failed += [f"`{' '.join(tool)}`"] if ended.returncode else []
            if failed:
                raise UserError(f"{' and '.join(failed)} failed")

        try:
            yield finish
        finally:
            broken_off.set()


@contextmanager
def _set_upon_interruption(event: threading.Event) -> Iterator[None]:
    def interrupt(number: int, frame: FrameType | None) -> None:
        event.set()
        signal.default_int_handler(number, frame)

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:  # as in the background
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _run_quietly(tool: Sequence[str], broken_off: threading.Event) -> subprocess.CompletedProcess[str]:
    if broken_off.is_set():
        raise KeyboardInterrupt
    return subprocess.run(
        _tool(tool),
        cwd=REPO_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def _tool(tool: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", *tool]


def run_steps(steps: Sequence[tuple[str, Callable[[], object]]], *, keep_going: bool = False) -> None:
    """Run steps, each named by the command that runs it alone; stop at the first failure unless told to keep going."""
    times = table("step", "seconds", "", numbers={"seconds"})
    failed = []
    for command, step in steps:
        out.print(f"\n[bold]── {command}[/]")
        began = time.monotonic()
        try:
            step()
        except SystemExit as end:
            if end.code == INTERRUPTED:
                raise
            failed.append(command)
        except BaseException:
            err.print(f"{command} broke off; to run it alone: `invoke {command}`", style="red", markup=False)
            raise
        times.add_row(command, f"{time.monotonic() - began:.1f}", "failed" if command in failed else "")
        if failed and not keep_going:
            break
    out.print()
    out.print(times)
    if failed:
        raise UserError("\n".join(f"failed: {command}; to run it alone: `invoke {command}`" for command in failed))

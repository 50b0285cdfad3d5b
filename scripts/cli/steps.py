"""How tasks run: a mistake becomes a message, and a row of steps says where it stopped and how long each took."""

import errno
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

from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as BotocoreConnectionError

from scripts.cli.console import err, out, table
from scripts.cli.errors import UserError
from scripts.cli.paths import REPO_ROOT
from scripts.cli.processes import run_to_end

_TOOLS_AT_ONCE = 4
_CREDENTIAL_ERRORS = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "403"}
)
_DENIALS = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"})
_PATH_ERRORS = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)
"""What is wrong with a path, as against a program."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_INTERRUPTED = 128 + signal.SIGINT
"""The exit code upon Ctrl-C: https://www.gnu.org/software/bash/manual/html_node/Exit-Status.html."""


@contextmanager
def mistakes_explained() -> Iterator[None]:
    """End with a message and exit code 1, and no traceback, upon what a person can mend; with 130 upon Ctrl-C."""
    code = 1
    try:
        yield
    except UserError as error:
        message = str(error)
    except (BotocoreConnectionError, HTTPClientError) as error:
        message = f"{error}: if that is the embedded AWS, `invoke local-up` says how it fares"
    except (ProfileNotFound, NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
        message = f"no AWS credentials could be had: {error}"
    except (SSOError, TokenRetrievalError) as error:
        message = f"{error}: sign in again with `aws sso login`"
    except ClientError as error:
        message = _refusal(error)
    except TypeError as error:
        message = _declaration_mistake(error)
    except OSError as error:
        message = _system_refusal(error)
    except KeyboardInterrupt as interruption:
        message, code = str(interruption) or "interrupted", _INTERRUPTED
    else:
        return
    err.print(message, style="red", markup=False)
    raise SystemExit(code)


def _declaration_mistake(error: TypeError) -> str:
    """Say which event is declared wrongly, or raise the error again where that is a defect of something else."""
    from services.shared.events.event import EventDeclarationError  # noqa: PLC0415 - it takes long to import

    if isinstance(error, EventDeclarationError):
        return str(error)
    raise error


def _system_refusal(error: OSError) -> str:
    """Say what the system refused, or raise the error again where that is a defect."""
    where = f"{error.filename}: " if error.filename is not None else ""
    if error.errno in _FULL:
        return f"{where}{error.strerror}: make room on the disk, and try again; no file was left half written"
    if error.errno in _PATH_ERRORS and where:
        return f"{where}{error.strerror}"
    raise error


def _refusal(error: ClientError) -> str:
    """Say why AWS refused, or raise the error again if that is nothing that a person can mend."""
    code = error.response["Error"]["Code"]
    if code in _DENIALS:
        return f"{error.operation_name}: these credentials may not do it: {error}"
    if code in _CREDENTIAL_ERRORS:
        return f"AWS does not accept these credentials: {error}"
    raise error


def run_tool(*arguments: str) -> None:
    """Run a Python tool of the development environment on the repository."""
    if run_to_end(_tool(arguments), cwd=REPO_ROOT).returncode:
        raise UserError(f"`{' '.join(arguments)}` failed")


def run_program(name: str, *arguments: str) -> None:
    """Run a tool of the development environment that is a program and no module."""
    if run_to_end([Path(sys.executable).with_name(name), *arguments], cwd=REPO_ROOT).returncode:
        raise UserError(f"`{name} {' '.join(arguments)}` failed")


@contextmanager
def started(*tools: Sequence[str]) -> Iterator[Callable[[], None]]:
    """Start tools that mostly wait; the function given shows what each printed, and raises UserError if one failed.

    They are at most four at a time: more deployments than that starve one another of two cores. Where the block is left
    before they have ended no other begins, and none from Ctrl-C on, although the block may take a while to end.
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
        errors="replace",
        check=False,
    )


def _tool(tool: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", *tool]


def run_steps(steps: Sequence[tuple[str, Callable[[], object]]], *, keep_going: bool = False) -> None:
    """Run steps, each named by the command that runs it alone, up to the first that fails unless told to keep going."""
    times = table("step", "seconds", "", numbers={"seconds"})
    failed = []
    for command, step in steps:
        out.print(f"\n[bold]── {command}[/]")
        began = time.monotonic()
        try:
            step()
        except SystemExit as end:
            if end.code == _INTERRUPTED:
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

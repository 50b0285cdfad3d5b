"""An environment of its own for a tool whose packages must not mix with the project's."""

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

from scripts.cli.console import out
from scripts.cli.errors import UserError


def tool_python(requirements: Path, folder: Path, *, tool: str) -> Path:
    """Give the Python of an environment in `folder` that holds these requirements, and make it where there is none.

    Raise UserError where the packages cannot be had.
    """
    environment = folder / f"{requirements.stem}-venv-py{sys.version_info.major}{sys.version_info.minor}"
    python, stamp = environment / "bin" / "python", environment / "requirements.sha256"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    with environment.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            out.print(f"installing {tool} into an environment of its own …")
            _run_or_explain([sys.executable, "-m", "venv", "--clear", str(environment)])
            _run_or_explain([str(python), "-m", "pip", "install", "-q", "--require-hashes", "-r", str(requirements)])
            stamp.write_text(wanted)
    return python


def _run_or_explain(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise UserError(f"`{' '.join(command)}` failed:\n{result.stderr.strip() or result.stdout.strip()}")

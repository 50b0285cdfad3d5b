"""Run programs that must be able to clean up after Ctrl-C."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def run_to_end(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - those of Popen
    """Run a program, and after Ctrl-C wait until it has ended.

    The program gets the signal too, and stops what it started; `subprocess.run` would kill it. A second Ctrl-C ends the
    waiting.
    """
    with subprocess.Popen(command, text=True, encoding="utf-8", **options) as process:
        try:
            stdout, stderr = process.communicate()
        except KeyboardInterrupt:
            process.communicate()
            raise
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)

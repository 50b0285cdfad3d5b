"""Programs that are run to their end."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def run_to_end(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - those of Popen
    """Run it to its end upon Ctrl-C too, unlike `subprocess.run`, which kills it then.

    It gets the signal as well, and has to end what it started. A second Ctrl-C leaves it alone.
    """
    with subprocess.Popen(command, text=True, **options) as process:
        try:
            stdout, stderr = process.communicate()
        except KeyboardInterrupt:
            process.communicate()
            raise
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)

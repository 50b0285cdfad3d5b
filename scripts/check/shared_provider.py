"""One process of Terraform's provider that many calls of Terraform share."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.cli.environment import without_aws
from scripts.cli.errors import UserError
from scripts.cli.waiting import wait_until

_START_SECONDS = 60
_QUIET = {"TF_LOG_SDK": "ERROR", "TF_LOG_PROVIDER": "ERROR"}
"""Started this way, it would else log every request."""
_ATTACHMENT = re.compile(r"TF_REATTACH_PROVIDERS='(.+)'")


@contextmanager
def shared_provider(data_folder: Path) -> Iterator[str]:
    """Run the provider that is installed in this folder, and give the TF_REATTACH_PROVIDERS that leads to it.

    Otherwise Terraform starts its program of 700 MB for each validation and run, and hashes it upon each init. The
    process has the settings of the call that configured it last, so it is for calls that configure none: validations,
    and tests with `mock_provider`.
    https://developer.hashicorp.com/terraform/plugin/debugging#starting-a-provider-in-debug-mode
    """
    (program,) = data_folder.glob("providers/*/*/*/*/*/terraform-provider-*")
    log_file = data_folder / "provider.log"
    with (
        tempfile.TemporaryDirectory() as sockets,
        log_file.open("wb") as log,
        subprocess.Popen(
            [program, "-debug"],
            env=without_aws(os.environ) | _QUIET | {"TMPDIR": sockets},
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            wait_until(lambda: process.poll() is not None or bool(_attachment(log_file)), _START_SECONDS)
            attachment = _attachment(log_file)
            if not attachment:
                raise UserError(f"the provider did not start: all it said is in {log_file}")
            yield attachment
        finally:
            process.terminate()


def _attachment(log_file: Path) -> str:
    found = _ATTACHMENT.search(log_file.read_text("utf-8", "replace"))
    return found[1] if found else ""

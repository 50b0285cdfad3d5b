"""An environment of its own for a tool whose packages must not mix with the project's."""

import hashlib
import sys
from pathlib import Path

from scripts.cli import pip
from scripts.cli.console import out
from scripts.cli.files import write_whole
from scripts.cli.locks import exclusive


def tool_python(requirements: Path, folder: Path, *, tool: str) -> Path:
    """Return the Python of an environment in `folder` with these requirements; make the environment if it is missing.

    Raise UserError if the packages cannot be installed.
    """
    environment = folder / f"{requirements.stem}-venv-py{sys.version_info.major}{sys.version_info.minor}"
    python, stamp = environment / "bin" / "python", environment / "requirements.sha256"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    with exclusive(environment.with_suffix(".lock"), f"the environment of {tool}"):
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
            out.print(f"installing {tool} into an environment of its own …")
            pip.install(pip.make_environment(environment), requirements)
            write_whole(stamp, wanted)
    return python

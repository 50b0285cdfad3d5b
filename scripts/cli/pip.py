"""Install pinned packages by pip. The user's settings decide where packages come from, and nothing else.

The Makefile runs this module before there is any package: it needs nothing but Python.
"""

import ast
import os
import subprocess
import sys
from pathlib import Path

from scripts.cli.environment import PIP_KEPT, clean
from scripts.cli.errors import UserError
from scripts.cli.locks import exclusive
from scripts.cli.paths import LOCAL_FOLDER

_SECTIONS = ("global.", "install.", ":env:.")
"""Of `pip config list`, the later ones win: https://pip.pypa.io/en/stable/topics/configuration/."""


def install(python: Path, requirements: Path, *options: str) -> None:
    """Install into the environment of `python`; raise UserError with pip's message if that fails."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", f"--requirement={requirements}"]
    _run([*command, *options], _environment(python))


def _environment(python: Path) -> dict[str, str]:
    """Keep pip from its settings files: they may send packages to another folder, or build them from source."""
    environment = clean(os.environ)
    listed = _run([str(python), "-m", "pip", "config", "list"], environment)
    return environment | pip_sources(listed) | {"PIP_CONFIG_FILE": os.devnull}


def pip_sources(config_list: str) -> dict[str, str]:
    """Return, as variables for pip, the lines of `pip config list` that say where packages come from."""
    found = {}
    for section in _SECTIONS:
        for line in config_list.splitlines():
            if line.startswith(section):
                key, _, value = line.removeprefix(section).partition("=")
                found[f"PIP_{key.upper().replace('-', '_')}"] = " ".join(str(ast.literal_eval(value)).split())
    return {name: value for name, value in found.items() if name in PIP_KEPT}


def make_environment(folder: Path) -> Path:
    """Make an empty virtual environment; return its Python."""
    _run([sys.executable, "-m", "venv", "--clear", str(folder)], clean(os.environ))
    return folder / "bin" / "python"


def main() -> None:
    """Make an environment if it is missing, and install into it: `python -m scripts.cli.pip .venv REQUIREMENTS`."""
    folder, requirements = map(Path, sys.argv[1:])
    with exclusive(LOCAL_FOLDER / "locks" / "setup", f"the environment {folder}"):
        python = folder / "bin" / "python"
        try:
            install(python if python.exists() else make_environment(folder), requirements)
        except UserError as error:
            sys.exit(str(error))


def _run(command: list[str], environment: dict[str, str]) -> str:
    result = subprocess.run(
        command, env=environment, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
    )
    if result.returncode:
        raise UserError(f"`{' '.join(command)}` failed:\n{result.stderr.strip() or result.stdout.strip()}")
    return result.stdout


if __name__ == "__main__":
    main()

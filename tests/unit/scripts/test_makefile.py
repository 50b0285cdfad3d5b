import subprocess
from pathlib import Path

import pytest

from scripts.cli.paths import REPO_ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder whose environment was made in it."""
    folder = tmp_path / "checkout"
    (folder / "requirements").mkdir(parents=True)
    (folder / "requirements" / "dev.txt").touch()
    (folder / "Makefile").write_bytes((REPO_ROOT / "Makefile").read_bytes())
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to("/bin/sh")
    (programs / "invoke").write_text(f"#!{programs}/python\n")
    (folder / ".venv" / ".requirements-installed").touch()
    return folder


def setup_steps(folder: Path) -> str:
    return subprocess.run(["make", "--dry-run", "setup"], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_an_environment_that_works_is_left_alone(checkout: Path) -> None:
    assert "scripts.cli.pip" not in setup_steps(checkout)


def test_an_environment_is_made_anew_where_the_checkout_was_renamed(checkout: Path) -> None:
    steps = setup_steps(checkout.rename(checkout.with_name("renamed")))

    assert steps.index("rm -rf .venv") < steps.index("scripts.cli.pip .venv requirements/dev.txt")


def test_an_environment_is_made_anew_where_its_python_is_gone(checkout: Path) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/gone/python3.11")

    assert "rm -rf .venv" in setup_steps(checkout)

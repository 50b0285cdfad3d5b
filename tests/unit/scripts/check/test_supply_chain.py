"""What the project takes from others is pinned, hashed and asked about, and no secret is given away."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.check import requirements, secret_scan
from scripts.cli.errors import UserError
from scripts.cli.paths import REPO_ROOT

HOOKS = yaml.safe_load((REPO_ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
_PINNED = re.compile(
    r"[a-z0-9-]+==[^ ]+( ; [^\\]+)? \\\n(    --hash=sha256:[0-9a-f]{64} \\\n)*    --hash=sha256:[0-9a-f]{64}"
)


def pins(name: str) -> dict[str, str]:
    """The version of each package; fails upon a line that is no pin with hashes."""
    text = (REPO_ROOT / "requirements" / f"{name}.txt").read_text()
    entries = re.split(r"\n(?=\S)", text.rstrip("\n"))
    assert [entry for entry in entries if not _PINNED.fullmatch(entry)] == []
    return dict(entry.split(maxsplit=1)[0].split("==") for entry in entries)


@pytest.mark.parametrize("name", requirements.NAMES)
def test_each_package_that_is_asked_for_is_pinned_with_its_hashes(name: str) -> None:
    lines = (REPO_ROOT / "requirements" / f"{name}.in").read_text().splitlines()
    wanted = {canonicalize_name(Requirement(line).name) for line in lines if not line.startswith(("#", "-"))}

    assert wanted <= pins(name).keys()


def test_every_file_of_requirements_is_locked_by_the_task() -> None:
    assert {file.stem for file in (REPO_ROOT / "requirements").glob("*.txt")} == set(requirements.NAMES)


@pytest.mark.parametrize("name", ["lambda", "emulator"])
def test_the_tests_run_with_the_versions_that_are_deployed(name: str) -> None:
    shared = pins("dev").keys() & pins(name).keys()

    assert {package: pins("dev")[package] for package in shared} == {package: pins(name)[package] for package in shared}
    assert name != "lambda" or shared == pins("lambda").keys()


def test_pip_refuses_what_does_not_match_its_hash() -> None:
    installing = subprocess.run(
        ["git", "grep", "-lE", r'pip install|"pip", "install"', "--", "Makefile", "scripts", "tasks.py", ".github"],
        cwd=REPO_ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert installing == ["scripts/cli/pip.py"]
    assert "--require-hashes" in (REPO_ROOT / "scripts/cli/pip.py").read_text()


def test_a_package_that_pypi_does_not_answer_for_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[str, ...]] = []

    def fail(*arguments: str) -> None:
        called.append(arguments)
        raise UserError("`pip_audit` failed")

    monkeypatch.setattr(requirements, "run_tool", fail)

    with pytest.raises(UserError, match="vulnerable, or PyPI could not be asked"):
        requirements.audit()

    assert "--strict" in called[0]
    assert {f"--requirement=requirements/{name}.txt" for name in ("lambda", "emulator", "dev")} <= set(called[0])


@pytest.mark.parametrize(
    "secret", ["aws_access_key_id = 'AKIA" + "QX7FJ2MV5R9TBL3Z'", "-----BEGIN RSA " + "PRIVATE KEY-----"]
)
def test_a_secret_is_found(tmp_path: Path, secret: str) -> None:
    careless = tmp_path / "settings.py"
    careless.write_text(secret + "\n")

    with pytest.raises(UserError, match="looks like a secret"):
        secret_scan.scan([str(careless)])


def test_an_exception_for_a_secret_covers_the_whole_of_it(tmp_path: Path) -> None:
    careless = tmp_path / "settings.py"
    careless.write_text("password = 'test" + "-8fK2'\n")

    with pytest.raises(UserError):
        secret_scan.scan([str(careless)])


def test_a_folder_that_is_no_clone_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(secret_scan, "REPO_ROOT", tmp_path)

    with pytest.raises(UserError, match="`git init` first"):
        secret_scan.scan()


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_runs_a_tool_of_the_project(hook: dict[str, str]) -> None:
    program, *_ = hook["entry"].split()

    assert hook["language"] == "system"
    assert program == "terraform" or (REPO_ROOT / program).is_file()


def test_the_hooks_are_those_that_are_promised() -> None:
    assert {hook["id"] for hook in HOOKS} >= {"ruff", "ruff-format", "mypy", "terraform-fmt", "secrets", "workflows"}

import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.cli.errors import UserError
from scripts.local.tool_environment import tool_python


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    file = tmp_path / "checkov.txt"
    file.write_text("checkov==1\n")
    return file


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What was run: nothing is installed, and a folder stands for an environment."""
    made: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - subprocess's own
        made.append(command)
        Path(command[-1]).mkdir(exist_ok=True, parents=True) if "venv" in command else None
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    return made


def test_an_environment_is_made_once_and_again_when_its_requirements_change(
    requirements: Path, calls: list[list[str]]
) -> None:
    folder = requirements.parent / "environments"

    first = tool_python(requirements, folder, tool="checkov")
    again = tool_python(requirements, folder, tool="checkov")
    assert (again, len(calls)) == (first, 2)
    assert calls[1] == [str(first), "-m", "pip", "install", "-q", "--require-hashes", "-r", str(requirements)]

    requirements.write_text("checkov==2\n")
    tool_python(requirements, folder, tool="checkov")
    assert len(calls) == 4


def test_two_tools_do_not_share_one(requirements: Path, calls: list[list[str]]) -> None:
    other = requirements.with_name("emulator.txt")
    other.write_text("ministack==1\n")

    paths = {tool_python(file, requirements.parent, tool="a tool") for file in (requirements, other)}

    assert len(paths) == 2
    assert len(calls) == 4


def test_a_failed_installation_is_explained_and_tried_again(
    requirements: Path, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    makes = subprocess.run
    refused = subprocess.CompletedProcess[str]([], 1, "", "no network")
    monkeypatch.setattr(subprocess, "run", lambda command, **_: refused if "pip" in command else makes(command))

    for _ in range(2):
        with pytest.raises(UserError, match=r"pip install(?s:.*)no network"):
            tool_python(requirements, requirements.parent, tool="checkov")

    assert len(calls) == 2

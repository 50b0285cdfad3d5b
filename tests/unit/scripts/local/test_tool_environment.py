from pathlib import Path

import pytest

from scripts.cli import pip
from scripts.cli.errors import UserError
from scripts.local.tool_environment import tool_python


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    file = tmp_path / "checkov.txt"
    file.write_text("checkov==1\n")
    return file


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, Path]]:
    """The Python and the requirements of each installation, which a folder stands for."""
    made: list[tuple[Path, Path]] = []

    def make_environment(folder: Path) -> Path:
        (folder / "bin").mkdir(exist_ok=True, parents=True)
        return folder / "bin" / "python"

    monkeypatch.setattr(pip, "make_environment", make_environment)
    monkeypatch.setattr(pip, "install", lambda python, requirements: made.append((python, requirements)))
    return made


def test_an_environment_is_made_once_and_again_when_its_requirements_change(
    requirements: Path, installed: list[tuple[Path, Path]]
) -> None:
    folder = requirements.parent / "environments"

    first = tool_python(requirements, folder, tool="checkov")
    again = tool_python(requirements, folder, tool="checkov")
    assert (again, installed) == (first, [(first, requirements)])

    requirements.write_text("checkov==2\n", encoding="utf-8")
    tool_python(requirements, folder, tool="checkov")
    assert len(installed) == 2


def test_two_tools_do_not_share_one(requirements: Path, installed: list[tuple[Path, Path]]) -> None:
    other = requirements.with_name("emulator.txt")
    other.write_text("ministack==1\n")

    paths = {tool_python(file, requirements.parent, tool="a tool") for file in (requirements, other)}

    assert len(paths) == len(installed) == 2


@pytest.mark.usefixtures("installed")
def test_a_failed_installation_is_tried_again(requirements: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Path] = []

    def refuse(python: Path, _: Path) -> None:
        tried.append(python)
        raise UserError("no network")

    monkeypatch.setattr(pip, "install", refuse)

    for _ in range(2):
        with pytest.raises(UserError, match="no network"):
            tool_python(requirements, requirements.parent, tool="checkov")

    assert len(tried) == 2

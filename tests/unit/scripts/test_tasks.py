"""What the tasks do with their options before anything is measured."""

import inspect
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context
from invoke.tasks import Task

import tasks
from scripts.cli.errors import UserError
from scripts.cli.json_files import check_writable
from scripts.deploy import bootstrap, planning
from scripts.deploy.target import Target
from scripts.measure import bench, coldstart
from scripts.measure.cost import report


@pytest.fixture(autouse=True)
def nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Play what takes minutes; give the names of what was asked for."""
    asked: list[str] = []

    def played(*_: object, **__: object) -> Any:  # noqa: ANN401 - in place of several functions
        asked.append("measured")
        raise UserError("measured")

    monkeypatch.setattr(bench, "check", lambda *, update: asked.append("updated" if update else "checked"))
    monkeypatch.setattr(bench, "deployed", played)
    monkeypatch.setattr(coldstart, "deployed", played)
    monkeypatch.setattr(planning, "read_plan", played)
    return asked


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"orders": "x"}, "--orders"),
        ({"scenario": "hot", "json": "f.json"}, "--json, --scenario"),
        ({"counted": False}, "--no-counted"),
        ({"batch_size": "0"}, "--batch-size"),
    ],
)
@pytest.mark.parametrize("flag", ["ci", "update_baseline"])
def test_a_check_of_the_counts_takes_no_other_option(
    nothing_is_measured: list[str],
    capsys: pytest.CaptureFixture[str],
    flag: str,
    options: dict[str, Any],
    named: str,
) -> None:
    with pytest.raises(SystemExit):
        tasks.bench.body(Context(), **{flag: True}, **options)

    assert f"leave out {named}\n" in capsys.readouterr().err
    assert not nothing_is_measured


def test_a_check_of_the_counts_alone_is_made(nothing_is_measured: list[str]) -> None:
    tasks.bench.body(Context(), ci=True)
    tasks.bench.body(Context(), update_baseline=True)

    assert nothing_is_measured == ["checked", "updated"]


@pytest.mark.parametrize("text", ["1" + "0" * 320, "9" * 5000])
def test_more_than_there_can_be_is_refused(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with pytest.raises(SystemExit):
        tasks.cost.body(Context(), orders_per_month=text)

    assert "15 digits at most" in capsys.readouterr().err


def test_a_measurement_that_nobody_reads_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        tasks.cost.body(Context(), orders_per_month="1", measured="other.json")

    assert "give --batch too" in capsys.readouterr().err


@pytest.mark.parametrize("task", ["bench", "coldstart", "cost"])
def test_a_file_that_cannot_be_written_is_named_before_anything_is_measured(
    nothing_is_measured: list[str], tmp_path: Path, task: str
) -> None:
    (tmp_path / "file").touch()
    file = tmp_path / "file" / "figures.json"

    with pytest.raises(UserError, match=r"figures\.json cannot be written"):
        {
            "bench": lambda: bench.run_benchmark(bench.Settings(direct=(1,)), file, None),
            "coldstart": lambda: coldstart.measure_cold_starts(1, file),
            "cost": lambda: report.show_bill(Target("local", "dev"), report.Settings(1), file),
        }[task]()

    assert not nothing_is_measured


def test_a_file_that_can_be_written_is_left_as_it_is(tmp_path: Path) -> None:
    new, old = tmp_path / "new" / "file.json", tmp_path / "old.json"
    old.write_text("old")

    check_writable(new)
    check_writable(old)

    assert new.parent.is_dir()
    assert not new.exists()
    assert old.read_text() == "old"


def test_a_folder_is_no_file_to_write(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="directory"):
        check_writable(tmp_path)


@pytest.mark.parametrize(
    ("task", "options", "option"),
    [
        (tasks.redrive, {"queue": ""}, "--queue"),
        (tasks.redrive, {"max": ""}, "--max"),
        (tasks.apply, {"allow": [], "plan": ""}, "--plan"),
        (tasks.cost, {"orders_per_month": ""}, "--orders-per-month"),
    ],
)
def test_an_option_without_a_value_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    task: Any,  # noqa: ANN401 - a task of invoke
    options: dict[str, Any],
    option: str,
) -> None:
    monkeypatch.setattr(tasks, "_target", lambda _: pytest.fail("it was done"))

    with pytest.raises(SystemExit):
        task.body(Context(), **options)

    assert capsys.readouterr().err.startswith(f"{option} is empty: give a value, or leave it out")


def test_nobodys_repository_is_an_empty_name(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    monkeypatch.setattr(tasks, "_target", lambda name: name)
    monkeypatch.setattr(bootstrap, "bootstrap", lambda *options: given.extend(options))

    tasks.bootstrap.body(Context(), github_repository="")

    assert given == ["local", ""]


def test_every_option_of_every_task_has_its_help() -> None:
    every = [each for each in vars(tasks).values() if isinstance(each, Task)]

    options = {name for each in every for name in list(inspect.signature(each.body).parameters)[1:]}

    assert options == tasks._HELP.keys()  # noqa: SLF001 - invoke takes a task's help away once it has read it

"""What the tasks do with their options before anything is measured."""

import inspect
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context
from invoke.program import Program
from invoke.util import helpline

import tasks as registered
from scripts.cli.errors import UserError
from scripts.cli.json_files import check_writable
from scripts.cli.paths import REPO_ROOT
from scripts.deploy import bootstrap, planning
from scripts.deploy.target import Target
from scripts.measure import bench, coldstart
from scripts.measure.cost import report
from scripts.tasks import deploy, measure, operate
from scripts.tasks.command import DEPLOYMENT, command


@pytest.fixture(autouse=True)
def nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Play what takes minutes; give the names of what was asked for."""
    asked: list[str] = []

    def played(*_: object, **__: object) -> Any:  # noqa: ANN401 - in place of several functions
        asked.append("measured")
        raise UserError("measured")

    monkeypatch.setattr(bench, "check", lambda *, update: asked.append("updated" if update else "checked"))
    monkeypatch.setattr(bench, "own_deployment", played)
    monkeypatch.setattr(coldstart, "own_deployment", played)
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
        measure.bench.body(Context(), **{flag: True}, **options)

    assert f"leave out {named}\n" in capsys.readouterr().err
    assert not nothing_is_measured


def test_a_check_of_the_counts_alone_is_made(nothing_is_measured: list[str]) -> None:
    measure.bench.body(Context(), ci=True)
    measure.bench.body(Context(), update_baseline=True)

    assert nothing_is_measured == ["checked", "updated"]


@pytest.mark.parametrize("text", ["1" + "0" * 320, "9" * 5000])
def test_more_than_there_can_be_is_refused(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with pytest.raises(SystemExit):
        measure.cost.body(Context(), orders_per_month=text)

    assert "15 digits at most" in capsys.readouterr().err


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
        (operate.redrive, {"queue": ""}, "--queue"),
        (operate.redrive, {"max": ""}, "--max"),
        (deploy.apply, {"allow": [], "plan": ""}, "--plan"),
        (measure.cost, {"orders_per_month": ""}, "--orders-per-month"),
    ],
)
def test_an_option_without_a_value_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    task: Any,  # noqa: ANN401 - a task of invoke
    options: dict[str, Any],
    option: str,
) -> None:
    for module in (deploy, measure, operate):
        monkeypatch.setattr(module, "target_of", lambda _: pytest.fail("it was done"))

    with pytest.raises(SystemExit):
        task.body(Context(), **options)

    assert capsys.readouterr().err.startswith(f"{option} is empty: give a value, or leave it out")


def test_nobodys_repository_is_an_empty_name(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    monkeypatch.setattr(deploy, "target_of", lambda name: name)
    monkeypatch.setattr(bootstrap, "bootstrap", lambda *options: given.extend(options))

    deploy.bootstrap.body(Context(), github_repository="")

    assert given == ["local", ""]


def test_a_task_says_what_each_option_is_for() -> None:
    with pytest.raises(TypeError, match="redo: target has no help"):

        @command()
        def redo(_: Context, target: str = "local") -> None:
            """Redo it."""


def test_a_task_that_has_to_be_given_something_has_an_example() -> None:
    with pytest.raises(TypeError, match="redo has to be given something"):

        @command({"order": "the order"})
        def redo(_: Context, order: str) -> None:
            """Redo it."""


@pytest.mark.parametrize("name", [*registered.namespace.task_names, "test"])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_each_task_shows_its_help(name: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    Program(namespace=registered.namespace).run(["invoke", name, option], exit=False)

    shown, complaint = capsys.readouterr()
    assert shown.startswith(f"Usage: invoke [--core-opts] {'test.all' if name == 'test' else name} ")
    assert not complaint


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (["restore"], "restore needs --to, for example: invoke restore --to 30m"),
        (["order-show"], "order-show needs --order, for example: invoke order-show order-"),
        (["setup-grafana", "http://127.0.0.1:3000", "admin"], "setup-grafana needs --password, --prometheus-url, for"),
        (["monitor.set-webhook"], "monitor.set-webhook needs --channel, for example: invoke monitor.set-webhook slack"),
        (["redrive", "--queue"], "--queue needs a value: `invoke redrive --help` says which"),
    ],
)
def test_what_is_missing_is_named_with_an_example(
    given: list[str], missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        Program(namespace=registered.namespace).run(["invoke", *given])

    assert exit_.value.code == 1
    assert capsys.readouterr().err.startswith(missing)


def test_the_help_of_a_task_ends_with_what_it_needs() -> None:
    assert str(inspect.getdoc(operate.audit)).endswith(f"\n\nNeeds {DEPLOYMENT}.")


@pytest.mark.parametrize("name", registered.namespace.task_names)
def test_each_task_is_described_in_a_line_of_80_columns(name: str) -> None:
    longest = max(map(len, registered.namespace.task_names))

    assert len(helpline(registered.namespace[name]) or "") <= 80 - len("  ") - longest - len("   ") - 1


def test_a_list_that_nobody_reads_to_its_end_ends_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)

    listing = subprocess.run(
        [sys.executable, "-m", "invoke", "--list"], cwd=REPO_ROOT, stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)

    assert (listing.returncode, listing.stderr) == (-signal.SIGPIPE, b"")

"""What the tasks do with their options before anything is measured."""

import inspect
import os
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from invoke.collection import Collection
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


def alone(name: str) -> Collection:
    """The task by itself: invoke copies every task that there is each time it reads a command line."""
    namespace, _, _ = name.rpartition(".")
    task = registered.namespace[name]
    return Collection(Collection(namespace, task)) if namespace else Collection(task)


def shown_help(namespace: Collection, *arguments: str) -> str:
    with redirect_stdout(StringIO()) as shown:
        Program(namespace=namespace).run(["invoke", *arguments], exit=False)
    return shown.getvalue()


@pytest.mark.parametrize("name", registered.namespace.task_names)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_each_task_shows_its_help(name: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    Program(namespace=alone(name)).run(["invoke", name, option], exit=False)

    shown, complaint = capsys.readouterr()
    assert shown.startswith(f"Usage: invoke [--core-opts] {name} ")
    assert not complaint


def test_a_subject_with_a_task_of_its_own_shows_the_help_of_that() -> None:
    assert shown_help(registered.namespace, "test", "--help").startswith("Usage: invoke [--core-opts] test.all ")


def test_a_task_without_an_option_that_has_to_be_given_says_which_it_takes_instead() -> None:
    shown = shown_help(alone("put-order"), "put-order", "--help")

    assert "give --item or --file" in shown
    assert "invoke put-order --item prod-001=1" in shown


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (["restore"], "restore needs --to, for example: invoke restore --to 30m"),
        (
            ["customer-erase", "--yes", "dev"],
            "customer-erase needs --customer or --user, for example: invoke customer-erase c-",
        ),
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


def test_an_option_may_stand_for_what_has_to_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    erased: list[object] = []
    monkeypatch.setenv("ENVIRONMENT", "test")
    monkeypatch.setattr("scripts.operate.customer_erase.erase", lambda _, *who, **__: erased.append(who))

    Program(namespace=registered.namespace).run(["invoke", "customer-erase", "--user", "ada"], exit=False)
    Program(namespace=registered.namespace).run(["invoke", "customer-erase", "c-1"], exit=False)

    assert erased == [(None, "ada", None), ("c-1", None, None)]


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (
            ["ordershow", "order-1"],
            "there is no task ordershow: did you mean order-show? Otherwise see `invoke --list`\n",
        ),
        (["xyz"], "there is no task xyz: see `invoke --list`\n"),
        (
            ["put-order", "--itme", "a=1"],
            "put-order has no option --itme: did you mean --item? Otherwise see `invoke put-order --help`\n",
        ),
        (["put-order", "a=1"], "there is no task a=1: see `invoke --list`, or `invoke put-order --help`\n"),
    ],
)
def test_a_name_that_is_misspelt_is_answered_with_the_closest(
    given: list[str], answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        Program(namespace=registered.namespace).run(["invoke", *given])

    assert exit_.value.code == 1
    assert capsys.readouterr().err == answer


def test_the_help_of_a_task_ends_with_what_it_needs() -> None:
    assert str(inspect.getdoc(operate.audit)).endswith(f"\n\nNeeds {DEPLOYMENT}.")


@pytest.mark.parametrize("name", registered.namespace.task_names)
def test_each_task_is_described_in_a_line_of_80_columns(name: str) -> None:
    longest = max(map(len, registered.namespace.task_names))

    assert len(helpline(registered.namespace[name]) or "") <= 80 - len("  ") - longest - len("   ") - 1


def listed(*arguments: str) -> list[str]:
    with redirect_stdout(StringIO()) as shown:
        program = Program()
        program.load_collection = lambda: setattr(program, "collection", registered.namespace)  # type: ignore[method-assign]
        program.run(["invoke", *arguments], exit=False)
    return shown.getvalue().splitlines()


def test_the_list_fits_on_one_screen() -> None:
    lines = listed("--list")

    assert len(lines) <= 55
    assert max(map(len, lines)) <= 80


def test_the_list_shows_daily_tasks_by_subject_and_a_line_for_each_rarer_subject() -> None:
    lines = listed("-l")

    headings = [line for line in lines if not line.startswith(" ")]
    assert headings == [*registered.DAILY, "Rarer tasks; `invoke --list test` describes those of test"]
    first_words = [line.split()[0] for line in lines if line.startswith(" ")]
    daily = [task.name.replace("_", "-") for group in registered.DAILY.values() for task in group]
    assert first_words == [*daily, *(f"{name}.*" for name in registered.NAMESPACES)]
    assert lines[1].split(maxsplit=1)[1] == helpline(registered.namespace["lint"])


def test_every_task_is_in_the_list_or_in_that_of_its_subject() -> None:
    lines = [line.split()[0] for line in listed("--list") if line.startswith(" ")]
    lines += [
        f"{name}{line.split()[0]}" for name in registered.NAMESPACES for line in listed("--list", name)[2:] if line
    ]

    assert {*registered.namespace.task_names} <= {*lines}


def test_a_subject_is_listed_with_descriptions() -> None:
    assert "  .refund-lost     Refund charges of orders that were lost." in listed("--list", "recover")


def invoke(*arguments: str, stdout: int, **environ: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "invoke", *arguments],
        cwd=REPO_ROOT,
        env={**os.environ, **environ},
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
    )


@pytest.mark.parametrize("arguments", [(), ("-l",), ("audit", "-h")])
def test_help_that_nobody_reads_to_its_end_ends_quietly(arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    ended = invoke(*arguments, stdout=writing, PYTHONUNBUFFERED="")
    os.close(writing)

    assert (ended.returncode, ended.stderr) == (-signal.SIGPIPE, b"")


def test_help_on_a_full_disk_ends_with_a_message() -> None:
    full = os.open("/dev/full", os.O_WRONLY)

    ended = invoke("--list", stdout=full, PYTHONUNBUFFERED="")
    os.close(full)

    assert (ended.returncode, ended.stderr) == (1, b"the help cannot be written: No space left on device\n")


def test_settings_of_the_user_rename_no_task(tmp_path: Path) -> None:
    (tmp_path / ".invoke.yaml").write_text("tasks: {auto_dash_names: false}\n", encoding="utf-8")

    assert invoke("put-order", "--help", stdout=subprocess.DEVNULL, HOME=str(tmp_path)).returncode == 0

"""What the documents tell people to type, against the tasks that there are."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from invoke.exceptions import ParseError
from invoke.parser import Parser
from invoke.parser.context import ParserContext

import tasks
from scripts.cli.paths import REPO_ROOT
from services.shared.events.event import Bus

_PAGES = [REPO_ROOT / "README.md", *sorted((REPO_ROOT / "docs").rglob("*.md"))]
_INLINE = re.compile(r"`(?:\w+=\S+ |\.venv/bin/)*invoke ([^`]+)`")
_LINE = re.compile(r"^(?:\w+=\S+ )*(?:\.venv/bin/)?invoke ([^#\n]+)", re.MULTILINE)
_README = _PAGES[0].read_text(encoding="utf-8")
_RUNBOOK = (REPO_ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")


def commands() -> Iterator[str]:
    for page in _PAGES:
        text = page.read_text(encoding="utf-8")
        for command in (*_INLINE.findall(text), *_LINE.findall(text)):
            yield " ".join(command.split())


def listed() -> list[str]:
    """The names in the first column of the README's table of tasks."""
    section = _README.partition("\n## Tasks\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


NAMES = {*tasks.namespace.task_names, *tasks.namespace.collections}
RARER = {name for name in NAMES if "." in name}
PARSER = Parser(contexts=tasks.namespace.to_contexts())
COMMANDS = sorted({command for command in commands() if not command.startswith("--list")})


def parsed(command: str) -> list[ParserContext]:
    """Give the tasks with their options; of a command that is only mentioned, without a value that it wants, none."""
    try:
        return list(PARSER.parse_argv(command.split()))
    except ParseError as error:
        if " needs " in str(error):
            return []
        raise


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_one_that_invoke_understands(command: str) -> None:
    parsed(command)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_tasks_of_a_command_have_the_same_target(command: str) -> None:
    # To invoke an option belongs to the task before it: `plan apply --target aws` plans locally.
    assert len({task.args["target"].value for task in parsed(command) if "target" in task.args}) <= 1


def test_each_list_is_of_tasks_that_there_are() -> None:
    assert {command.removeprefix("--list").strip() for command in commands() if command.startswith("--list")} <= {
        "",
        *tasks.NAMESPACES,
    }


def test_the_table_of_the_readme_names_tasks_that_there_are() -> None:
    assert [name for name in listed() if name.removesuffix(".…") not in NAMES] == []


def test_the_table_of_the_readme_names_every_daily_task() -> None:
    assert sorted(NAMES - RARER - set(tasks.NAMESPACES) - set(listed())) == []


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_a_page_names_rarer_tasks_in_full_and_only_those_that_there_are(page: Path) -> None:
    inline = re.findall(r"`([a-z][\w.-]*)`", page.read_text(encoding="utf-8"))
    inline = [name for name in inline if "." in name and name not in {bus.source for bus in Bus}]

    alike = [name for name in inline if name.partition(".")[0] in tasks.NAMESPACES]
    assert [name for name in alike if name not in RARER and not name.endswith((".py", ".yml"))] == []
    short = {name.partition(".")[2] for name in RARER} - NAMES
    assert [name for name in inline if name in short and "-" in name] == []


@pytest.mark.parametrize("entry", _RUNBOOK.split("\n## ")[1:], ids=lambda entry: entry.partition("\n")[0])
def test_each_entry_of_the_runbook_says_what_it_means_what_to_look_at_and_what_to_run(entry: str) -> None:
    assert re.findall(r"^\*\*(.+)\.\*\* ?", entry, re.MULTILINE) == ["What it means", "What to look at", "What to run"]


def test_the_page_on_the_api_lists_every_route() -> None:
    section = (REPO_ROOT / "docs" / "api.md").read_text("utf-8").partition("\n## Routes\n")[2].partition("\n## ")[0]
    paths = yaml.safe_load((REPO_ROOT / "docs" / "openapi.yaml").read_text("utf-8"))["paths"]

    listed = re.findall(r"`(GET|POST|PUT|PATCH|DELETE) ([^`?]+)`", section)

    assert sorted(listed) == sorted((method.upper(), path) for path, methods in paths.items() for method in methods)


@pytest.mark.parametrize("page", [*_PAGES, REPO_ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_no_long_line_is_there_twice(page: Path) -> None:
    """A merge of two branches that change the same lines may keep both."""
    lines = page.read_text(encoding="utf-8").splitlines()
    # Tables may have the same heading.
    long = [line for line in lines if len(line) > 60 and not line.startswith("|")]

    assert [line for line, times in Counter(long).items() if times > 1] == []

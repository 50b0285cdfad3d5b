"""What the documents tell people to type, against the tasks that there are."""

import re
from collections.abc import Iterator

import pytest
from invoke.exceptions import ParseError
from invoke.parser import Parser
from invoke.parser.context import ParserContext

import tasks
from scripts.cli.paths import REPO_ROOT

_PAGES = [REPO_ROOT / "README.md", *sorted((REPO_ROOT / "docs").rglob("*.md"))]
_INLINE = re.compile(r"`(?:\w+=\S+ |\.venv/bin/)*invoke ([^`]+)`")
_LINE = re.compile(r"^(?:\w+=\S+ )*(?:\.venv/bin/)?invoke ([^#\n]+)", re.MULTILINE)
_RUNBOOK = (REPO_ROOT / "docs" / "runbook.md").read_text()


def commands() -> Iterator[str]:
    for page in _PAGES:
        text = page.read_text()
        for command in (*_INLINE.findall(text), *_LINE.findall(text)):
            yield " ".join(command.split())


PARSER = Parser(contexts=tasks.namespace.to_contexts())
COMMANDS = sorted({command for command in commands() if command != "--list"})


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


@pytest.mark.parametrize("entry", _RUNBOOK.split("\n## ")[1:], ids=lambda entry: entry.partition("\n")[0])
def test_each_entry_of_the_runbook_says_what_it_means_what_to_look_at_and_what_to_run(entry: str) -> None:
    assert re.findall(r"^\*\*(.+)\.\*\* ?", entry, re.MULTILINE) == ["What it means", "What to look at", "What to run"]

"""The help that invoke prints: the list of tasks by subject, and a quiet end where nobody reads on."""

import functools
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from invoke.config import Config
from invoke.exceptions import Exit
from invoke.main import program
from invoke.program import Program
from invoke.util import helpline

from scripts.cli.paths import REPO_ROOT

if TYPE_CHECKING:
    from invoke.tasks import Task

    Groups = Mapping[str, Sequence[Task[Any]]]

_COLUMNS = 80
_MORE = "…"


def lines(groups: "Groups", namespaces: "Groups") -> Iterator[str]:
    """Give the lines of the list: a line per task under the heading of its group, then a line per namespace."""
    described = {heading: {_name(task): helpline(task) or "" for task in tasks} for heading, tasks in groups.items()}
    width = max(len(name) for tasks in described.values() for name in tasks)
    for heading, tasks in described.items():
        yield heading
        yield from (f"  {name:{width}}  {help_}" for name, help_ in tasks.items())
    example = next(iter(namespaces))
    yield f"Rarer tasks; `invoke --list {example}` describes those of {example}"
    for namespace, rarer in namespaces.items():
        yield _cut(f"  {f'{namespace}.*':{width}}  ", [_name(task) for task in rarer])


def _cut(start: str, names: Sequence[str]) -> str:
    """Append the names, as many as the line has room for."""
    line = start + ", ".join(names)
    shown = len(names)
    while len(line) > _COLUMNS:
        shown -= 1
        line = start + ", ".join([*names[:shown], _MORE])
    return line


def _name(task: "Task[Any]") -> str:
    return task.name.replace("_", "-")


def install(groups: "Groups", namespaces: "Groups") -> None:
    """Let invoke's own program list tasks so: it has no setting for that."""
    listed = Program.list_flat

    def list_flat(self: Program) -> None:
        if self.list_root or self.list_depth:
            listed(self)
        else:
            print(*lines(groups, namespaces), sep="\n")  # noqa: T201 - as invoke does

    Program.list_flat = list_flat  # type: ignore[method-assign]
    for name in ("print_help", "print_task_help", "list_tasks"):
        setattr(Program, name, _printed(getattr(Program, name)))


def _printed(show: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(show)
    def shown(*arguments: object) -> None:
        before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # so that `invoke --list | head` ends quietly
        try:
            show(*arguments)
            sys.stdout.flush()
        except OSError as error:
            # What is left in the buffer would fail again when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise Exit(f"the help cannot be written: {error.strerror}", code=1) from error
        finally:
            signal.signal(signal.SIGPIPE, before)

    return shown


def forget_settings_of_the_user() -> None:
    """Take back what invoke has read from ~/.invoke.yaml and /etc/invoke.yaml: it would rename or skip tasks."""
    nowhere = f"{REPO_ROOT}/no-such-folder/"
    program.config = Config(system_prefix=nowhere, user_prefix=nowhere)

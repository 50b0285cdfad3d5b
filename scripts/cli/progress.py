"""Show in a terminal how far a long reading or writing is."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from scripts.cli.console import out

T = TypeVar("T")


def counts() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.completed:,} {task.description}"), TimeElapsedColumn())
    return Progress(*columns, console=out, transient=True, disable=not out.is_terminal)


def counted(shown: Progress, description: str, things: Iterable[T]) -> Iterator[T]:
    """Count the things as they pass."""
    task = shown.add_task(description, total=None)
    for thing in things:
        yield thing
        shown.advance(task)

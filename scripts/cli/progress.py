"""Show the progress of a long reading or writing in a terminal."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from scripts.cli.console import out

T = TypeVar("T")


def progress_display() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.completed:,} {task.description}"), TimeElapsedColumn())
    return Progress(*columns, console=out, transient=True, disable=not out.is_terminal)


def show_progress(shown: Progress, description: str, things: Iterable[T]) -> Iterator[T]:
    """Pass the things on, and count them in the display."""
    task = shown.add_task(description, total=None)
    for thing in things:
        yield thing
        shown.advance(task)

"""The output of scripts: styled in a terminal, plain text in a pipe."""

import sys
from collections.abc import Collection
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Column, Table
from rich.text import Text

from scripts.cli.environment import show_any_character

show_any_character()

# A pipe has no width of its own, and rich would fold tables to 80 columns.
_WIDTH = None if sys.stdout.isatty() else 10_000

_WIDEST_TABLE = 120

# Without emoji codes: a product may be called ":tea:".
out = Console(highlight=False, soft_wrap=True, width=_WIDTH, emoji=False)
err = Console(highlight=False, soft_wrap=True, width=_WIDTH, emoji=False, stderr=True)


class _PlainTable(Table):
    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:  # noqa: ANN401 - rich's own options
        """Show texts as they are: square brackets may be part of a product's name."""
        super().add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells), **options)


def table(*headings: str, title: str | None = None, numbers: Collection[str] = ()) -> Table:
    """Make a table without lines, for terminals and files alike; columns of `numbers` align right."""
    # A name that is too long for its column is folded: a truncated name could be that of another thing.
    columns = [
        Column(heading, justify="right" if heading in numbers else "left", overflow="fold") for heading in headings
    ]
    return _PlainTable(*columns, title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)


def print_table(shown: Table) -> None:
    """Print a table; only on a terminal are cells folded, rather than make it wider than 120 columns."""
    out.print(shown, width=min(out.width, _WIDEST_TABLE) if out.is_terminal else None)

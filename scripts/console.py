"""Where scripts write: styled in a terminal, plain text when piped."""

import sys
from collections.abc import Collection

from rich.console import Console
from rich.table import Column, Table

# A pipe has no width of its own, and rich would fold tables to 80 columns.
_WIDTH = None if sys.stdout.isatty() else 200

out = Console(highlight=False, soft_wrap=True, width=_WIDTH)
err = Console(highlight=False, soft_wrap=True, width=_WIDTH, stderr=True)


def table(*headings: str, title: str | None = None, numbers: Collection[str] = ()) -> Table:
    """Make a table without lines, which reads the same in a terminal and in a file; `numbers` are set to the right."""
    columns = [Column(heading, justify="right" if heading in numbers else "left") for heading in headings]
    return Table(*columns, title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)

"""Where scripts write: styled in a terminal, plain text when piped."""

import sys

from rich.console import Console

# A pipe has no width of its own, and rich would fold tables to 80 columns.
_WIDTH = None if sys.stdout.isatty() else 120

out = Console(highlight=False, soft_wrap=True, width=_WIDTH)
err = Console(highlight=False, soft_wrap=True, width=_WIDTH, stderr=True)

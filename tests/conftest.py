"""Tests follow no variable of another tool out of this checkout, such as those of a git hook that runs them."""

import os

from scripts.cli import environment

environment.clean_up()
for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):  # with these a pipe passes for a terminal
    os.environ.pop(name, None)

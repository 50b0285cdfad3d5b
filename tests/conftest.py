"""Tests follow no variable of another tool out of this checkout, such as those of a git hook that runs them."""

from scripts.cli import environment

environment.clean_up_for_tests()

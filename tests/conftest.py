"""Tests never follow another tool's variables out of the repository, such as those of a git hook that runs them."""

from scripts.cli import environment

environment.clean_up()

"""Ask a person to type a name before something that cannot be undone."""

import sys
from dataclasses import dataclass

from scripts.cli.console import out
from scripts.cli.errors import UserError


@dataclass(frozen=True, slots=True)
class Confirmation:
    name: str
    """The environment's, which has to be typed, or given as `option`."""
    option: str
    done: str
    """What would be done to it, such as destroyed."""

    def check(self, given: str | None) -> None:
        """Raise UserError where the option gives another name, and where nobody can be asked for one."""
        if given is None and not sys.stdin.isatty():
            raise UserError(f"there is no terminal to ask in: confirm with {self.option} {self.name}")
        if given is not None:
            self._compare(given)

    def ask(self, consequence: str) -> None:
        """Raise UserError unless the name is typed; the end of the input, as by Ctrl-D, is no answer."""
        out.print(f"{consequence} To go on, type {self.name}:", markup=False)
        try:
            typed = input().strip()
        except EOFError:
            typed = ""
        self._compare(typed)

    def _compare(self, given: str) -> None:
        if given != self.name:
            raise UserError(f"nothing was {self.done}: {given!r} is not {self.name!r}, the environment's name")

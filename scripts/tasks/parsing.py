"""How command lines are read: by invoke's parser, apart from `--help`, and from what is missing or misspelt."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from invoke.exceptions import ParseError
from invoke.parser import parser

if TYPE_CHECKING:
    from invoke.parser.context import ParserContext

EXAMPLES: dict[str, str] = {}
"""A command line for each task that has to be given something, by the last part of the task's name."""

INSTEAD: dict[str, str] = {}
"""An option that may be given instead of what has to be given, by the last part of the task's name."""


class _Machine(parser.ParseMachine):
    """Invoke itself takes `--help` for the value of an argument that is still missing."""

    def handle(self, token: str) -> None:
        context: ParserContext | None = self.context
        if token in {"-h", "--help"} and context and context.name and not self.waiting_for_flag_value:
            self.initial.flags["--help"].value = context.name
            for argument in context.missing_positional_args:
                argument.value = ""
        else:
            self._token = token
            super().handle(token)

    def error(self, _: str) -> None:
        """Called for a token that is neither a task nor an option, nor wanted as a value."""
        context: ParserContext | None = self.context
        task = context.name if context else None
        if context and task and self._token.startswith("-"):
            close = _did_you_mean(self._token, context.flags)
            raise ParseError(f"{task} has no option {self._token}: {close}see `invoke {task} --help`", context)
        options = f", or `invoke {task} --help`" if task else ""
        close = _did_you_mean(self._token, self.contexts)
        raise ParseError(f"there is no task {self._token}: {close}see `invoke --list`{options}", context)

    def complete_context(self) -> None:
        context: ParserContext | None = self.context
        if context and (missing := context.missing_positional_args):
            task = (context.name or "").rpartition(".")[2]
            if not self._has_instead(context, task):
                options = ", ".join(f"--{argument.names[0].replace('_', '-')}" for argument in missing)
                if task in INSTEAD:
                    options += f" or --{INSTEAD[task]}"
                raise ParseError(f"{context.name} needs {options}, for example: invoke {EXAMPLES[task]}", context)
            for argument in missing:
                argument.value = ""
        super().complete_context()

    @staticmethod
    def _has_instead(context: "ParserContext", task: str) -> bool:
        return task in INSTEAD and context.flags[f"--{INSTEAD[task]}"].value is not None

    def complete_flag(self) -> None:
        if self.flag and self.waiting_for_flag_value and not self.flag.optional:
            option = f"--{self.flag.names[0].replace('_', '-')}"
            raise ParseError(f"{option} needs a value: `invoke {self.context.name} --help` says which", self.context)
        super().complete_flag()


def _did_you_mean(token: str, names: Iterable[str]) -> str:
    close = get_close_matches(token, list(names), n=1)
    return f"did you mean {close[0]}? Otherwise " if close else ""


# Its metaclass inherits neither.
_Machine._class_states = parser.ParseMachine._class_states  # noqa: SLF001
_Machine._class_transitions = parser.ParseMachine._class_transitions  # noqa: SLF001


def install() -> None:
    """Let invoke's own program, which people run, read command lines so: it has no setting for that."""
    parser.ParseMachine = _Machine  # type: ignore[misc]

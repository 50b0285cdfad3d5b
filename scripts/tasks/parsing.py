"""How command lines are read: by invoke's parser, apart from `--help` and from what is missing."""

from typing import TYPE_CHECKING

from invoke.exceptions import ParseError
from invoke.parser import parser

if TYPE_CHECKING:
    from invoke.parser.context import ParserContext

EXAMPLES: dict[str, str] = {}
"""A command line for each task that has to be given something, by the last part of the task's name."""


class _Machine(parser.ParseMachine):
    """Invoke itself takes `--help` for the value of an argument that is still missing."""

    def handle(self, token: str) -> None:
        context: ParserContext | None = self.context
        if token in {"-h", "--help"} and context and context.name and not self.waiting_for_flag_value:
            self.initial.flags["--help"].value = context.name
            for argument in context.missing_positional_args:
                argument.value = ""
        else:
            super().handle(token)

    def complete_context(self) -> None:
        context: ParserContext | None = self.context
        if context and (missing := context.missing_positional_args):
            name = context.name or ""
            options = ", ".join(f"--{argument.names[0].replace('_', '-')}" for argument in missing)
            example = EXAMPLES[name.rpartition(".")[2]]
            raise ParseError(f"{name} needs {options}, for example: invoke {example}", context)
        super().complete_context()

    def complete_flag(self) -> None:
        if self.flag and self.waiting_for_flag_value and not self.flag.optional:
            option = f"--{self.flag.names[0].replace('_', '-')}"
            raise ParseError(f"{option} needs a value: `invoke {self.context.name} --help` says which", self.context)
        super().complete_flag()


# Its metaclass inherits neither.
_Machine._class_states = parser.ParseMachine._class_states  # noqa: SLF001
_Machine._class_transitions = parser.ParseMachine._class_transitions  # noqa: SLF001


def install() -> None:
    """Let invoke's own program, which people run, read command lines so: it has no setting for that."""
    parser.ParseMachine = _Machine  # type: ignore[misc]

"""What a run of the command suite did, and what came of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.cli.console import out, table
from tests.faults.commands import Outcome
from tests.faults.crashes import Moment

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class CommandReport:
    outcomes: Counter[tuple[str, Outcome]]
    """By the command's name."""
    refusals: Mapping[str, int]
    """By the command's name and the reason."""
    unacknowledged: Mapping[str, int]
    """Whether they are in the store all the same."""
    crashes: Counter[Moment]
    killed: int
    """Workers that died at a random time, beside those that died at a call."""
    repeated: int
    failures: Mapping[str, Sequence[str]]
    """What must not be, by name: empty after a run that is right."""
    sending_seconds: float
    seconds: float

    def acknowledged(self, name: str = "") -> int:
        """How many commands were, of those whose name begins so."""
        return sum(
            count
            for (command, outcome), count in self.outcomes.items()
            if outcome is Outcome.ACKNOWLEDGED and command.startswith(name)
        )

    def print(self) -> None:
        commands = table("command", *Outcome, title="\nCommand suite", numbers=set(Outcome))
        for name in sorted({name for name, _ in self.outcomes}):
            commands.add_row(name, *(f"{self.outcomes[name, outcome]:,}" for outcome in Outcome))
        out.print(commands)
        shown = table("", "count", numbers={"count"})
        for name, figure in self._figures().items():
            shown.add_row(name, f"{figure:,}")
        shown.add_row("seconds", f"{self.seconds:.0f}")
        shown.add_row("of them while commands were sent", f"{self.sending_seconds:.0f}")
        out.print(shown)
        for name, subjects in self.failures.items():
            for subject in subjects[:_SHOWN]:
                out.print(f"{name}: {subject}", style="red", markup=False)

    def _figures(self) -> dict[str, int]:
        return {
            "commands": self.outcomes.total(),
            "acknowledged": self.acknowledged(),
            **{f"refused: {what}": count for what, count in sorted(self.refusals.items())},
            **dict(sorted(self.unacknowledged.items())),
            **{f"killed {moment}": self.crashes[moment] for moment in Moment},
            "killed at a random time": self.killed,
            "repetitions of acknowledged commands": self.repeated,
            **{f"wrong: {name}": len(subjects) for name, subjects in self.failures.items()},
        }

"""What a run of the fault suite did, and what came of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from scripts.cli.console import out, table
from services.shared.cancel_reasons import CancelReason
from tests.faults.proxy import Fault

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Report:
    orders: int
    events: int
    strays: int
    duplicates: Mapping[str, int]
    """By the type of the event."""
    calls: int
    faults: Mapping[tuple[Fault, str], int]
    killed: int
    deployed: int
    confirmed: int
    cancelled: Mapping[str, int]
    called_off: int
    outcomes: Mapping[str, int]
    """How orders, parcels, returns and refunds ended."""
    refusals: Mapping[str, int]
    """What customers, carrier and staff were refused, by their command and the reason."""
    redriven: int
    explained: int
    lost: Sequence[str]
    oversold: Sequence[str]
    stuck: Sequence[str]
    imbalances: Sequence[str]
    broken_promises: Sequence[str]
    """What customers and staff were told is done, and is not."""
    differences: Sequence[str]
    seconds: float

    @property
    def failures(self) -> dict[str, Sequence[str]]:
        """What must not be, by name: empty after a run that is right."""
        found = {
            "lost": self.lost,
            "oversold": self.oversold,
            "stuck": self.stuck,
            "goods or money out of balance": self.imbalances,
            "promises broken": self.broken_promises,
            "unexplained differences": self.differences,
        }
        return {name: subjects for name, subjects in found.items() if subjects}

    @property
    def faults_by_kind(self) -> Counter[Fault]:
        by_kind: Counter[Fault] = Counter()
        for (fault, _), count in self.faults.items():
            by_kind[fault] += count
        return by_kind

    def print(self) -> None:
        shown = table("", "count", title="\nFault suite", numbers={"count"})
        for name, figure in self._figures().items():
            shown.add_row(name, f"{figure:,}")
        shown.add_row("orders per second", f"{self.orders / self.seconds:.1f}")
        shown.add_row("seconds", f"{self.seconds:.0f}")
        out.print(shown)
        out.print(self._faults_table())
        for name, subjects in self.failures.items():
            for subject in subjects[:_SHOWN]:
                out.print(f"{name}: {subject}", style="red", markup=False)

    def _figures(self) -> dict[str, int]:
        return {
            "orders": self.orders,
            "events sent": self.events,
            "duplicates injected": sum(self.duplicates.values()),
            **{f"of them {event_type}": count for event_type, count in sorted(self.duplicates.items())},
            "payment requests out of turn": self.strays,
            "API calls of the functions": self.calls,
            **{f"of them {fault}": self.faults_by_kind[fault] for fault in Fault},
            "workers killed": self.killed,
            "deployments meanwhile": self.deployed,
            "confirmed": self.confirmed,
            **{f"cancelled, {reason}": self.cancelled.get(reason, 0) for reason in CancelReason},
            "charged, then called off": self.called_off,
            **dict(sorted(self.outcomes.items())),
            **{f"refused: {what}": count for what, count in sorted(self.refusals.items())},
            "dead letters redriven": self.redriven,
            "dead letters explained": self.explained,
            "lost": len(self.lost),
            "oversold": len(self.oversold),
            "stuck": len(self.stuck),
            "goods or money out of balance": len(self.imbalances),
            "promises broken": len(self.broken_promises),
            "unexplained differences": len(self.differences),
        }

    def _faults_table(self) -> Table:
        shown = table("calls spoilt", *Fault, title="\nFaults by action", numbers=set(Fault))
        for action in sorted({action for _, action in self.faults}):
            shown.add_row(action, *(f"{self.faults.get((fault, action), 0):,}" for fault in Fault))
        return shown

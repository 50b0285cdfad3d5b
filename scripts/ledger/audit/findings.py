"""The findings of an audit, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from scripts.ledger.log_reader import Ledger, NoCommitError
from services.libs.store.dynamodb_items import Item

COUNTERS = "counters"


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between the log and a table. Two differences are equal if they are about the same subject."""

    kind: str
    subject: str
    expected: str = field(compare=False)
    found: str = field(compare=False)


@dataclass(slots=True)
class Audit:
    """What was read, and where it differs."""

    stock: dict[str, Item]
    """The inventory as it was compared, by SKU."""
    ledger: Ledger
    unreadable: list[NoCommitError]
    """The items of the event store that are no commits."""
    commits: int = 0
    orders: int = 0
    charges: int = 0
    final: list[Difference] = field(default_factory=list)
    """Differences of counters and of charges, which no second reading can clear up."""
    by_stream: dict[str, list[Difference]] = field(default_factory=dict)
    by_sku: dict[str, list[Difference]] = field(default_factory=dict)
    moving: set[str] = field(default_factory=set)
    """SKUs that changed while they were compared, so that the comparison says nothing."""
    counters_moved: bool = False
    missing_deadlines: Mapping[str, datetime] = field(default_factory=dict)
    """By stream, deadlines that no service will be told of: the deadline table lacks them, or they are long past."""

    @property
    def differences(self) -> list[Difference]:
        commits = [Difference("commit", one.key, "a commit", one.reason) for one in self.unreadable]
        groups = (*self.by_stream.values(), *self.by_sku.values(), commits, self.final)
        return list(dict.fromkeys(difference for group in groups for difference in group))

    @property
    def moved(self) -> list[str]:
        """What could not be compared exactly: SKUs, and `counters`."""
        return ([COUNTERS] if self.counters_moved else []) + sorted(self.moving)

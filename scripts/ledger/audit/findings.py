"""The findings of an audit, as plain data."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from scripts.ledger.customers import CustomerFlaw
from scripts.ledger.deadlines import Deadline
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
    parcels: int = 0
    final: list[Difference] = field(default_factory=list)
    """Differences of counters, charges and parcels, which no second reading can clear up."""
    by_stream: dict[str, list[Difference]] = field(default_factory=dict)
    by_sku: dict[str, list[Difference]] = field(default_factory=dict)
    moving: set[str] = field(default_factory=set)
    """SKUs that changed while they were compared, so that the comparison says nothing."""
    counters_moved: bool = False
    missing_deadlines: Sequence[Deadline] = ()
    """Deadlines that no service will be told of: the deadline table lacks them, or they are long past."""
    waiting_for_fulfilment: Collection[str] = ()
    """The streams of orders that were confirmed long ago, and that no fulfilment was started for."""

    customer_flaws: Sequence[CustomerFlaw] = ()
    """Where the log and the table of customers' keys contradict each other, each customer once."""

    @property
    def differences(self) -> list[Difference]:
        commits = [Difference("commit", one.key, "a commit", one.reason) for one in self.unreadable]
        groups = (*self.by_stream.values(), *self.by_sku.values(), commits, self.final)
        return list(dict.fromkeys(difference for group in groups for difference in group))

    @property
    def moved(self) -> list[str]:
        """What could not be compared exactly: SKUs, and `counters`."""
        return ([COUNTERS] if self.counters_moved else []) + sorted(self.moving)

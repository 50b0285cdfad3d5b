"""The findings of an audit, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from scripts.ledger.log_reader import Ledger, NoCommitError
from services.libs.store.dynamodb_items import Item
from services.shared.commits import order_stream, sku_stream

COUNTERS = "counters"


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between the log and a table. Two differences are equal if they are about the same subject."""

    kind: str
    subject: str
    expected: str = field(compare=False)
    found: str = field(compare=False)

    @property
    def compared(self) -> str:
        """What this difference is about, as `moving` names it: a stream, or the counters."""
        match self.kind:
            case "stock" | "log":
                return sku_stream(self.subject)
            case "order" | "money":
                return order_stream(self.subject)
            case "counter":
                return COUNTERS
            case _:
                return self.subject


@dataclass(slots=True)
class Audit:
    """The findings of one comparison, and of those before it."""

    stock: Mapping[str, Item]
    """The inventory that was compared, by SKU."""
    ledger: Ledger = field(default_factory=Ledger)
    unreadable: list[NoCommitError] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    commits: int = 0
    orders: int = 0
    charges: int = 0
    moving: set[str] = field(default_factory=set)
    """What changed during the reading, so that it could not be compared: streams of SKUs, and `counters`."""
    uncompared: set[str] = field(default_factory=set)
    """The part of `moving` that no earlier comparison could compare either."""
    due: dict[str, datetime] = field(default_factory=dict)
    """The deadline of each stream that waits for one."""
    missing_deadlines: dict[str, datetime] = field(default_factory=dict)
    """The deadlines that no service will be told of: the deadline table lacks them, or they are long past."""

    @property
    def unsettled(self) -> set[str]:
        return self.uncompared | {difference.compared for difference in self.differences}

    def keep_confirmed(self, before: "Audit") -> None:
        """Leave out what an earlier comparison found equal; keep what it found to differ until it is compared again."""
        found = [one for one in self.differences if one.compared in before.unsettled]
        kept = [one for one in before.differences if one.compared in self.moving]
        self.differences = list(dict.fromkeys(found + kept))
        self.uncompared = self.moving & before.uncompared

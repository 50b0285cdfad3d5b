"""A commit: one state change of one stream, the events it means, and the stock it moves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar

from services.shared.causes import Cause
from services.shared.events.event import Event
from services.shared.inventory import NO_MOVE, Move, StockChange, StockItem, StockMove

ORDER_PREFIX = "order#"
SKU_PREFIX = "sku#"

E = TypeVar("E", bound=Event)


class Command(NamedTuple):
    """The request that led to a commit, as two SHA-256 hashes in hexadecimal.

    `key` is of its caller, route and `Idempotency-Key`, `content` of everything that it asks for.
    """

    key: str
    content: str


@dataclass(frozen=True, slots=True)
class Commit:
    """One version of one stream: written once, never changed.

    `due_at` is when the service that owns the stream is told to look at it again.
    """

    stream_id: str
    version: int
    events: tuple[Event, ...]
    cause: Cause
    stock_move: StockMove = NO_MOVE
    due_at: datetime | None = None

    def event_id(self, index: int) -> str:
        """The id of the event at `index`, the same on every delivery."""
        return f"{self.stream_id}/{self.version}/{index}"

    def find(self, kind: type[E]) -> E | None:
        """The commit's event of this type, if it has one."""
        return next((event for event in self.events if isinstance(event, kind)), None)

    def get(self, kind: type[E]) -> E:
        """The commit's event of this type; raise LookupError if it has none."""
        if (event := self.find(kind)) is None:
            raise LookupError(f"{self.stream_id} version {self.version} has no {kind.type_name()}")
        return event

    def stock_changes(self) -> tuple[StockChange, ...]:
        """The inventory changes that this commit states, one per SKU.

        They are written in the commit's own transaction and nowhere else, so the inventory follows from the log alone.
        """
        if self.stock_move.move is Move.ADJUST:
            return tuple(event.adjustment() for event in self.events)
        return self.stock_move.changes()


def stock_after(inventory: Mapping[str, StockItem], commits: Iterable[Commit]) -> dict[str, StockItem]:
    """The inventory after these commits, of the SKUs that it has."""
    left = dict(inventory)
    for commit in commits:
        changes = [change for change in commit.stock_changes() if change.sku in left]
        left |= {change.sku: left[change.sku].changed_by(change) for change in changes}
    return left


def order_stream(order_id: str) -> str:
    return f"{ORDER_PREFIX}{order_id}"


def order_id_of(stream_id: str) -> str:
    return stream_id.removeprefix(ORDER_PREFIX)


def sku_stream(sku: str) -> str:
    return f"{SKU_PREFIX}{sku}"

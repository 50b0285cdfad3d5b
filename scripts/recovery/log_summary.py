"""Read a log once, from a table or a file, and derive stock, counters, deadlines and damages from it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from scripts.ledger.checkouts import Checkout, checkouts_in
from scripts.ledger.customers import erasure_of
from scripts.ledger.deadlines import Deadline, deadlines_of
from scripts.ledger.lifecycles import lifecycle_of
from scripts.ledger.log_reader import Ledger, NoCommitError, histories, readable_commits
from scripts.ledger.order_history import state_of
from services.libs.store.dynamodb_items import Item
from services.shared.cart_lifecycle import CART_PREFIX
from services.shared.commits import Commit
from services.shared.customer_lifecycle import CUSTOMER_PREFIX
from services.shared.events.order import FulfilmentStarted
from services.shared.events.payment import RefundRequested
from services.shared.lifecycle import State
from services.shared.order_lifecycle import IN_FULFILMENT, REFUND, SHIPPED
from services.shared.support_lifecycle import TICKET_PREFIX

_SHOWN = 10
_NOTHING_FOLLOWS = (CART_PREFIX, TICKET_PREFIX)
"""Streams that wait for a person, and not for an event of theirs to be handled."""


@dataclass(slots=True)
class LogSummary:
    ledger: Ledger = field(default_factory=Ledger)
    commits: int = 0
    unreadable: list[NoCommitError] = field(default_factory=list)
    """The items that are no commits."""
    gaps: list[str] = field(default_factory=list)
    """The streams that lack a version."""
    open: int = 0
    """The streams that wait for something."""
    unfinished: list[Commit] = field(default_factory=list)
    """The commits whose events have still to be handled: the last one of each open stream, and the open refunds'."""
    shipments: list[str] = field(default_factory=list)
    """The ids of the parcels of orders that are on their way."""
    checkouts: list[Checkout] = field(default_factory=list)
    due: list[Deadline] = field(default_factory=list)
    customers: dict[str, datetime | None] = field(default_factory=dict)
    """The customers who have a stream, and when they were erased."""

    def add(self, history: tuple[Commit, ...]) -> None:
        for commit in history:
            self.ledger.add(commit)
        self.commits += len(history)
        self.checkouts += checkouts_in(history)
        if [commit.version for commit in history] != list(range(1, len(history) + 1)):
            self.gaps.append(history[0].stream_id)
        if history[0].stream_id.startswith(CUSTOMER_PREFIX):
            self.customers[history[0].stream_id.removeprefix(CUSTOMER_PREFIX)] = erasure_of(history)
        lifecycle = lifecycle_of(history[0].stream_id)
        state = state_of(lifecycle, history) if lifecycle else None
        if isinstance(state, State) and not state.is_final:
            self._add_open(history, state)

    def _add_open(self, history: tuple[Commit, ...], state: State) -> None:
        self.open += 1
        if not history[0].stream_id.startswith(_NOTHING_FOLLOWS):
            self.unfinished += [commit for commit in history if commit is history[-1] or _opens(commit, state)]
        self.due += deadlines_of(history[0].stream_id, state)
        if state.phase in {IN_FULFILMENT, SHIPPED}:
            started = (event for commit in history if (event := commit.find(FulfilmentStarted)))
            self.shipments += [one.shipment_id for event in started for one in event.shipments]

    @property
    def damage(self) -> str:
        """List the first signs of damage: unreadable items, gaps in versions, negative stock. Empty for a whole log."""
        return "; ".join(islice(self._damages(), _SHOWN))

    def _damages(self) -> Iterator[str]:
        yield from map(str, self.unreadable)
        for stream_id in self.gaps:
            yield f"{stream_id} lacks a version"
        for sku, totals in self.ledger.skus.items():
            if totals.least < 0:
                yield f"{sku}: stock {totals.stock}, reserved {totals.reserved}, available {totals.available}"


def summarise(items: Iterable[Item]) -> LogSummary:
    """Sum up items in the order in which a scan finds them."""
    summary = LogSummary()
    for history in histories(readable_commits(items, summary.unreadable)):
        summary.add(history)
    return summary


def _opens(commit: Commit, state: State) -> bool:
    """Whether the commit requests a refund that is still open."""
    refund = commit.find(RefundRequested)
    return refund is not None and (REFUND.name, refund.refund_id) in state.open

"""Read a log once, wherever its items come from, and say what follows from it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from scripts.ledger.lifecycles import lifecycle_of
from scripts.ledger.log_reader import Ledger, histories, read_commit
from scripts.ledger.order_history import state_of
from services.libs.store.dynamodb_items import Item
from services.shared.commits import Commit
from services.shared.lifecycle import State

_SHOWN = 10


@dataclass(slots=True)
class Survey:
    ledger: Ledger = field(default_factory=Ledger)
    commits: int = 0
    gaps: list[str] = field(default_factory=list)
    """Streams that lack a version."""
    unfinished: list[Commit] = field(default_factory=list)
    """The last commit of each stream that waits for something: what its events set off is still to be done."""
    due: dict[str, datetime] = field(default_factory=dict)
    """The deadlines that streams wait for."""

    def add(self, history: tuple[Commit, ...]) -> None:
        for commit in history:
            self.ledger.add(commit)
        self.commits += len(history)
        if [commit.version for commit in history] != list(range(1, len(history) + 1)):
            self.gaps.append(history[0].stream_id)
        lifecycle = lifecycle_of(history[0].stream_id)
        state = state_of(lifecycle, history) if lifecycle else None
        if isinstance(state, State) and not state.is_final:
            self.unfinished.append(history[-1])
            if state.due_at:
                self.due[history[0].stream_id] = state.due_at

    @property
    def damage(self) -> str:
        """Name some of what no log can be that was read at one moment and is whole; empty where there is none."""
        return "; ".join(islice(self._problems(), _SHOWN))

    def _problems(self) -> Iterator[str]:
        for stream_id in self.gaps:
            yield f"{stream_id} lacks a version"
        for sku, totals in self.ledger.skus.items():
            if totals.least < 0:
                yield f"{sku}: stock {totals.stock}, reserved {totals.reserved}, available {totals.available}"


def survey(items: Iterable[Item]) -> Survey:
    """Take the items as a scan finds them; raise NoCommitError for one that is none."""
    found = Survey()
    for history in histories(map(read_commit, items)):
        found.add(history)
    return found

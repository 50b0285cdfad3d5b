"""Write the commits of a batch in groups, a transaction each, so that none takes another down."""

from collections.abc import Callable, Collection, Mapping, Sequence

from services.libs.store.event_store import (
    ContentionError,
    EventStore,
    GroupRefusedError,
    StockRefusedError,
    TransactionFaultError,
    first_group,
)
from services.shared.commits import Commit, stock_after
from services.shared.faults import OutOfTimeError, SecondsLeft, is_out_of_time, no_hurry
from services.shared.inventory import StockItem

Outcome = Commit | Exception
"""The commit that stands under a version, ours or another's, or why there is none."""
Decide = Callable[[Mapping[str, StockItem], Collection[str]], Mapping[str, Outcome]]
"""Decide by stream, from the inventory as it is known, but for the streams that are done. It has no side effect."""

_DECISIONS = 5


class GroupWriter:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    def write(
        self, decide: Decide, inventory: Mapping[str, StockItem] | None = None, seconds_left: SecondsLeft = no_hurry
    ) -> dict[str, Outcome]:
        """Write what is decided, one commit a stream, and give the outcome of each stream.

        After each group the rest is decided again: a group that was written has changed the inventory, and one that
        failed has not. A stock change that is refused is decided again on the stock that stands there.
        """
        writing = _Writing(inventory or {})
        while commits := writing.take(decide(writing.inventory, writing.outcomes.keys())):
            if is_out_of_time(seconds_left):
                writing.fail(commits, OutOfTimeError())
                break
            self._write_group(writing, first_group(commits)[: writing.most])
        return writing.outcomes

    def _write_group(self, writing: "_Writing", group: Sequence[Commit]) -> None:
        try:
            self._store.append_group(group)
        except GroupRefusedError as refused:
            writing.refused(group, refused)
        except TransactionFaultError as fault:
            writing.isolate(group, fault)
        except ContentionError as fault:
            writing.fail(group, fault)
        else:
            writing.written(group)


class _Writing:
    """How far a batch has been written."""

    def __init__(self, inventory: Mapping[str, StockItem]) -> None:
        self.inventory = dict(inventory)
        self.outcomes: dict[str, Outcome] = {}
        self.most: int | None = None
        """Commits of a group, where they are written one by one to find the one at fault."""
        self._last_refused: Sequence[Commit] = ()
        self._refusals = 0

    def take(self, decided: Mapping[str, Outcome]) -> Sequence[Commit]:
        """Keep what was decided against, and give the commits that are to be written."""
        self.outcomes |= {stream: outcome for stream, outcome in decided.items() if isinstance(outcome, Exception)}
        return [outcome for outcome in decided.values() if isinstance(outcome, Commit)]

    def written(self, group: Sequence[Commit]) -> None:
        self.outcomes |= {commit.stream_id: commit for commit in group}
        self.inventory = stock_after(self.inventory, group)
        self._refusals = 0

    def refused(self, group: Sequence[Commit], refused: GroupRefusedError) -> None:
        """Another writer was faster: its commits stand, and the stock is what it left."""
        self.outcomes |= refused.taken
        known = {**self.inventory, **refused.found}
        self.inventory = {sku: item for sku, item in known.items() if item}
        if not refused.found:
            return
        self._refusals += 1
        if group == self._last_refused:
            # Decided the same again, so it does not depend on the stock: a reservation is not there.
            self.isolate(group, StockRefusedError(refused.found))
        elif self._refusals == _DECISIONS:
            self.fail(group, ContentionError(f"the stock changed under {_DECISIONS} decisions"))
        self._last_refused = group

    def isolate(self, group: Sequence[Commit], fault: Exception) -> None:
        """Find the commit at fault by writing one by one."""
        self.most = 1
        if len(group) == 1:
            self.fail(group, fault)

    def fail(self, group: Sequence[Commit], fault: Exception) -> None:
        """The fault for each of the group whose version is not taken."""
        failed = (commit.stream_id for commit in group if commit.stream_id not in self.outcomes)
        self.outcomes |= dict.fromkeys(failed, fault)
        self._refusals = 0

"""Write a batch of commits in groups, one transaction each; a commit that fails does not fail the others."""

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
"""The commit that has the version now, ours or another writer's, or the error that prevented it."""
Decide = Callable[[Mapping[str, StockItem], Collection[str]], Mapping[str, Outcome]]
"""Decide each stream that is not done, from the known inventory. It is called repeatedly, without side effects."""

_MAX_DECISIONS = 5


class GroupWriter:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    def write(
        self, decide: Decide, inventory: Mapping[str, StockItem] | None = None, seconds_left: SecondsLeft = no_hurry
    ) -> dict[str, Outcome]:
        """Write one commit per stream, and return the outcome of each stream.

        After each group, decide the remaining streams again from current stock: a written group changed it, and a
        failed group reserved nothing. After a refused stock change, decide from the stock that the table returned.
        """
        writing = _Writing(inventory or {})
        while commits := writing.to_write(decide(writing.inventory, writing.outcomes.keys())):
            if is_out_of_time(seconds_left):
                writing.fail(commits, OutOfTimeError())
                break
            self._write_group(writing, first_group(commits)[: writing.max_group_size])
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
    """The progress of a batch."""

    def __init__(self, inventory: Mapping[str, StockItem]) -> None:
        self.inventory = dict(inventory)
        self.outcomes: dict[str, Outcome] = {}
        self.max_group_size: int | None = None
        """1 while the commit at fault is searched, which is written alone."""
        self._last_refused: Sequence[Commit] = ()
        self._refusals = 0

    def to_write(self, decided: Mapping[str, Outcome]) -> Sequence[Commit]:
        """Keep the errors as outcomes, and return the commits."""
        self.outcomes |= {stream: outcome for stream, outcome in decided.items() if isinstance(outcome, Exception)}
        return [outcome for outcome in decided.values() if isinstance(outcome, Commit)]

    def written(self, group: Sequence[Commit]) -> None:
        self.outcomes |= {commit.stream_id: commit for commit in group}
        self.inventory = stock_after(self.inventory, group)
        self._refusals = 0

    def refused(self, group: Sequence[Commit], refused: GroupRefusedError) -> None:
        """Another writer was faster: take over its commits as outcomes, and the stock that it left."""
        self.outcomes |= refused.taken
        known = {**self.inventory, **refused.found}
        self.inventory = {sku: item for sku, item in known.items() if item}
        if not refused.found:
            return
        self._refusals += 1
        if group == self._last_refused:
            # The same decision again does not depend on the stock: the reservation that it needs is missing.
            self.isolate(group, StockRefusedError(refused.found))
        elif self._refusals == _MAX_DECISIONS:
            self.fail(group, ContentionError(f"the stock changed under {_MAX_DECISIONS} decisions"))
        self._last_refused = group

    def isolate(self, group: Sequence[Commit], fault: Exception) -> None:
        """Find the commit at fault by writing one by one."""
        self.max_group_size = 1
        if len(group) == 1:
            self.fail(group, fault)

    def fail(self, group: Sequence[Commit], fault: Exception) -> None:
        """Record the fault for each commit of the group whose version is not taken."""
        failed = (commit.stream_id for commit in group if commit.stream_id not in self.outcomes)
        self.outcomes |= dict.fromkeys(failed, fault)
        self._refusals = 0

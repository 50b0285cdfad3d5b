"""The event store of a system at work: read once as a whole, and again only where it may have grown since.

Stock is moved by the streams of SKUs and of orders. An order moves stock while it goes on, and once it is delivered by
returns. A new order and a new return write their deadline in the transaction of their commit, so the deadline table
names their streams.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from sys import intern
from typing import TYPE_CHECKING, NamedTuple

from scripts.deploy.deployment import Deployment
from scripts.ledger.deadlines import Deadlines
from scripts.ledger.log_reader import Ledger, NoCommitError, read_newer, readable_commits
from services.shared.commits import ORDER_PREFIX, SKU_PREFIX, Commit, sku_stream
from services.shared.deadlines import MINUTE, minute_of
from services.shared.events.event import Event
from services.shared.events.order import OrderValidated, ReturnRequested
from services.shared.lifecycle import State
from services.shared.order_lifecycle import RETURN

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

# A commit bears the time at which a function took up its message, by a clock that may differ from ours.
_CLOCK = timedelta(minutes=2)
_OPENERS: tuple[type[Event], ...] = (OrderValidated, ReturnRequested)
"""Their commits write the deadlines by which growing streams are found."""
# A minute has several partitions: to query so many minutes takes as long as to read a large table.
_MOST_MINUTES = 100


class _Read(NamedTuple):
    """How far an order was read, in little memory: there may be many."""

    version: int
    """The last one before a gap: a scan may pass the place of a version before that is written."""
    beyond: frozenset[int] = frozenset()
    """The versions after the gap."""
    skus: tuple[str, ...] | None = None
    """None if they are not known."""
    may_move_stock: bool = True
    """Whether its next commit may move stock although no deadline names it."""


class GrowingLog:
    def __init__(self, client: "DynamoDBClient", deployment: Deployment, clock: Callable[[], datetime]) -> None:
        """Create it before the first reading begins."""
        self.ledger = Ledger()
        self.unreadable: list[NoCommitError] = []
        self.commits = 0
        self.orders = 0
        self._client = client
        self._deployment = deployment
        self._clock = clock
        self._deadlines = Deadlines(client, deployment)
        self.recent = clock() - longest_request(deployment)
        """Commits from before were there when the first reading began."""
        self._timeouts: dict[type[Event], set[timedelta]] = {opener: set() for opener in _OPENERS}
        """From commits to their deadlines."""
        self._orders: dict[str, _Read] = {}
        """The orders that may move stock, and all that have a recent commit."""
        self._sku_versions: dict[str, int] = {}

    def add(self, history: Sequence[Commit], state: State | None) -> None:
        """Take in the whole history of a stream as it was read, and the state that it leads to, if that is known."""
        self._count(history)
        stream_id = history[0].stream_id
        if stream_id.startswith(SKU_PREFIX):
            self._sku_versions[stream_id] = history[-1].version
        elif stream_id.startswith(ORDER_PREFIX):
            self.orders += 1
            moves = state is None or _may_move_stock(state)
            if moves or any(commit.cause.at >= self.recent for commit in history):
                self._orders[stream_id] = _read(_Read(0), history)._replace(may_move_stock=moves)

    def catch_up(self, skus: Collection[str]) -> None:
        """Take in the commits that were written since and may move the stock of these SKUs."""
        known = {stream: self._sku_versions.get(stream, 0) for stream in map(sku_stream, skus)}
        known |= {stream: read.version for stream, read in self._orders.items() if _may_move(read, skus)}
        for stream in self._named_streams():
            known[stream] = self._orders[stream].version if stream in self._orders else 0
        newer = readable_commits(read_newer(self._client, self._deployment, known), self.unreadable)
        for stream_id, commits in _by_stream(newer).items():
            if stream_id.startswith(SKU_PREFIX):
                self._count(commits)
                self._sku_versions[stream_id] = commits[-1].version
            else:
                self._catch_up_order(stream_id, commits)

    def _catch_up_order(self, stream_id: str, commits: Sequence[Commit]) -> None:
        read = self._orders.get(stream_id)
        if read is None:
            # It was over and had no recent commit when it was read, or it was not there yet.
            added = [commit for commit in commits if commit.cause.at >= self.recent]
            self.orders += commits[0] in added
        else:
            added = [commit for commit in commits if commit.version not in read.beyond]
        if added:
            self._count(added)
            self._orders[stream_id] = _read(read or _Read(0), commits)

    def _named_streams(self) -> set[str]:
        """The orders whose deadlines recent commits may have written."""
        first, last = minute_of(self.recent), self._clock() + _CLOCK
        minutes = {
            minute
            for timeouts in self._timeouts.values()
            for timeout in timeouts
            for minute in _minutes(first + timeout, last + timeout)
        }
        if all(self._timeouts.values()) and len(minutes) <= _MOST_MINUTES:
            streams = self._deadlines.due_in(sorted(minutes))
        else:
            streams = self._deadlines.written_since(self.recent)
        return {stream for stream in streams if stream.startswith(ORDER_PREFIX)}

    def _count(self, commits: Sequence[Commit]) -> None:
        self.commits += len(commits)
        for commit in commits:
            self.ledger.add(commit)
            for opener in _OPENERS:
                if commit.due_at and commit.find(opener):
                    self._timeouts[opener].add(commit.due_at - commit.cause.at)


def longest_request(deployment: Deployment) -> timedelta:
    """How long a commit may be written after the time that it bears, by our clock."""
    longest = max((function.timeout_seconds for function in deployment.functions.values()), default=0)
    return _CLOCK + timedelta(seconds=longest)


def _may_move_stock(state: State) -> bool:
    return state.phase.wait is not None or any(name == RETURN.name for name, _ in state.open)


def _may_move(read: _Read, skus: Collection[str]) -> bool:
    return read.may_move_stock and (read.skus is None or any(sku in skus for sku in read.skus))


def _read(before: _Read, commits: Sequence[Commit]) -> _Read:
    """`commits` are all that follow the version before, the oldest first."""
    version, beyond, skus = before.version, set(before.beyond), before.skus
    for commit in commits:
        beyond.add(commit.version)
        if validated := commit.find(OrderValidated):
            skus = tuple(intern(line.sku) for line in validated.items)
    while version + 1 in beyond:
        version += 1
    return _Read(version, frozenset(number for number in beyond if number > version), skus)


def _minutes(first: datetime, last: datetime) -> Iterator[datetime]:
    minute = minute_of(first)
    while minute <= last:
        yield minute
        minute += MINUTE


def _by_stream(commits: Iterable[Commit]) -> dict[str, list[Commit]]:
    """The commits of each stream, the oldest first."""
    streams: dict[str, list[Commit]] = {}
    for commit in sorted(commits, key=lambda commit: commit.version):
        streams.setdefault(commit.stream_id, []).append(commit)
    return streams

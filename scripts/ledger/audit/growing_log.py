"""The event store of a system at work: read once as a whole, and again only where it may have grown since.

A stream grows until its life is over. A new order that holds stock writes its deadline in the transaction of its first
commit, so the deadline table names it. Beyond these only the streams of the SKUs themselves move stock.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from scripts.deploy.deployment import Deployment
from scripts.ledger.deadlines import Deadlines
from scripts.ledger.log_reader import Ledger, NoCommitError, read_newer, readable_commits
from scripts.ledger.order_history import is_final
from services.shared.commits import ORDER_PREFIX, SKU_PREFIX, Commit, sku_stream

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

# A commit bears the time at which a function took up its message, by a clock that may differ from ours.
_CLOCK = timedelta(minutes=2)


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
        longest = max((function.timeout_seconds for function in deployment.functions.values()), default=0)
        self._recent = clock() - _CLOCK - timedelta(seconds=longest)
        """Streams that began before were there when the first reading began."""
        self._timeouts: set[timedelta] = set()
        """From commits to their deadlines."""
        self._unfinished: dict[str, tuple[Commit, ...]] = {}
        """The whole history of each order that may grow."""
        self._finished: set[str] = set()
        """The recent orders that are over."""
        self._sku_versions: dict[str, int] = {}

    def add(self, history: Sequence[Commit], *, is_over: bool) -> None:
        """Take in the whole history of a stream as it was read."""
        self._count(history)
        self.orders += history[0].stream_id.startswith(ORDER_PREFIX)
        self._remember(tuple(history), is_over=is_over)

    def catch_up(self, skus: Collection[str]) -> None:
        """Take in the commits that were written since and may move the stock of these SKUs."""
        known = {stream: _versions_without_gap(history) for stream, history in self._unfinished.items()}
        known |= {stream: self._sku_versions.get(stream, 0) for stream in map(sku_stream, skus)}
        known |= {stream: 0 for stream in self._new_streams() if stream not in known and stream not in self._finished}
        newer = readable_commits(read_newer(self._client, self._deployment, known), self.unreadable)
        for stream_id, commits in _by_stream(newer).items():
            before = self._unfinished.get(stream_id, ())
            added = [commit for commit in commits if commit not in before]
            history = sorted((*before, *added), key=lambda commit: commit.version)
            # The stream of an older order is over and was read, although a repair may have written its deadline again.
            is_new = not before and not known[stream_id]
            if added and (not is_new or history[0].cause.at >= self._recent):
                self.orders += is_new and stream_id.startswith(ORDER_PREFIX)
                self._count(added)
                self._remember(tuple(history), is_over=is_final(history))

    def _remember(self, history: tuple[Commit, ...], *, is_over: bool) -> None:
        stream_id = history[0].stream_id
        self._timeouts.update(commit.due_at - commit.cause.at for commit in history if commit.due_at)
        if stream_id.startswith(SKU_PREFIX):
            self._sku_versions[stream_id] = history[-1].version
        elif not is_over:
            self._unfinished[stream_id] = history
        else:
            self._unfinished.pop(stream_id, None)
            if history[0].cause.at >= self._recent:
                self._finished.add(stream_id)

    def _new_streams(self) -> set[str]:
        """The streams of the deadlines that recent commits may have written."""
        if not self._timeouts:
            return self._deadlines.streams()
        first = self._recent + min(self._timeouts)
        return self._deadlines.streams_due(first, self._clock() + _CLOCK + max(self._timeouts))

    def _count(self, commits: Sequence[Commit]) -> None:
        self.commits += len(commits)
        for commit in commits:
            self.ledger.add(commit)


def _versions_without_gap(history: Sequence[Commit]) -> int:
    """The last version before a gap: a scan may pass the place of a version before that is written."""
    return next((number for number, commit in enumerate(history) if commit.version != number + 1), len(history))


def _by_stream(commits: Iterable[Commit]) -> dict[str, list[Commit]]:
    streams: dict[str, list[Commit]] = {}
    for commit in commits:
        streams.setdefault(commit.stream_id, []).append(commit)
    return streams

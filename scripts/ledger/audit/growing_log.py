"""The event store of a system at work: read once as a whole, and again only where it may have grown since.

A stream may grow while its life is not over. A new order that holds stock has written its deadline in the transaction
of its first commit, so the deadline table names it. No other stream moves stock, but for those of the SKUs themselves.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from scripts.deploy.deployment import Deployment
from scripts.ledger.deadlines import Deadlines
from scripts.ledger.log_reader import LONGEST_FUNCTION, Ledger, NoCommitError, read_newer, readable_commits
from services.shared.commits import SKU_PREFIX, Commit, sku_stream

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class GrowingLog:
    def __init__(self, client: "DynamoDBClient", deployment: Deployment, began_at: datetime) -> None:
        """Begin to read at `began_at`."""
        self.ledger = Ledger()
        self.unreadable: list[NoCommitError] = []
        self._client = client
        self._deployment = deployment
        self._deadlines = Deadlines(client, deployment)
        self._recent = began_at - LONGEST_FUNCTION
        self._versions: dict[str, int] = {}
        """The last version read of each stream that may grow or is recent."""

    def add(self, history: Sequence[Commit], *, is_final: bool) -> None:
        """Take in the whole history of a stream as it was read."""
        stream_id = history[0].stream_id
        self._count(history)
        if not is_final or history[0].cause.at >= self._recent or stream_id.startswith(SKU_PREFIX):
            self._versions[stream_id] = history[-1].version

    def catch_up(self, skus: Collection[str]) -> None:
        """Take in the commits that were written since and may move the stock of these SKUs."""
        known = {stream: version for stream, version in self._versions.items() if not stream.startswith(SKU_PREFIX)}
        known |= {stream: self._versions.get(stream, 0) for stream in map(sku_stream, skus)}
        known |= {stream: 0 for stream in self._deadlines.streams_since(self._recent) if stream not in known}
        newer = readable_commits(read_newer(self._client, self._deployment, known), self.unreadable)
        for history in _by_stream(newer):
            # An older order that is over was read as a whole, although a repair may have written its deadline again.
            if history[0].version > 1 or history[0].cause.at >= self._recent:
                self._count(history)
                self._versions[history[0].stream_id] = history[-1].version

    def _count(self, history: Iterable[Commit]) -> None:
        for commit in history:
            self.ledger.add(commit)


def _by_stream(commits: Iterable[Commit]) -> Iterator[list[Commit]]:
    streams: dict[str, list[Commit]] = {}
    for commit in commits:
        streams.setdefault(commit.stream_id, []).append(commit)
    for history in streams.values():
        yield sorted(history, key=lambda commit: commit.version)

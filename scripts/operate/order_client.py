"""Send orders as a producer does, and follow them in the event store."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, takewhile

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.log_reader import read_commit, read_newer, read_orders
from services.shared.commits import Commit, order_stream
from services.shared.events.order import OrderPlaced
from services.shared.lifecycle import ImpossibleCommitError, State
from services.shared.order_lifecycle import CANCELLED, CONFIRMED, ORDER
from services.shared.order_state import Order

_ENTRIES_PER_CALL = 10
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class History:
    """The commits of one order, oldest first."""

    order_id: str
    commits: tuple[Commit, ...]

    @property
    def concluded(self) -> Commit | None:
        """The commit that confirmed the order, or cancelled it before that; its life may go on after it.

        None too for an impossible history, such as a part of one that a read has caught.
        """
        state = State(ORDER.start)
        try:
            for commit in self.commits:
                state = ORDER.next_state(state, commit)
                if state.phase in {CONFIRMED, CANCELLED}:
                    return commit
        except ImpossibleCommitError:
            pass
        return None

    @property
    def order(self) -> Order | None:
        """The order by these commits; None without any, and for an impossible history."""
        try:
            return Order.of(self.commits) if self.commits else None
        except ImpossibleCommitError:
            return None

    def followed_by(self, newer: Mapping[int, Commit]) -> "History":
        """Add these commits by version, as far as none is missing: a read may catch a later one and not the earlier."""
        versions = takewhile(newer.__contains__, count(len(self.commits) + 1))
        return History(self.order_id, self.commits + tuple(newer[version] for version in versions))

    @property
    def events(self) -> list[str]:
        return [event.type_name() for commit in self.commits for event in commit.events]


Until = Callable[[History], bool]


def is_concluded(history: History) -> bool:
    """Whether the order is confirmed or cancelled."""
    return history.concluded is not None


class OrderClient:
    def __init__(self, target: Target, deployment: Deployment) -> None:
        self._dynamodb = target.client("dynamodb")
        self._events = target.client("events")
        self._deployment = deployment

    def place(self, orders: Sequence[Mapping[str, object]]) -> list[datetime]:
        """Send one OrderPlaced per order; return when each was sent."""
        sent: list[datetime] = []
        for start in range(0, len(orders), _ENTRIES_PER_CALL):
            batch = orders[start : start + _ENTRIES_PER_CALL]
            sent += [datetime.now(UTC)] * len(batch)
            response = self._events.put_events(
                Entries=[
                    {
                        "EventBusName": self._deployment.buses[OrderPlaced.BUS],
                        "Source": OrderPlaced.BUS.source,
                        "DetailType": OrderPlaced.type_name(),
                        "Detail": json.dumps(order),
                    }
                    for order in batch
                ]
            )
            refused = [entry for entry in response["Entries"] if "ErrorCode" in entry]
            if refused:
                raise UserError(f"EventBridge refused {len(refused)} orders: {refused[0].get('ErrorMessage')}")
        return sent

    def histories(self, order_ids: Iterable[str]) -> dict[str, History]:
        """Read the orders from the event store as of now: one entry per id, empty for an unknown order.

        Raises NoCommitError for an item that is no commit.
        """
        streams = {order_stream(order_id): order_id for order_id in order_ids}
        found: dict[str, list[Commit]] = {stream: [] for stream in streams}
        for item in read_orders(self._dynamodb, self._deployment, streams):
            commit = read_commit(item)
            found[commit.stream_id].append(commit)
        return {
            order_id: History(order_id, tuple(sorted(found[stream], key=lambda commit: commit.version)))
            for stream, order_id in streams.items()
        }

    def grown(self, histories: Iterable[History]) -> list[History]:
        """Read of each order only the commits after those that are known; return the orders that have such.

        Raises NoCommitError for an item that is no commit.
        """
        known = {order_stream(history.order_id): history for history in histories}
        newer: dict[str, dict[int, Commit]] = {}
        items = read_newer(
            self._dynamodb, self._deployment, {stream: len(history.commits) for stream, history in known.items()}
        )
        for commit in map(read_commit, items):
            newer.setdefault(commit.stream_id, {})[commit.version] = commit
        return [known[stream].followed_by(commits) for stream, commits in newer.items()]

    def update(self, histories: dict[str, History], until: Until = is_concluded) -> None:
        """Read the orders again that are not so far yet."""
        histories |= self.histories(order_id for order_id, history in histories.items() if not until(history))

    def wait(
        self,
        order_ids: Iterable[str],
        timeout_seconds: float,
        on_progress: Callable[[Mapping[str, History]], None] = lambda _: None,
        until: Until = is_concluded,
    ) -> dict[str, History]:
        """Poll until every order is so far, or the time is up; `on_progress` sees all each time."""
        deadline = time.monotonic() + timeout_seconds
        histories = {order_id: History(order_id, ()) for order_id in order_ids}
        while True:
            self.update(histories, until)
            on_progress(histories)
            if all(map(until, histories.values())) or time.monotonic() > deadline:
                return histories
            time.sleep(_POLL_SECONDS)

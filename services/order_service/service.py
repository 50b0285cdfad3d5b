"""The order service's use cases, each for a batch of orders: place, conclude, expire."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from services.libs.observability.structured_logging import logger
from services.libs.store.event_store import ContentionError, EventStore
from services.libs.store.group_writer import GroupWriter, Outcome
from services.libs.store.inventory_table import InventoryTable
from services.order_service.domain import (
    NotDueError,
    PlacedOrder,
    conclude,
    content_hash,
    decide_all,
    expire,
)
from services.shared.causes import Cause
from services.shared.commits import Commit, order_id_of, order_stream
from services.shared.faults import SecondsLeft, no_hurry
from services.shared.inventory import StockItem
from services.shared.order_lifecycle import DECISION, SETTLEMENT
from services.shared.rejections import RejectedError, RejectionReason

Placed = tuple[PlacedOrder, Cause]


class OrderService:
    def __init__(self, store: EventStore, inventory: InventoryTable, payment_timeout: timedelta) -> None:
        self._store = store
        self._writer = GroupWriter(store)
        self._inventory = inventory
        self._payment_timeout = payment_timeout

    def place_all(self, placed: Sequence[Placed], seconds_left: SecondsLeft = no_hurry) -> list[Exception | None]:
        """Decide the orders in turn; a second delivery of an order changes nothing.

        Return one outcome per order, in the same order: None, or why it failed.
        """
        firsts: dict[str, Placed] = {}
        for order, cause in placed:
            firsts.setdefault(order.stream_id, (order, cause))

        def decided(inventory: Mapping[str, StockItem], done: Collection[str]) -> dict[str, Outcome]:
            left = [one for stream, one in firsts.items() if stream not in done]
            commits = decide_all(left, inventory, self._payment_timeout)
            return {order.stream_id: commit for (order, _), commit in zip(left, commits, strict=True)}

        inventory = self._inventory.read({sku for order, _ in firsts.values() for sku in order.quantities})
        outcomes = self._writer.write(decided, inventory, seconds_left)
        return [_placed(order, firsts[order.stream_id][0], outcomes[order.stream_id]) for order, _ in placed]

    def conclude_all(self, settled: Sequence[tuple[str, Cause]]) -> list[Exception | None]:
        """Confirm or cancel each order from its settlement: the event is a hint, the store is the truth.

        Return one outcome per order, in the same order: None, or why it failed.
        """
        causes: dict[str, Cause] = {}
        for order_id, cause in settled:
            causes.setdefault(order_stream(order_id), cause)
        histories = self._store.read_versions(list(causes), [SETTLEMENT])
        concluded = [conclude(history[0], causes[stream]) for stream, history in histories.items()]
        failures = self._store.insert_all([commit for commit in concluded if commit])
        return [
            failures.get(order_stream(order_id)) if order_stream(order_id) in histories else _not_settled()
            for order_id, _ in settled
        ]

    def expire_all(
        self, stream_ids: Sequence[str], now: datetime, seconds_left: SecondsLeft = no_hurry
    ) -> dict[str, Exception]:
        """Cancel the orders whose payment is overdue, unless it is settled; return the failures by stream."""
        open_still = self._store.without_version(stream_ids, SETTLEMENT)
        failures: dict[str, Exception] = {}
        histories = self._decisions(open_still, failures)
        reserved = {stream: decided for stream, (decided,) in histories.items() if decided.due_at}

        def expired(_: Mapping[str, StockItem], done: Collection[str]) -> dict[str, Outcome]:
            return {stream: _expired(decided, now) for stream, decided in reserved.items() if stream not in done}

        outcomes = self._writer.write(expired, seconds_left=seconds_left)
        failures |= {stream: outcome for stream, outcome in outcomes.items() if isinstance(outcome, Exception)}
        if failures:
            order_ids = [order_id_of(stream) for stream in failures]
            logger.warning("orders could not be expired", extra={"order_ids": order_ids})
        if ended := [order_id_of(stream) for stream in outcomes if stream not in failures]:
            logger.info("orders expired, or settled at the last moment", extra={"order_ids": ended})
        return failures

    def _decisions(self, streams: Sequence[str], failures: dict[str, Exception]) -> dict[str, tuple[Commit, ...]]:
        """Read the first commits; one that cannot be read is a failure, and the others are read all the same."""
        try:
            return self._store.read_versions(streams, [DECISION])
        except (KeyError, TypeError, ValueError) as unreadable:
            if len(streams) == 1:
                failures[streams[0]] = unreadable
                return {}
        # Read each alone, to find the one that cannot be read.
        return {stream: read for one in streams for stream, read in self._decisions([one], failures).items()}


def _placed(order: PlacedOrder, first: PlacedOrder, outcome: Outcome) -> Exception | None:
    """`first` is the first order of the batch that has this id."""
    if isinstance(outcome, Exception):
        # The error is about the other content: retry this one, which is then decided by itself.
        same = order.content_hash == first.content_hash
        return outcome if same else ContentionError("another order of this id failed before it")
    if content_hash(outcome) == order.content_hash:
        return None
    return RejectedError(RejectionReason.CONFLICT, "orderId: taken by an order with other content")


def _expired(decided: Commit, now: datetime) -> Outcome:
    try:
        return expire(decided, now)
    except NotDueError as error:
        return error


def _not_settled() -> RejectedError:
    return RejectedError(RejectionReason.PAYMENT_NOT_SETTLED, "the order has no settled payment")

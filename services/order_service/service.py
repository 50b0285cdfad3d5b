"""The order service's use cases: place orders, and conclude those whose payment is settled; a batch of them at once."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from services.libs.event_store import (
    ContentionError,
    EventStore,
    GroupRefusedError,
    TransactionFaultError,
    first_group,
)
from services.libs.inventory_table import InventoryTable
from services.order_service.domain import MixedCurrenciesError, PlacedOrder, after, conclude, decide_all
from services.shared.commits import Cause, Commit, order_id_of, order_stream
from services.shared.faults import RESERVE_SECONDS, OutOfTimeError, SecondsLeft, no_hurry
from services.shared.inventory import StockItem
from services.shared.rejections import RejectedError, RejectionReason

_DECISIONS = 5

Placed = tuple[PlacedOrder, Cause]
_Standing = dict[str, Commit | Exception]
"""What stands as version 1, ours or another's, or why there is none; by order id."""


class OrderService:
    def __init__(self, store: EventStore, inventory: InventoryTable, payment_timeout: timedelta) -> None:
        self._store = store
        self._inventory = inventory
        self._payment_timeout = payment_timeout

    def place_all(self, placed: Sequence[Placed], seconds_left: SecondsLeft = no_hurry) -> list[Exception | None]:
        """Write version 1 of each order, as if they came one after the other; a second delivery of one does nothing.

        Give for each, in this order, None or why it failed.
        """
        firsts: dict[str, Placed] = {}
        for order, cause in placed:
            firsts.setdefault(order.order_id, (order, cause))
        standing = self._write(list(firsts.values()), seconds_left)
        return [_outcome(order, firsts[order.order_id][0], standing[order.order_id]) for order, _ in placed]

    def conclude_all(self, settled: Sequence[tuple[str, Cause]]) -> list[Exception | None]:
        """Write version 3 of each order from its version 2: the event is a hint, the store is the truth.

        Give for each, in this order, None or why it failed.
        """
        causes: dict[str, Cause] = {}
        for order_id, cause in settled:
            causes.setdefault(order_stream(order_id), cause)
        histories = self._store.read_versions(list(causes), [2])
        concluded = [conclude(history[0], causes[stream]) for stream, history in histories.items()]
        failures = self._store.insert_all([commit for commit in concluded if commit])
        return [
            failures.get(order_stream(order_id)) if order_stream(order_id) in histories else _not_settled()
            for order_id, _ in settled
        ]

    def _write(self, placed: Sequence[Placed], seconds_left: SecondsLeft) -> _Standing:
        """Write a group, and decide all that is left again: what failed has taken nothing from those after it."""
        standing: _Standing = {}
        inventory = self._inventory.read({sku for order, _ in placed for sku in order.quantities})
        refusals, most = 0, len(placed)
        while commits := self._decide(placed, inventory, standing):
            if seconds_left() < RESERVE_SECONDS:
                return standing | _all(commits, OutOfTimeError(), standing)
            group = first_group(commits)[:most]
            try:
                self._store.append_group(group)
            except GroupRefusedError as refused:
                # Somebody was faster.
                standing |= {order_id_of(stream): existing for stream, existing in refused.taken.items()}
                inventory = _with(inventory, refused.found)
                refusals += bool(refused.found)
                if refusals == _DECISIONS:
                    contention = ContentionError(f"the stock changed under {_DECISIONS} decisions")
                    standing |= _all(group, contention, standing)
                    refusals = 0
            except TransactionFaultError as fault:
                # Which of them is at fault shows when each is written by itself.
                most = 1
                standing |= _all(group, fault, standing) if len(group) == 1 else {}
            except ContentionError as fault:
                standing |= _all(group, fault, standing)
            else:
                standing |= {order_id_of(commit.stream_id): commit for commit in group}
                inventory, refusals = after(inventory, group), 0
        return standing

    def _decide(
        self, placed: Sequence[Placed], inventory: Mapping[str, StockItem], standing: _Standing
    ) -> Sequence[Commit]:
        """Decide all that do not stand yet; an order of more than one currency stands as what it is."""
        commits = []
        left = [one for one in placed if one[0].order_id not in standing]
        for (order, _), decided in zip(left, decide_all(left, inventory, self._payment_timeout), strict=True):
            if isinstance(decided, MixedCurrenciesError):
                standing[order.order_id] = self._mixed(order, decided)
            else:
                commits.append(decided)
        return commits

    def _mixed(self, order: PlacedOrder, mixed: MixedCurrenciesError) -> Commit | Exception:
        # The prices of an order that was accepted are frozen: for its repetitions a later currency says nothing.
        detail = f"items: priced in more than one currency ({mixed})"
        stream = order_stream(order.order_id)
        existing = self._store.read_versions([stream], [1])
        return existing[stream][0] if existing else RejectedError(RejectionReason.MIXED_CURRENCIES, detail)


def _with(inventory: Mapping[str, StockItem], found: Mapping[str, StockItem | None]) -> dict[str, StockItem]:
    return {sku: item for sku, item in {**inventory, **found}.items() if item}


def _all(group: Sequence[Commit], fault: Exception, standing: _Standing) -> _Standing:
    """The fault for each of the group that does not stand yet."""
    ids = (order_id_of(commit.stream_id) for commit in group)
    return {order_id: fault for order_id in ids if order_id not in standing}


def _outcome(order: PlacedOrder, first: PlacedOrder, standing: Commit | Exception) -> Exception | None:
    """`first` is the first order of the batch that has this id."""
    if isinstance(standing, Exception):
        # What the first is rejected for says nothing of another content: it comes again, and is first then.
        same = order.content_hash == first.content_hash
        return standing if same else ContentionError("another order of this id failed before it")
    if standing.body.get("contentHash") == order.content_hash:
        return None
    return RejectedError(RejectionReason.CONFLICT, "orderId: taken by an order with other content")


def _not_settled() -> RejectedError:
    return RejectedError(RejectionReason.PAYMENT_NOT_SETTLED, "the order has no settled payment")

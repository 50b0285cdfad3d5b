"""Derive stock, orders, money and counters from the event store alone, and compare them with the tables."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING

from rich.progress import Progress

from scripts.cli.progress import show_progress
from scripts.deploy.deployment import Deployment
from scripts.ledger.audit.charges import charge_differences
from scripts.ledger.audit.counters import counter_differences, read_counters
from scripts.ledger.audit.customers import check_customers, difference_of
from scripts.ledger.audit.findings import Audit, Difference
from scripts.ledger.audit.growing_log import GrowingLog, longest_request
from scripts.ledger.audit.parcels import Parcels
from scripts.ledger.audit.stock import impossible_quantities, stock_differences
from scripts.ledger.audit.streams import StreamCheck, check_stream, is_order
from scripts.ledger.checkouts import USUALLY_DECIDED_AFTER, WHERE_IT_IS, checkouts_in, undecided
from scripts.ledger.customers import CustomerFlaw, CustomerKeyStates
from scripts.ledger.deadlines import Deadline, Deadlines
from scripts.ledger.gateway_ledger import read_entries, read_gateway
from scripts.ledger.log_reader import histories, read_stream, readable_commits, scan
from services.libs.store.dynamodb_items import Item, batch_get, to_item
from services.libs.store.event_store import EventStore
from services.libs.store.ledger_counters import LedgerCounters
from services.shared.causes import timestamp
from services.shared.commits import Commit, order_id_of

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_STREAMS_AT_ONCE = 100
_COMPARISONS = 5
_PAUSE_SECONDS = 2.0


@dataclass(slots=True)
class _Reading:
    """An audit under way."""

    audit: Audit
    log: GrowingLog
    parcels: Parcels
    due: dict[str, list[Deadline]] = field(default_factory=dict)
    """By stream, the deadlines that are still to come."""
    overdue: dict[str, list[Deadline]] = field(default_factory=dict)
    waiting_for_fulfilment: set[str] = field(default_factory=set)
    flaws: dict[str, CustomerFlaw] = field(default_factory=dict)
    """By stream."""

    def note(self, check: StreamCheck) -> None:
        """Take in the result for a stream, also instead of an earlier one."""
        stream_id = check.stream_id
        if check.differences:
            self.audit.by_stream[stream_id] = check.differences
        for known, deadlines in ((self.due, check.due), (self.overdue, check.overdue)):
            known.pop(stream_id, None)
            if deadlines:
                known[stream_id] = deadlines
        self.waiting_for_fulfilment.discard(stream_id)
        if check.waits_for_fulfilment:
            self.waiting_for_fulfilment.add(stream_id)
        self.flaws.pop(stream_id, None)
        if check.flaw:
            self.flaws[stream_id] = check.flaw


class Auditor:
    def __init__(
        self,
        client: "DynamoDBClient",
        deployment: Deployment,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._deployment = deployment
        self._counters = LedgerCounters(client, deployment.tables.metrics)
        self._deadlines = Deadlines(client, deployment)
        self._keys = CustomerKeyStates(client, deployment)
        self._store = EventStore(client, deployment.store_tables)
        self._clock = clock
        self._sleep = sleep

    def audit(self, shown: Progress | None = None) -> Audit:
        """Compare everything, and differing or moving parts again: no reading of a live system is a snapshot.

        The event store is read as a whole once. A SKU that agrees once is right; one that differs is reported if it
        differs again.
        """
        reading = self._read(shown or Progress(disable=True))
        audit = reading.audit
        if audit.by_stream or audit.by_sku or audit.moving:
            self._sleep(_PAUSE_SECONDS)
        if audit.by_stream:
            self._check_streams_again(reading)
        unconfirmed = audit.moving | audit.by_sku.keys()
        for remaining in reversed(range(_COMPARISONS - 1)):
            if not unconfirmed:
                break
            unconfirmed = self._compare_stock_again(reading, unconfirmed)
            if unconfirmed and remaining:
                self._sleep(_PAUSE_SECONDS)
        audit.commits, audit.orders = reading.log.commits, reading.log.orders
        return audit

    def compare_once(self, shown: Progress | None = None) -> Audit:
        """Read every table once, and compare: enough while nobody writes."""
        return self._read(shown or Progress(disable=True)).audit

    def _read(self, shown: Progress) -> _Reading:
        log = GrowingLog(self._client, self._deployment, self._clock)
        stock, counters = self._stock(), read_counters(self._counters)
        audit = Audit(stock, log.ledger, log.unreadable)
        parcels = Parcels(self._client, self._deployment, log.recent)
        reading = _Reading(audit, log, parcels)
        items = show_progress(shown, "commits read", scan(self._client, self._deployment.tables.event_store))
        streams = histories(readable_commits(items, log.unreadable))
        while some := list(islice(streams, _STREAMS_AT_ONCE)):
            self._check_streams(reading, some)
        self._find_missing_deadlines(reading)
        audit.final += parcels.differences()
        flaws = list(self._keys.flaws(self._clock()))
        audit.final += map(difference_of, flaws)
        audit.customer_flaws = list(dict.fromkeys([*reading.flaws.values(), *flaws]))
        entries = show_progress(shown, "charges read", read_gateway(self._client, self._deployment))
        while entries_read := list(islice(entries, _STREAMS_AT_ONCE)):
            audit.final += charge_differences(self._client, self._deployment, entries_read)
            audit.charges += len(entries_read)
        stock_after, counters_after = self._stock(), read_counters(self._counters)
        _compare_stock(audit, audit.ledger.skus.keys() | stock.keys() | stock_after.keys(), stock_after)
        audit.final += counter_differences(audit.ledger, counters, counters_after)
        audit.counters_moved = counters != counters_after and not isinstance(counters, Exception)
        audit.commits, audit.orders, audit.parcels = log.commits, log.orders, parcels.count
        return reading

    def _check_streams(self, reading: _Reading, streams: Sequence[Sequence[Commit]]) -> None:
        for history, check in zip(streams, self._checks(streams), strict=True):
            reading.log.add(history, check.state)
            reading.parcels.add(history)
            reading.note(check)
        reading.audit.final += self._undecided_checkouts(chain.from_iterable(streams))

    def _undecided_checkouts(self, commits: Iterable[Commit]) -> Iterator[Difference]:
        usual = self._clock() - USUALLY_DECIDED_AFTER
        old = (checkout for checkout in checkouts_in(commits) if checkout.at < usual)
        for checkout in undecided(self._store, old):
            expected = f"a decision, as it was checked out {timestamp(checkout.at)}"
            yield Difference("checkout", checkout.order_id, expected, f"none: {WHERE_IT_IS}")

    def _check_streams_again(self, reading: _Reading) -> None:
        """Drop the differences that a second reading of the stream does not confirm."""
        suspected, reading.audit.by_stream = reading.audit.by_stream, {}
        items = (item for stream_id in suspected for item in read_stream(self._client, self._deployment, stream_id))
        streams = histories(readable_commits(items, []))
        while some := list(islice(streams, _STREAMS_AT_ONCE)):
            for check in self._checks(some):
                reading.note(check)
        self._find_missing_deadlines(reading)
        for stream_id, found in reading.audit.by_stream.items():
            found[:] = [difference for difference in found if difference in suspected.get(stream_id, ())]

    def _checks(self, streams: Sequence[Sequence[Commit]]) -> list[StreamCheck]:
        orders = [order_id_of(history[0].stream_id) for history in streams if is_order(history[0].stream_id)]
        # Read after the histories, so an entry is never older than the commits that it is compared with.
        entries = read_entries(self._client, self._deployment, orders)
        now = self._clock()
        checks = [check_stream(history, entries.get(order_id_of(history[0].stream_id)), now) for history in streams]
        check_customers(checks, streams, self._keys, now, longest_request(self._deployment))
        return checks

    def _find_missing_deadlines(self, reading: _Reading) -> None:
        due = chain.from_iterable(reading.due.values())
        missing = self._deadlines.missing(due, self._clock())
        for stream_id, due_at in missing:
            difference = Difference("deadline", stream_id, f"to be told of by {timestamp(due_at)}", "in no group")
            reading.audit.by_stream.setdefault(stream_id, []).append(difference)
        reading.audit.missing_deadlines = [*chain.from_iterable(reading.overdue.values()), *missing]
        reading.audit.waiting_for_fulfilment = reading.waiting_for_fulfilment

    def _compare_stock_again(self, reading: _Reading, skus: set[str]) -> set[str]:
        """Compare these SKUs with the log as it is now; return the SKUs that neither agree nor have differed twice."""
        audit = reading.audit
        suspected = set(audit.by_sku)
        audit.stock |= (before := self._items(skus))
        for gone in skus - before.keys():
            audit.stock.pop(gone, None)
        reading.log.catch_up(skus)
        _compare_stock(audit, skus, self._items(skus))
        return {sku for sku in skus if sku in audit.moving or (sku in audit.by_sku and sku not in suspected)}

    def _stock(self) -> dict[str, Item]:
        return _by_sku(scan(self._client, self._deployment.tables.inventory))

    def _items(self, skus: Iterable[str]) -> dict[str, Item]:
        keys = [to_item({"item_id": sku}) for sku in skus]
        return _by_sku(batch_get(self._client, self._deployment.tables.inventory, keys))


def _by_sku(items: Iterable[Item]) -> dict[str, Item]:
    return {item["item_id"]["S"]: item for item in items}


def _compare_stock(audit: Audit, skus: Iterable[str], after: dict[str, Item]) -> None:
    """Compare the SKUs that were the same before and after the log was read.

    A SKU that moves keeps the differences that it had, and is checked for impossible quantities.
    """
    for sku in sorted(skus):
        if audit.stock.get(sku) != after.get(sku):
            audit.moving.add(sku)
            if sku in after and (impossible := list(impossible_quantities(sku, after[sku]))):
                audit.by_sku[sku] = impossible
            continue
        audit.moving.discard(sku)
        differences = list(stock_differences(audit.ledger, sku, after.get(sku)))
        if differences:
            audit.by_sku[sku] = differences
        else:
            audit.by_sku.pop(sku, None)

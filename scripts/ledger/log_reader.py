"""Read the event store, and derive stock, orders, money and counters from it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain, groupby
from typing import TYPE_CHECKING

from pydantic import ValidationError

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from services.libs.store.commit_items import commit_from_item
from services.libs.store.dynamodb_items import Item, batch_get, to_item
from services.libs.store.inventory_table import stock_item
from services.shared.commits import Commit
from services.shared.counters import counter_increments
from services.shared.events import every
from services.shared.events.event import Event
from services.shared.events.order import (
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderShipped,
    ReturnReceived,
)
from services.shared.events.payment import PaymentProcessed, RefundMode, RefundProcessed, RefundRequested
from services.shared.inventory import Product, StockItem
from services.shared.validation_errors import causes

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

EVENTS = every.MODULES
"""Imported, so that the log can be read: it has events of every context."""
LONGEST_FUNCTION = timedelta(minutes=15)
"""Lambda's limit. A commit bears the time at which a function took up its message: it may be written so much later."""
# No deadline is so far from its commit. A tool adds shorter waits to the times of a commit.
_LONGEST_WAIT = timedelta(days=366)
# The way to an order's confirmation, and one more.
_VERSIONS_AT_ONCE = 4
_SHOWN = 10


@dataclass(slots=True)
class SkuTotals:
    """Units of one SKU over its life: seeded, sold, and reserved for orders that wait for their payment.

    Sold units left with a payment, and are not back in stock; a unit that is lost or unfit for sale stays sold.
    """

    seeded: int = 0
    sold: int = 0
    reserved: int = 0
    product: Product | None = None
    """As the last seeding named and priced it."""

    @property
    def stock(self) -> int:
        return self.seeded - self.sold

    @property
    def available(self) -> int:
        return self.stock - self.reserved

    @property
    def least(self) -> int:
        """The lowest of the quantities, of which none may be below 0."""
        return min(self.stock, self.reserved, self.available)

    def stock_item(self, sku: str) -> StockItem:
        """The item that the inventory must hold; raise UserError where the log never named or priced the SKU."""
        if self.product is None:
            raise UserError(f"{sku}: the log moves its stock and never named or priced it, so it cannot be written")
        return StockItem(sku, self.product, self.stock, self.reserved, self.available)


@dataclass(slots=True)
class Ledger:
    skus: dict[str, SkuTotals] = field(default_factory=dict)
    confirmed: int = 0
    """Orders, as are those shipped and delivered. An order that is cancelled later counts all the same."""
    shipped: int = 0
    delivered: int = 0
    returned: int = 0
    """Returns of which something came back."""
    cancelled: Counter[str] = field(default_factory=Counter)
    """Orders by reason."""
    revenue_minor: Counter[str] = field(default_factory=Counter)
    """What payments took, less what is to be given back of it, by currency. A failed refund is still to be made."""
    refunded_minor: Counter[str] = field(default_factory=Counter)
    """What was given back, by currency, also of payments that were called off before they were revenue."""
    counters: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, commits: Iterable[Commit]) -> "Ledger":
        ledger = cls()
        for commit in commits:
            ledger.add(commit)
        return ledger

    def add(self, commit: Commit) -> None:
        for change in commit.stock_changes():
            totals = self.skus.setdefault(change.sku, SkuTotals())
            totals.reserved += change.reserved
            if change.product:
                totals.seeded += change.stock
                totals.product = change.product.over(totals.product)
            else:
                totals.sold -= change.stock
        self.counters.update(counter_increments(commit))
        for event in commit.events:
            self._add_step(event)
            self._add_money(event)

    def _add_step(self, event: Event) -> None:
        match event:
            case OrderConfirmed():
                self.confirmed += 1
            case OrderShipped():
                self.shipped += 1
            case OrderDelivered():
                self.delivered += 1
            case ReturnReceived():
                self.returned += bool(event.lines)
            case OrderCancelled():
                self.cancelled[event.reason] += 1
            case _:
                pass

    def _add_money(self, event: Event) -> None:
        match event:
            case PaymentProcessed():
                self.revenue_minor[event.currency] += event.amount_minor
            case RefundRequested(mode=RefundMode.REFUND, retry_of=None):
                self.revenue_minor[event.currency] -= event.amount_minor
            case RefundProcessed():
                self.refunded_minor[event.currency] += event.refunded_minor
            case _:
                pass


class NoCommitError(UserError):
    """An item of the event store is no commit, or lacks a field that its events need."""

    def __init__(self, item: Item, reason: Exception) -> None:
        parts = (item.get(name, {}).values() for name in ("stream_id", "version"))
        self.key = " version ".join(str(value) for part in parts for value in part)
        self.reason = _in_words(reason)
        super().__init__(f"{self.key} is no commit: {self.reason}")


def _in_words(reason: Exception) -> str:
    if isinstance(reason, ValidationError):
        return "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in causes(reason))
    if isinstance(reason, KeyError):
        return f"{reason.args[0]} is missing"
    return str(reason)


def named_briefly(unreadable: Sequence[NoCommitError]) -> str:
    """Name the first items that are no commits, a line each; empty where there are none."""
    more = [f"and {len(unreadable) - _SHOWN:,} more"] if len(unreadable) > _SHOWN else []
    return "\n".join([*map(str, unreadable[:_SHOWN]), *more])


def read_commit(item: Item) -> Commit:
    """Read a commit from which stock, money and counters can be derived; raise NoCommitError for any other item."""
    try:
        commit = commit_from_item(item)
        _check_times(commit)
        Ledger.of([commit])
    except (LookupError, TypeError, ValueError) as error:
        raise NoCommitError(item, error) from error
    return commit


def _check_times(commit: Commit) -> None:
    """Raise ValueError for times that no service writes: tools could not calculate with them."""
    try:
        first, last = commit.cause.at - _LONGEST_WAIT, commit.cause.at + _LONGEST_WAIT
    except OverflowError as error:
        raise ValueError("committed_at is out of range") from error
    if commit.due_at and not first <= commit.due_at <= last:
        raise ValueError("due_at is more than a year from committed_at")


def readable_commits(items: Iterable[Item], unreadable: list[NoCommitError]) -> Iterator[Commit]:
    """Read the commits; append the items that are none to `unreadable`."""
    for item in items:
        try:
            yield read_commit(item)
        except NoCommitError as error:
            unreadable.append(error)


def read_commits(client: "DynamoDBClient", deployment: Deployment, unreadable: list[NoCommitError]) -> Iterator[Commit]:
    """Read the whole log: stream after stream, as a scan finds them, each with its oldest commit first.

    Items that are no commits are appended to `unreadable`.
    """
    items = scan(client, deployment.tables.event_store)
    return chain.from_iterable(histories(readable_commits(items, unreadable)))


def read_stream(client: "DynamoDBClient", deployment: Deployment, stream_id: str) -> Iterator[Item]:
    """Read all items of a stream as of now, the oldest first, commits or not."""
    pages = client.get_paginator("query").paginate(
        TableName=deployment.tables.event_store,
        KeyConditionExpression="stream_id = :stream_id",
        ExpressionAttributeValues=to_item({":stream_id": stream_id}),
        ConsistentRead=True,
    )
    return (item for page in pages for item in page["Items"])


def read_orders(client: "DynamoDBClient", deployment: Deployment, streams: Iterable[str]) -> Iterator[Item]:
    """Read all versions of each stream, as of now and in no order: they have no gaps."""
    return read_newer(client, deployment, dict.fromkeys(streams, 0), at_once=_VERSIONS_AT_ONCE)


def read_beginnings(client: "DynamoDBClient", deployment: Deployment, streams: Iterable[str]) -> Iterator[Item]:
    """Read the first few versions of each stream, as of now and in no order."""
    versions = range(1, _VERSIONS_AT_ONCE + 1)
    keys = [to_item({"stream_id": stream_id, "version": version}) for stream_id in streams for version in versions]
    return batch_get(client, deployment.tables.event_store, keys)


def read_newer(
    client: "DynamoDBClient", deployment: Deployment, known: Mapping[str, int], at_once: int = 1
) -> Iterator[Item]:
    """Read the versions of each stream after the one that is known, as of now and in no order: they have no gaps.

    `at_once` of each stream are asked for first: one where most streams have not grown.
    """
    left = dict(known)
    while left:
        last = {stream_id: version + at_once for stream_id, version in left.items()}
        keys = [
            to_item({"stream_id": stream_id, "version": version})
            for stream_id, before in left.items()
            for version in range(before + 1, last[stream_id] + 1)
        ]
        left = {}
        for item in batch_get(client, deployment.tables.event_store, keys):
            yield item
            stream_id, version = item["stream_id"]["S"], int(item["version"]["N"])
            if version == last[stream_id]:
                left[stream_id] = version
        at_once = _VERSIONS_AT_ONCE


def histories(commits: Iterable[Commit]) -> Iterator[tuple[Commit, ...]]:
    """Group commits by stream, the oldest first; a scan finds the commits of a stream side by side."""
    for _, stream in groupby(commits, key=lambda commit: commit.stream_id):
        # The embedded AWS sorts numbers as texts here, 10 before 2.
        yield tuple(sorted(stream, key=lambda commit: commit.version))


def read_inventory(client: "DynamoDBClient", deployment: Deployment) -> list[StockItem]:
    """Raise UserError for an item that cannot be read."""
    items = map(_read_stock_item, scan(client, deployment.tables.inventory))
    return sorted(items, key=lambda item: item.sku)


def _read_stock_item(item: Item) -> StockItem:
    try:
        return stock_item(item)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{item['item_id']['S']} cannot be read in the inventory: {error!r}; `invoke audit` shows the right values"
        ) from error


def scan(client: "DynamoDBClient", table: str) -> Iterator[Item]:
    """Read every item of a table, as of now, page after page."""
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    for page in pages:
        yield from page["Items"]

"""Fold the event store's commits into what the inventory, the orders and the money must be."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import TYPE_CHECKING

from pydantic import ValidationError

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from services.libs.store.commit_items import commit_from_item
from services.libs.store.dynamodb_items import Item, batch_get, from_item, to_item
from services.libs.store.inventory_table import stock_item
from services.shared.commits import Commit
from services.shared.counters import counter_increments
from services.shared.events import every
from services.shared.events.order import OrderCancelled, OrderConfirmed
from services.shared.inventory import Product, StockItem
from services.shared.json_types import JsonObject, integer, text

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

UNREADABLE = "unreadable"
EVENTS = every.MODULES
"""Imported, so that the log can be read: it has events of every context."""
# An order's whole life, for most orders.
_VERSIONS_AT_ONCE = 4


@dataclass(slots=True)
class SkuTotals:
    """Units over the life of one SKU: put in by seeding, sold, and held for orders that wait for their payment."""

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
        """What the inventory must hold of the SKU; raise UserError where the log does not say."""
        if self.product is None:
            raise UserError(f"{sku}: the log moves its stock and never named or priced it, so it cannot be written")
        return StockItem(sku, self.product, self.stock, self.reserved, self.available)


@dataclass(slots=True)
class Ledger:
    skus: dict[str, SkuTotals] = field(default_factory=dict)
    confirmed: int = 0
    confirmed_minor: int = 0
    cancelled: Counter[str] = field(default_factory=Counter)
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
                totals.product = change.product
            else:
                totals.sold -= change.stock
        self.counters.update(counter_increments(commit))
        if confirmed := commit.find(OrderConfirmed):
            self.confirmed += 1
            self.confirmed_minor += confirmed.amount_minor
        if cancelled := commit.find(OrderCancelled):
            self.cancelled[cancelled.reason] += 1


class NoCommitError(UserError):
    """An item of the event store is no commit, or one that lacks what its events say."""

    def __init__(self, item: Item, reason: Exception) -> None:
        parts = (item.get(name, {}).values() for name in ("stream_id", "version"))
        self.key = " version ".join(str(value) for part in parts for value in part)
        self.reason = _problems(reason) if isinstance(reason, ValidationError) else repr(reason)
        super().__init__(f"{self.key} is no commit: {self.reason}")


def _problems(invalid: ValidationError) -> str:
    """Say it in a line."""
    return "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in invalid.errors())


def read_commit(item: Item) -> Commit:
    """Read it so that whatever is said of a commit can be said of this one; raise NoCommitError where it cannot."""
    try:
        commit = commit_from_item(item)
        Ledger.of([commit])
    except (KeyError, TypeError, ValueError) as error:
        raise NoCommitError(item, error) from error
    return commit


def readable_commits(items: Iterable[Item], unreadable: list[NoCommitError]) -> Iterator[Commit]:
    """Read the commits, and collect what is none."""
    for item in items:
        try:
            yield read_commit(item)
        except NoCommitError as error:
            unreadable.append(error)


def read_commits(client: "DynamoDBClient", deployment: Deployment) -> Iterator[Commit]:
    """Read the whole log: stream after stream, as a scan finds them, each with its oldest commit first."""
    return chain.from_iterable(histories(map(read_commit, scan(client, deployment.tables.event_store))))


def read_orders(client: "DynamoDBClient", deployment: Deployment, streams: Iterable[str]) -> Iterator[Item]:
    """Read all versions of each stream, as of now and in no order, some at a time: they have no gaps."""
    left, first = list(streams), 1
    while left:
        versions = range(first, first + _VERSIONS_AT_ONCE)
        keys = [to_item({"stream_id": stream_id, "version": version}) for stream_id in left for version in versions]
        left = []
        for item in batch_get(client, deployment.tables.event_store, keys):
            yield item
            if int(item["version"]["N"]) == versions[-1]:
                left.append(item["stream_id"]["S"])
        first += _VERSIONS_AT_ONCE


def histories(commits: Iterable[Commit]) -> Iterator[tuple[Commit, ...]]:
    """Take commits as a scan finds them, those of a stream side by side; give each stream, its oldest commit first."""
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
            f"{item['item_id']['S']} cannot be read in the inventory: {error!r}; `invoke audit` says what it must be"
        ) from error


def read_gateway(client: "DynamoDBClient", deployment: Deployment) -> Iterator[JsonObject]:
    """Read the simulated gateway's own ledger, an entry an order."""
    return map(gateway_entry, scan(client, deployment.tables.simulated_gateway))


def gateway_entry(item: Item) -> JsonObject:
    """Read an entry; one that cannot be read has the status `unreadable`."""
    try:
        entry = from_item(item)
        text(entry, "status")
    except (KeyError, TypeError, ValueError):
        return {"order_id": item["order_id"]["S"], "status": UNREADABLE}
    return entry


@dataclass(frozen=True, slots=True)
class Charges:
    """What the simulated gateway took and has not given back."""

    count: int
    amount_minor: int


def read_charges(client: "DynamoDBClient", deployment: Deployment) -> Charges:
    amounts = [
        integer(entry, "amount_minor") for entry in read_gateway(client, deployment) if entry["status"] == "charged"
    ]
    return Charges(len(amounts), sum(amounts))


def scan(client: "DynamoDBClient", table: str) -> Iterator[Item]:
    """Read every item of a table, as of now, page after page."""
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    for page in pages:
        yield from page["Items"]

"""Re-derive stock, orders, money and counters from the event store alone, and compare with what the tables hold."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from scripts.console import out, table
from scripts.deployment import Deployment
from scripts.errors import UserError
from scripts.ledger import Ledger, SkuTotals, histories, read_commits, read_gateway, read_inventory
from scripts.order_history import history_problems, money_problem
from scripts.target import Target
from services.libs.commit_items import commit_from_item
from services.libs.dynamodb_items import batch_get, from_item, to_item
from services.libs.ledger_counters import LedgerCounters
from services.shared.commits import Commit, order_stream
from services.shared.events import EventType
from services.shared.inventory import Product, StockItem
from services.shared.json_types import JsonObject

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_ORDERS_A_BATCH = 100
_VERSIONS = (1, 2, 3)
_PASSES = 5
_PAUSE_SECONDS = 2.0
_SHOWN = 50
_ORDER_PREFIX = order_stream("")


@dataclass(frozen=True, slots=True)
class Difference:
    """What the log says of a subject, and what was found instead. Two are the same if they are about the same thing."""

    kind: str
    subject: str
    expected: str = field(compare=False)
    found: str = field(compare=False)


@dataclass(slots=True)
class Audit:
    """One pass over everything."""

    ledger: Ledger = field(default_factory=Ledger)
    differences: list[Difference] = field(default_factory=list)
    commits: int = 0
    orders: int = 0
    charges: int = 0
    moving: set[str] = field(default_factory=set)
    """What changed while it was read, and so could not be compared: SKUs, and `counters`."""


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
        self._counters = LedgerCounters(client, deployment.metrics_table_name)
        self._clock = clock
        self._sleep = sleep

    def audit(self, on_progress: Callable[[Audit], None] = lambda _: None) -> Audit:
        """Look again at what differs until it agrees once, or never does: a live system moves while it is read."""
        audit = self._look(on_progress)
        for _ in range(_PASSES - 1):
            if not audit.differences:
                break
            self._sleep(_PAUSE_SECONDS)
            before, audit = set(audit.differences), self._look(on_progress)
            audit.differences = [difference for difference in audit.differences if difference in before]
        return audit

    def _look(self, on_progress: Callable[[Audit], None]) -> Audit:
        audit = Audit()
        stock, counters = self._stock(), self._counters.read()
        streams = histories(read_commits(self._client, self._deployment))
        while batch := {history[0].stream_id: history for history in islice(streams, _ORDERS_A_BATCH)}:
            audit.differences += self._orders(batch, audit)
            on_progress(audit)
        entries = read_gateway(self._client, self._deployment)
        while charges := list(islice(entries, _ORDERS_A_BATCH)):
            audit.differences += self._charges(charges)
            audit.charges += len(charges)
            on_progress(audit)
        # What was written after its stream was read is not in the ledger: only what stood still can be compared.
        stock_after, counters_after = self._stock(), self._counters.read()
        audit.moving = {sku for sku in stock.keys() | stock_after.keys() if stock.get(sku) != stock_after.get(sku)}
        audit.differences += _stock_differences(audit.ledger, stock, audit.moving)
        if counters == counters_after:
            audit.differences += _counter_differences(audit.ledger, counters)
        else:
            audit.moving.add("counters")
        return audit

    def _stock(self) -> dict[str, StockItem]:
        return {item.sku: item for item in read_inventory(self._client, self._deployment)}

    def _orders(self, histories: Mapping[str, Sequence[Commit]], audit: Audit) -> Iterator[Difference]:
        order_ids = [_order_id(stream_id) for stream_id in histories if stream_id.startswith(_ORDER_PREFIX)]
        charges = self._gateway_entries(order_ids)
        for stream_id, history in histories.items():
            audit.commits += len(history)
            for commit in history:
                audit.ledger.add(commit)
            versions = [commit.version for commit in history]
            if versions != list(range(1, len(history) + 1)):
                yield Difference("gap in versions", stream_id, f"1 to {versions[-1]}", f"{versions}")
            elif stream_id.startswith(_ORDER_PREFIX):
                audit.orders += 1
                order_id = _order_id(stream_id)
                for problem in history_problems(history, self._clock()):
                    yield Difference("order", order_id, problem.expected, problem.found)
                if money := money_problem(history, charges.get(order_id, {})):
                    yield Difference("money", order_id, money.expected, money.found)

    def _gateway_entries(self, order_ids: Sequence[str]) -> dict[str, JsonObject]:
        keys = [to_item({"order_id": order_id}) for order_id in order_ids]
        items = batch_get(self._client, self._deployment.simulated_gateway_table_name, keys)
        return {str(entry["order_id"]): entry for entry in map(from_item, items)}

    def _charges(self, entries: Iterable[JsonObject]) -> Iterator[Difference]:
        for entry in charges_without_orders(self._client, self._deployment, entries):
            yield Difference("money", str(entry["order_id"]), "no charge: no such order was accepted", "charged")


def charges_without_orders(
    client: "DynamoDBClient", deployment: Deployment, entries: Iterable[JsonObject]
) -> list[JsonObject]:
    """Which entries took money for an order that was refused, or that the event store does not know.

    Only an order that was accepted has a later version, so one that has lost its first is still known.
    """
    charged = {order_stream(str(entry["order_id"])): entry for entry in entries if entry["status"] == "charged"}
    keys = [to_item({"stream_id": stream_id, "version": version}) for stream_id in charged for version in _VERSIONS]
    commits = map(commit_from_item, batch_get(client, deployment.event_store_table_name, keys))
    accepted = {one.stream_id for one in commits if one.version > 1 or EventType.PAYMENT_REQUESTED in one.events}
    return [entry for stream_id, entry in charged.items() if stream_id not in accepted]


def _order_id(stream_id: str) -> str:
    return stream_id.removeprefix(_ORDER_PREFIX)


def _stock_differences(ledger: Ledger, stock: Mapping[str, StockItem], moving: set[str]) -> Iterator[Difference]:
    for sku in ledger.skus.keys() - moving:
        totals, found = ledger.skus[sku], stock.get(sku)
        expected = _figures(totals, totals.product)
        if totals.least < 0:
            # What the log itself says is wrong: no repair of the inventory mends it.
            yield Difference("log", sku, "nothing below 0", expected)
        if not found:
            yield Difference("stock", sku, expected, "not in the inventory")
        elif expected != _figures(found, found.product):
            yield Difference("stock", sku, expected, _figures(found, found.product))
    for sku in stock.keys() - ledger.skus.keys() - moving:
        yield Difference("stock", sku, "not in the log", "in the inventory")


def _counter_differences(ledger: Ledger, counters: Mapping[str, int]) -> Iterator[Difference]:
    for name in sorted(ledger.counters.keys() | counters.keys()):
        if ledger.counters[name] != counters.get(name, 0):
            yield Difference("counter", name, str(ledger.counters[name]), str(counters.get(name, 0)))


def _figures(quantities: SkuTotals | StockItem, product: Product | None) -> str:
    figures = f"stock {quantities.stock}, reserved {quantities.reserved}, available {quantities.available}"
    return f"{figures}; {product.name}, {product.price_minor} {product.currency}" if product else figures


def run(target: Target, as_of: datetime | None = None) -> None:
    """Print what was audited; raise UserError where a difference stays.

    What was restored to an earlier time is audited as of then: an order that was open is not overdue yet.
    """
    deployment = Deployment.of(target)
    dynamodb = target.client("dynamodb")
    with _progress() as progress:
        task = progress.add_task("")

        def show(audit: Audit) -> None:
            progress.update(task, description=f"{audit.commits:,} commits, {audit.charges:,} charges read")

        audit = Auditor(dynamodb, deployment, clock=lambda: as_of or datetime.now(UTC)).audit(show)
    _print(audit, read_inventory(dynamodb, deployment))
    if audit.differences:
        raise UserError(f"{len(audit.differences)} differences stayed through {_PASSES} looks")


def _progress() -> Progress:
    return Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=out, transient=True)


def _print(audit: Audit, inventory: Sequence[StockItem]) -> None:
    numbers = ("seeded", "sold", "stock", "reserved", "available")
    stock = table("SKU", *numbers, title="Stock, by the log", numbers=numbers)
    for sku, totals in sorted(audit.ledger.skus.items()):
        figures = (totals.seeded, totals.sold, totals.stock, totals.reserved, totals.available)
        stock.add_row(sku, *map(str, figures))
    out.print(stock)
    cancelled = ", ".join(f"{count} {reason}" for reason, count in sorted(audit.ledger.cancelled.items()))
    out.print(
        f"\n{audit.commits:,} commits, {audit.orders:,} orders: {audit.ledger.confirmed:,} confirmed,"
        f" cancelled: {cancelled or 'none'}; {audit.charges:,} entries in the gateway's ledger, {len(inventory)} SKUs"
    )
    if audit.moving:
        moving = ", ".join(sorted(audit.moving))
        out.print(f"[yellow]changed while they were read, and not compared; look when it is quieter: {moving}[/]")
    if not audit.differences:
        out.print("[green]the inventory, the orders, the money and the counters are what the log says[/]")
        return
    differences = table("about", "which", "the log says", "found", title="\nDifferences")
    for difference in audit.differences[:_SHOWN]:
        differences.add_row(difference.kind, difference.subject, difference.expected, difference.found)
    out.print(differences)
    if len(audit.differences) > _SHOWN:
        out.print(f"and {len(audit.differences) - _SHOWN} more")

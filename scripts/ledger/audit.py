"""Re-derive stock, orders, money and counters from the event store alone, and compare with what the tables hold."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import Progress

from scripts.cli.console import out, table
from scripts.cli.errors import UserError
from scripts.cli.progress import counted, counts
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.deadlines import Deadlines
from scripts.ledger.lifecycles import lifecycle_of
from scripts.ledger.log_reader import (
    UNREADABLE,
    Ledger,
    NoCommitError,
    SkuTotals,
    gateway_entry,
    histories,
    read_commit,
    read_gateway,
    read_orders,
    readable_commits,
    scan,
)
from scripts.ledger.order_history import Problem, lateness, money_problems, state_of
from services.libs.store.dynamodb_items import Item, batch_get, to_item
from services.libs.store.inventory_table import stock_item
from services.libs.store.ledger_counters import LedgerCounters, UnreadableCountersError
from services.shared.causes import timestamp
from services.shared.commits import ORDER_PREFIX, Commit, order_id_of, order_stream, sku_stream
from services.shared.events.payment import PaymentRequested
from services.shared.inventory import Product, StockItem
from services.shared.json_types import JsonObject
from services.shared.order_lifecycle import DECISION

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_ORDERS_A_BATCH = 100
_LOOKS = 5
_PAUSE_SECONDS = 2.0
_SHOWN = 50
_COUNTERS = "counters"


@dataclass(frozen=True, slots=True)
class Difference:
    """What the log says of a subject, and what was found instead. Two are the same if they are about the same thing."""

    kind: str
    subject: str
    expected: str = field(compare=False)
    found: str = field(compare=False)

    @property
    def compared(self) -> str:
        """What was compared when it was found: a stream, or the counters."""
        match self.kind:
            case "stock" | "log":
                return sku_stream(self.subject)
            case "order" | "money":
                return order_stream(self.subject)
            case "counter":
                return _COUNTERS
            case _:
                return self.subject


@dataclass(slots=True)
class Audit:
    """What one look, and those before it, found."""

    stock: Mapping[str, Item]
    """The inventory that was compared, by SKU."""
    ledger: Ledger = field(default_factory=Ledger)
    unreadable: list[NoCommitError] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    commits: int = 0
    orders: int = 0
    charges: int = 0
    moving: set[str] = field(default_factory=set)
    """What changed while it was read, and so could not be compared: SKUs' streams, and `counters`."""
    uncompared: set[str] = field(default_factory=set)
    """Of that, what no look before could compare either."""
    due: dict[str, datetime] = field(default_factory=dict)
    """The deadlines that streams wait for."""
    untold: dict[str, datetime] = field(default_factory=dict)
    """Of these, the ones that nobody will tell of: they are missing in the deadline table, or long past."""

    @property
    def unsettled(self) -> set[str]:
        return self.uncompared | {difference.compared for difference in self.differences}

    def settle(self, before: "Audit") -> None:
        """Leave what an earlier look found equal; keep what it found to differ until it is compared again."""
        found = [one for one in self.differences if one.compared in before.unsettled]
        kept = [one for one in before.differences if one.compared in self.moving]
        self.differences = list(dict.fromkeys(found + kept))
        self.uncompared = self.moving & before.uncompared


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
        self._clock = clock
        self._sleep = sleep

    def audit(self, shown: Progress | None = None) -> Audit:
        """Look until all was compared and agrees, or differs again although nothing moved: a look is no snapshot."""
        audit = self.look(shown)
        for _ in range(_LOOKS - 1):
            if not audit.unsettled:
                break
            self._sleep(_PAUSE_SECONDS)
            before, audit = audit, self.look(shown)
            audit.settle(before)
            if not audit.moving:
                break
        return audit

    def look(self, shown: Progress | None = None) -> Audit:
        """Read everything once."""
        shown = shown or Progress(disable=True)
        audit, counters = Audit(self._stock()), self._read_counters()
        items = counted(shown, "commits read", scan(self._client, self._deployment.tables.event_store))
        streams = histories(readable_commits(items, audit.unreadable))
        while batch := list(islice(streams, _ORDERS_A_BATCH)):
            audit.differences += self._streams(batch, audit)
        audit.differences += self._missing_deadlines(audit)
        audit.differences += [Difference("commit", one.key, "a commit", one.reason) for one in audit.unreadable]
        entries = counted(shown, "charges read", read_gateway(self._client, self._deployment))
        while charges := list(islice(entries, _ORDERS_A_BATCH)):
            audit.differences += self._charges(charges)
            audit.charges += len(charges)
        # What was written after its stream was read is not in the ledger: only what stood still can be compared.
        stock_after, counters_after = self._stock(), self._read_counters()
        skus = audit.stock.keys() | stock_after.keys()
        moving = {sku for sku in skus if audit.stock.get(sku) != stock_after.get(sku)}
        audit.differences += _stock_differences(audit.ledger, audit.stock, moving)
        audit.moving = {sku_stream(sku) for sku in moving}
        if counters == counters_after:
            audit.differences += _counter_differences(audit.ledger, counters)
        else:
            audit.moving.add(_COUNTERS)
        audit.uncompared = set(audit.moving)
        return audit

    def _stock(self) -> dict[str, Item]:
        return {item["item_id"]["S"]: item for item in scan(self._client, self._deployment.tables.inventory)}

    def _read_counters(self) -> Mapping[str, int] | str:
        """Give why they cannot be read, where they cannot."""
        try:
            return self._counters.read()
        except UnreadableCountersError as error:
            return str(error)

    def _streams(self, histories: Sequence[Sequence[Commit]], audit: Audit) -> Iterator[Difference]:
        streams = [history[0].stream_id for history in histories]
        charges = self._gateway_entries([order_id_of(stream) for stream in streams if stream.startswith(ORDER_PREFIX)])
        for stream_id, history in zip(streams, histories, strict=True):
            audit.commits += len(history)
            for commit in history:
                audit.ledger.add(commit)
            versions = [commit.version for commit in history]
            if versions != list(range(1, len(history) + 1)):
                yield Difference("gap in versions", stream_id, f"1 to {versions[-1]}", f"{versions}")
                continue
            kind, subject = _named(stream_id)
            if problem := self._history_problem(stream_id, history, audit):
                yield Difference(kind, subject, problem.expected, problem.found)
            if kind == "order":
                audit.orders += 1
                for money in money_problems(history, charges.get(subject, {})):
                    yield Difference("money", subject, money.expected, money.found)

    def _history_problem(self, stream_id: str, history: Sequence[Commit], audit: Audit) -> Problem | None:
        lifecycle = lifecycle_of(stream_id)
        if lifecycle is None:
            return Problem("a stream of a kind that is known", "another")
        state = state_of(lifecycle, history)
        if isinstance(state, Problem):
            return state
        late = lateness(state, self._clock())
        if state.due_at:
            (audit.untold if late else audit.due)[stream_id] = state.due_at
        return late

    def _missing_deadlines(self, audit: Audit) -> Iterator[Difference]:
        missing = self._deadlines.missing(audit.due)
        audit.untold |= missing
        for stream_id, due_at in missing.items():
            yield Difference("deadline", stream_id, f"to be told of by {timestamp(due_at)}", "in no group")

    def _gateway_entries(self, order_ids: Sequence[str]) -> dict[str, JsonObject]:
        keys = [to_item({"order_id": order_id}) for order_id in order_ids]
        items = batch_get(self._client, self._deployment.tables.simulated_gateway, keys)
        return {str(entry["order_id"]): entry for entry in map(gateway_entry, items)}

    def _charges(self, entries: Sequence[JsonObject]) -> Iterator[Difference]:
        for entry in entries:
            if entry["status"] == UNREADABLE:
                yield Difference("money", str(entry["order_id"]), "an entry of the gateway's ledger", UNREADABLE)
        for entry in charges_without_orders(self._client, self._deployment, entries):
            yield Difference("money", str(entry["order_id"]), "no charge: no such order was accepted", "charged")


def charges_without_orders(
    client: "DynamoDBClient", deployment: Deployment, entries: Iterable[JsonObject]
) -> list[JsonObject]:
    """Which entries took money for an order that was refused, or that the event store does not know.

    Only an order that was accepted has a later version, so one that has lost its first is still known. What cannot be
    read may be of an order that was accepted.
    """
    charged = {order_stream(str(entry["order_id"])): entry for entry in entries if entry["status"] == "charged"}
    accepted = {item["stream_id"]["S"] for item in read_orders(client, deployment, charged) if _may_be_accepted(item)}
    return [entry for stream_id, entry in charged.items() if stream_id not in accepted]


def _may_be_accepted(item: Item) -> bool:
    try:
        commit = read_commit(item)
    except NoCommitError:
        return True
    return commit.version > DECISION or commit.find(PaymentRequested) is not None


def _named(stream_id: str) -> tuple[str, str]:
    """What kind of thing a stream is about, and its id."""
    if stream_id.startswith(ORDER_PREFIX):
        return "order", order_id_of(stream_id)
    return "stream", stream_id


def _stock_differences(ledger: Ledger, stock: Mapping[str, Item], moving: set[str]) -> Iterator[Difference]:
    for sku in sorted(ledger.skus.keys() - moving):
        totals, found = ledger.skus[sku], _found(stock.get(sku))
        expected = _figures(totals, totals.product)
        if totals.least < 0:
            # What the log itself says is wrong: no repair of the inventory mends it.
            yield Difference("log", sku, "nothing below 0", expected)
        if expected != found:
            yield Difference("stock", sku, expected, found)
    for sku in sorted(stock.keys() - ledger.skus.keys() - moving):
        yield Difference("stock", sku, "not in the log", _found(stock[sku]))


def _found(item: Item | None) -> str:
    if item is None:
        return "not in the inventory"
    try:
        found = stock_item(item)
    except (KeyError, TypeError, ValueError) as error:
        return f"{UNREADABLE}: {error!r}"
    return _figures(found, found.product)


def _counter_differences(ledger: Ledger, counters: Mapping[str, int] | str) -> Iterator[Difference]:
    if isinstance(counters, str):
        yield Difference("counter", "all", "numbers", counters)
        return
    for name in sorted(ledger.counters.keys() | counters.keys()):
        if ledger.counters[name] != counters.get(name, 0):
            yield Difference("counter", name, str(ledger.counters[name]), str(counters.get(name, 0)))


def _figures(quantities: SkuTotals | StockItem, product: Product | None) -> str:
    figures = f"stock {quantities.stock}, reserved {quantities.reserved}, available {quantities.available}"
    return f"{figures}; {product.name}, {product.price_minor} {product.currency}" if product else figures


def run(target: Target, as_of: datetime | None = None) -> None:
    """Print what was audited; raise UserError where a difference stays, or something could never be compared.

    What was restored to an earlier time is audited as of then: an order that was open is not overdue yet.
    """
    auditor = Auditor(target.client("dynamodb"), Deployment.of(target), clock=lambda: as_of or datetime.now(UTC))
    with counts() as shown:
        audit = auditor.audit(shown)
    _print(audit)
    if any(difference.compared in audit.moving for difference in audit.differences):
        raise UserError(
            f"{len(audit.differences)} differences, of which some could not be read again, as what they are about "
            "moves: try again when it is calmer, or during `invoke pause`"
        )
    if audit.differences:
        raise UserError(f"{len(audit.differences)} differences stayed")
    if audit.uncompared:
        raise UserError(
            f"what could be compared agrees, but {_LOOKS} looks could not compare everything: "
            "try again when it is calmer, or during `invoke pause`"
        )


def _print(audit: Audit) -> None:
    numbers = ("seeded", "sold", "stock", "reserved", "available")
    stock = table("SKU", *numbers, title="Stock, by the log", numbers=numbers)
    for sku, totals in sorted(audit.ledger.skus.items()):
        figures = (totals.seeded, totals.sold, totals.stock, totals.reserved, totals.available)
        stock.add_row(sku, *map(str, figures))
    out.print(stock)
    cancelled = ", ".join(f"{count} {reason}" for reason, count in sorted(audit.ledger.cancelled.items()))
    out.print(
        f"\n{audit.commits:,} commits, {audit.orders:,} orders: {audit.ledger.confirmed:,} confirmed,"
        f" cancelled: {cancelled or 'none'}; {audit.charges:,} entries in the gateway's ledger,"
        f" {len(audit.stock):,} SKUs"
    )
    if audit.uncompared:
        uncompared = sorted(audit.uncompared)
        more = f" and {len(uncompared) - _SHOWN} more" if len(uncompared) > _SHOWN else ""
        named = escape(", ".join(uncompared[:_SHOWN]))
        out.print(f"[yellow]never compared, as it changed whenever it was read: {named}{more}[/]")
    elif not audit.differences:
        out.print("[green]the inventory, the orders, the money and the counters are what the log says[/]")
    if not audit.differences:
        return
    differences = table("about", "which", "the log says", "found", title="\nDifferences")
    for difference in audit.differences[:_SHOWN]:
        differences.add_row(difference.kind, difference.subject, difference.expected, difference.found)
    out.print(differences)
    if len(audit.differences) > _SHOWN:
        out.print(f"and {len(audit.differences) - _SHOWN} more")

"""Bring the event store back to a time or a backup, and derive the other tables from it.

The table of customers' keys stays: who is erased by then stays erased, whatever the backup says.

DynamoDB restores only to a new table, and our table names are a contract: commits that differ are copied to the live
table. Each step finds out anew what is left to do, so an interrupted restore is simply run again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING

from rich.progress import Progress

from scripts.cli.console import err, out
from scripts.cli.errors import UserError
from scripts.cli.progress import progress_display, show_progress
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.deploy.turns import one_at_a_time
from scripts.ledger.audit.report import audit_deployment
from scripts.ledger.checkouts import Checkout, commits_of, undecided
from scripts.ledger.customers import CustomerFlaw, CustomerKeyStates, Flaw, flaw_of
from scripts.ledger.deadlines import Deadlines
from scripts.ledger.log_reader import histories, read_stream, readable_commits, scan
from scripts.operate import relay_catchup
from scripts.operate.pausing import PauseSwitch
from scripts.recovery.comparison import Key, compare, fingerprint_of, key_of, remembered
from scripts.recovery.customers import CustomerMender
from scripts.recovery.log_summary import summarise
from scripts.recovery.restore_sources import Source, open_source
from scripts.recovery.table_writes import TableWrites
from services.libs.store.dynamodb_items import Item
from services.libs.store.event_store import EventStore
from services.libs.store.inventory_table import stock_to_item
from services.libs.store.ledger_counters import LedgerCounters
from services.shared.causes import timestamp
from services.shared.commits import Commit
from services.shared.shipment_lifecycle import shipment_stream

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_SHOWN = 5
_CUSTOMERS_AT_ONCE = 100


@dataclass(slots=True)
class Restored:
    """How many commits were read, written and removed, charges and SKUs written; and the streams that are open."""

    commits: int = 0
    written: int = 0
    removed: int = 0
    charges: int = 0
    skus: int = 0
    open: int = 0
    unfinished: list[Commit] = field(default_factory=list)
    """The commits whose events have still to be handled."""
    shipments: list[str] = field(default_factory=list)
    """The ids of the parcels of orders that are on their way."""
    checkouts: list[Checkout] = field(default_factory=list)


class Restorer:
    """Use it only while nobody else writes: `check_paused` raises UserError, whose message begins with its argument.

    `mend` mends customers, and raises UserError where it could not.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        deployment: Deployment,
        check_paused: Callable[[str], None],
        mend: Callable[[Iterable[CustomerFlaw]], None],
    ) -> None:
        self._client = client
        self._deployment = deployment
        self._check_paused = check_paused
        self._mend = mend
        self._keys = CustomerKeyStates(client, deployment)

    def restore(self, source: Source, shown: Progress, *, replace: bool, accept_damaged: bool = False) -> Restored:
        """Raise UserError, with nothing changed, if the source is damaged or commits would be lost, without consent."""
        fingerprints: set[bytes] = set()
        items = show_progress(shown, "commits of the backup read", source.commits())
        log = summarise(remembered(items, fingerprints))
        if log.damage and not accept_damaged:
            raise _damaged(log.damage)
        items = scan(self._client, self._deployment.tables.event_store)
        live = compare(show_progress(shown, "commits of the event store compared", items), fingerprints)
        if live.would_be_lost and not replace:
            raise _would_be_lost(live.would_be_lost, self._deployment.tables.event_store)
        inventory = {sku: stock_to_item(totals.stock_item(sku)) for sku, totals in log.ledger.skus.items()}
        restored = Restored(
            commits=log.commits,
            open=log.open,
            unfinished=log.unfinished,
            shipments=log.shipments,
            checkouts=log.checkouts,
        )
        # The readings take minutes, and another machine may resume meanwhile.
        self._check_paused("nothing was restored")
        with _warn_if_unfinished():
            # The log may be all that still tells of an erasure.
            self._mend(self._flaws(live.erased))
            self._write_log(source, fingerprints, live.surplus, restored, shown)
            restored.charges = self._write_charges(source, shown)
            self._check_paused("the stock and the counters were not restored")
            restored.skus = self._write_inventory(inventory)
            LedgerCounters(self._client, self._deployment.tables.metrics).replace(log.ledger.counters)
            # The sweeper has passed the old deadlines: without new ones reopened orders keep their stock, returns stay
            # open, and nobody asks for the parcels.
            Deadlines(self._client, self._deployment).write(log.due, datetime.now(UTC))
            self._mend(self._flaws(log.customers))
            self._mend(flaw for flaw in self._keys.flaws(datetime.now(UTC)) if flaw.flaw is not Flaw.UNFINISHED)
        return restored

    def _flaws(self, customers: Mapping[str, datetime | None]) -> Iterator[CustomerFlaw]:
        """Find the customers of a log of whom the table of keys lacks the tombstone, or the key."""
        ids = iter(customers)
        while some := list(islice(ids, _CUSTOMERS_AT_ONCE)):
            states = self._keys.of(some)
            found = (flaw_of(one, customers[one], states.get(one)) for one in some)
            yield from (flaw for flaw in found if flaw)

    def _write_log(
        self, source: Source, missing: set[bytes], surplus: set[Key], restored: Restored, shown: Progress
    ) -> None:
        table = TableWrites(self._client, self._deployment.tables.event_store)

        def to_write() -> Iterator[Item]:
            for item in source.commits() if missing else ():
                if fingerprint_of(item) in missing:
                    surplus.discard(key_of(item))  # it is written over
                    yield item

        task = shown.add_task("commits written", total=None)
        for written in table.put(to_write()):
            restored.written += written
            shown.advance(task, written)
        keys: Iterator[Item] = ({"stream_id": {"S": stream}, "version": {"N": number}} for stream, number in surplus)
        restored.removed = sum(table.delete(keys))

    def _write_charges(self, source: Source, shown: Progress) -> int:
        """Add the entries that the gateway's ledger has lost, and touch no other: they say what happened."""
        if source.charges is None:
            return 0
        table = self._deployment.tables.simulated_gateway
        known = {item["order_id"]["S"] for item in scan(self._client, table)}
        charges = show_progress(shown, "charges read", source.charges())
        return sum(TableWrites(self._client, table).put(item for item in charges if item["order_id"]["S"] not in known))

    def _write_inventory(self, right: Mapping[str, Item]) -> int:
        """Write the SKUs that differ from the log, and remove those that it does not know."""
        name = self._deployment.tables.inventory
        live = {item["item_id"]["S"]: item for item in scan(self._client, name)}
        table = TableWrites(self._client, name)
        sum(table.delete({"item_id": {"S": sku}} for sku in live.keys() - right.keys()))
        return sum(table.put(item for sku, item in right.items() if live.get(sku) != item))


def _damaged(damage: str) -> UserError:
    return UserError(
        f"nothing was restored: the log to restore is damaged, or was read while it changed: {damage}\n"
        "take an earlier time or another backup; `--accept-damaged` if there is none"
    )


def _would_be_lost(surplus: set[Key], table: str) -> UserError:
    first = ", ".join(f"{stream} version {version}" for stream, version in sorted(surplus)[:_SHOWN])
    return UserError(
        f"{table} holds {len(surplus):,} commits that are not what is to be restored, such as {first}. "
        "They would be lost, so nothing was changed: `--replace` if that is meant, best after an `invoke backup`"
    )


@contextmanager
def _warn_if_unfinished() -> Iterator[None]:
    try:
        yield
    except BaseException:
        err.print("the restore is not finished: run it again, and do not resume before", style="red")
        raise


@one_at_a_time
def restore_tables(
    target: Target, to: str, *, replace: bool, from_elsewhere: bool, accept_damaged: bool = False
) -> None:
    """Restore, and audit as of then; raise UserError where the restore is refused or a difference stays."""
    deployment = Deployment.of(target)
    began_at = datetime.now(UTC)
    client = target.client("dynamodb")
    _check_table(client, deployment.tables.event_store)
    check_paused = PauseSwitch(target, deployment).check_paused
    check_paused("nothing was restored")
    with open_source(to, target, deployment, from_elsewhere=from_elsewhere) as source:
        with progress_display() as shown:
            restorer = Restorer(client, deployment, check_paused, partial(_mend, target, deployment))
            restored = restorer.restore(source, shown, replace=replace, accept_damaged=accept_damaged)
        with _warn_if_unfinished():
            refused = _publish(target, deployment, restored)
    _print(restored, source.as_of, began_at)
    try:
        audit_deployment(target, source.as_of)
    except UserError as error:
        raise UserError(
            f"{error}. A charge without an order is of an order that came later: docs/runbook.md#charges-without-orders"
        ) from error
    if refused:
        raise UserError(f"EventBridge kept refusing {len(refused)} of the open orders' events: run this again")
    out.print("`invoke resume` lets the services write again, and open orders go on; then `invoke audit`")


def _mend(target: Target, deployment: Deployment, flaws: Iterable[CustomerFlaw]) -> None:
    found = list(flaws)
    left = list(CustomerMender(target, deployment, "restore").mend(found)) if found else []
    if left:
        raise UserError("customers of whom the log and the table of keys differ:\n" + "\n".join(left))


def _check_table(client: "DynamoDBClient", table: str) -> None:
    try:
        client.describe_table(TableName=table)
    except client.exceptions.ResourceNotFoundException as error:
        raise UserError(
            f"{table} is gone: `invoke plan` and `invoke apply` make an empty one, then `invoke pause` and restore "
            f"what `aws dynamodb list-backups --backup-type SYSTEM --table-name {table}` lists"
        ) from error


def _publish(target: Target, deployment: Deployment, restored: Restored) -> list[str]:
    """Publish events again, as the work that they led to is lost; return the refused commits.

    Those are the last events of open streams, and for an order on its way the last of each of its parcels, also of a
    parcel that is at its end: the order service may not have followed it. A checkout whose order is not decided is
    published again too.
    """
    client = target.client("dynamodb")
    placed = commits_of(client, deployment, undecided(EventStore(client, deployment.store_tables), restored.checkouts))
    known = {commit.stream_id for commit in restored.unfinished}
    ended = [stream for stream in map(shipment_stream, restored.shipments) if stream not in known]
    items = chain.from_iterable(read_stream(client, deployment, stream) for stream in ended)
    last = (history[-1] for history in histories(readable_commits(items, [])))
    return relay_catchup.publish(
        chain(restored.unfinished, placed, last), relay_catchup.publisher_of(target, deployment)
    ).refused


def _print(restored: Restored, as_of: datetime, began_at: datetime) -> None:
    out.print(
        f"restored to {timestamp(as_of)}: {restored.commits:,} commits, of which {restored.written:,} were written;"
        f" {restored.removed:,} others removed; {restored.charges:,} charges and {restored.skus:,} SKUs written;"
        f" {restored.open:,} orders, parcels, carts and tickets are open"
    )
    before = f"`invoke restore --to {timestamp(began_at)} --replace`, on AWS"
    out.print(f"what was there before this run: {before}\n", markup=False)

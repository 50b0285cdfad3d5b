"""Derive stock, orders, money and counters from the event store alone, and compare them with the tables."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from rich.progress import Progress

from scripts.cli.progress import show_progress
from scripts.deploy.deployment import Deployment
from scripts.ledger.audit.charges import charge_differences, charges_of
from scripts.ledger.audit.counters import counter_differences, read_counters
from scripts.ledger.audit.findings import COUNTERS, Audit, Difference
from scripts.ledger.audit.orders import orders_among, stream_differences
from scripts.ledger.audit.stock import stock_differences
from scripts.ledger.deadlines import Deadlines
from scripts.ledger.log_reader import histories, read_gateway, readable_commits, scan
from services.libs.store.dynamodb_items import Item
from services.libs.store.ledger_counters import LedgerCounters
from services.shared.causes import timestamp
from services.shared.commits import sku_stream

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_ORDERS_A_BATCH = 100
MOST_COMPARISONS = 5
_PAUSE_SECONDS = 2.0


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
        """Compare again, as no reading is a snapshot, until all agrees or differs although nothing moved."""
        audit = self.compare_once(shown)
        for _ in range(MOST_COMPARISONS - 1):
            if not audit.unsettled:
                break
            self._sleep(_PAUSE_SECONDS)
            before, audit = audit, self.compare_once(shown)
            audit.keep_confirmed(before)
            if not audit.moving:
                break
        return audit

    def compare_once(self, shown: Progress | None = None) -> Audit:
        """Read every table once, and compare."""
        shown = shown or Progress(disable=True)
        audit, counters = Audit(self._stock()), read_counters(self._counters)
        items = show_progress(shown, "commits read", scan(self._client, self._deployment.tables.event_store))
        streams = histories(readable_commits(items, audit.unreadable))
        while batch := list(islice(streams, _ORDERS_A_BATCH)):
            charges = charges_of(self._client, self._deployment, orders_among(batch))
            audit.differences += stream_differences(batch, charges, audit, self._clock())
        audit.differences += self._missing_deadlines(audit)
        audit.differences += [Difference("commit", one.key, "a commit", one.reason) for one in audit.unreadable]
        entries = show_progress(shown, "charges read", read_gateway(self._client, self._deployment))
        while some := list(islice(entries, _ORDERS_A_BATCH)):
            audit.differences += charge_differences(self._client, self._deployment, some)
            audit.charges += len(some)
        # What was written after its stream was read is not in the ledger: only what stood still can be compared.
        stock_after, counters_after = self._stock(), read_counters(self._counters)
        skus = audit.stock.keys() | stock_after.keys()
        moving = {sku for sku in skus if audit.stock.get(sku) != stock_after.get(sku)}
        audit.differences += stock_differences(audit.ledger, audit.stock, moving)
        audit.moving = {sku_stream(sku) for sku in moving}
        if counters == counters_after:
            audit.differences += counter_differences(audit.ledger, counters)
        else:
            audit.moving.add(COUNTERS)
        audit.uncompared = set(audit.moving)
        return audit

    def _stock(self) -> dict[str, Item]:
        return {item["item_id"]["S"]: item for item in scan(self._client, self._deployment.tables.inventory)}

    def _missing_deadlines(self, audit: Audit) -> Iterator[Difference]:
        missing = self._deadlines.missing(audit.due)
        audit.missing_deadlines |= missing
        for stream_id, due_at in missing.items():
            yield Difference("deadline", stream_id, f"to be told of by {timestamp(due_at)}", "in no group")

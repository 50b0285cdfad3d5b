"""The ports in memory: what the adapters promise, without AWS."""

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from services.fulfilment_service.carrier import Carrier
from services.libs.store.deadline_table import DeadlineTable
from services.libs.store.event_store import (
    Attached,
    ContentionError,
    EventStore,
    GroupRefusedError,
    StockRefusedError,
    VersionTakenError,
)
from services.libs.store.inventory_table import InventoryTable
from services.payment_service.gateway import (
    Charge,
    ChargeConflictError,
    ChargeRequest,
    GatewayError,
    PaymentGateway,
    RefundRequest,
)
from services.shared.commits import Commit
from services.shared.counters import counter_increments
from services.shared.deadlines import DeadlineGroup, minute_of
from services.shared.faults import DependencyError
from services.shared.inventory import StockChange, StockItem, merged
from tests.model.carrier import ModelCarrier, no_answer
from tests.model.customer_keys import MemoryKeyTable
from tests.model.faults import Faults, Unreliable
from tests.model.system import Charged


class MemoryEventStore(EventStore):
    _customer_keys = "customer-keys"
    _attached: tuple[Attached, ...] = ()

    def __init__(self) -> None:
        self.key_table = MemoryKeyTable()
        self.log: list[Commit] = []
        self.stock: dict[str, StockItem] = {}
        self.counters: Counter[str] = Counter()
        self._streams: dict[str, dict[int, Commit]] = {}
        self.deadlines = MemoryDeadlines()

    def read(self, stream_id: str) -> tuple[Commit, ...]:
        stream = self._streams.get(stream_id, {})
        return tuple(stream[version] for version in sorted(stream))

    def read_back(self, stream_id: str, until: Callable[[Commit], bool]) -> tuple[Commit, ...]:
        commits = self.read(stream_id)
        first = next((place for place in reversed(range(len(commits))) if until(commits[place])), 0)
        return commits[first:]

    def read_versions(self, stream_ids: Sequence[str], versions: Sequence[int]) -> dict[str, tuple[Commit, ...]]:
        found = {
            stream: tuple(commit for commit in self.read(stream) if commit.version in versions) for stream in stream_ids
        }
        return {stream: commits for stream, commits in found.items() if commits}

    def latest_version(self, stream_id: str) -> int:
        return max(self._streams.get(stream_id, {}), default=0)

    def without_version(self, stream_ids: Sequence[str], version: int) -> list[str]:
        return [stream_id for stream_id in stream_ids if version not in self._streams.get(stream_id, {})]

    def with_version(self, stream_ids: Sequence[str], version: int) -> list[str]:
        return [stream_id for stream_id in stream_ids if version in self._streams.get(stream_id, {})]

    def append(self, commit: Commit) -> None:
        for one in reversed(self._attached):
            if self.key_table.refuses(one.item):
                raise one.refused
        try:
            self.append_group([commit])
        except GroupRefusedError as refused:
            if existing := refused.taken.get(commit.stream_id):
                raise VersionTakenError(existing) from refused
            raise StockRefusedError(refused.found) from refused
        for one in self._attached:
            self.key_table.write(one.item)

    def append_group(self, commits: Sequence[Commit]) -> None:
        taken = {commit.stream_id: existing for commit in commits if (existing := self._existing(commit))}
        changes = merged(change for commit in commits for change in commit.stock_changes())
        changed = {change.sku: _changed(self.stock.get(change.sku), change) for change in changes}
        found = {sku: self.stock.get(sku) for sku, item in changed.items() if item is None}
        if taken or found:
            raise GroupRefusedError(taken, found)
        for commit in commits:
            self._write(commit)
        if due := {commit.stream_id: commit.due_at for commit in commits if commit.due_at}:
            written_at = min(commit.cause.at for commit in commits)
            self.deadlines.write(DeadlineGroup(tuple(due), max(due.values()), written_at))
        self.stock |= {sku: item for sku, item in changed.items() if item}

    def insert_all(self, commits: Sequence[Commit]) -> dict[str, DependencyError]:
        for commit in commits:
            if not self._existing(commit):
                self._write(commit)
        return {}

    def _existing(self, commit: Commit) -> Commit | None:
        return self._streams.get(commit.stream_id, {}).get(commit.version)

    def _write(self, commit: Commit) -> None:
        self._streams.setdefault(commit.stream_id, {})[commit.version] = commit
        self.log.append(commit)
        self.counters.update(counter_increments(commit))


def _changed(item: StockItem | None, change: StockChange) -> StockItem | None:
    """The item after the change; None where the table's conditions refuse it."""
    if item is None:
        if change.product is None or change.expected_stock != 0:
            return None
        item = StockItem(change.sku, change.product, 0, 0, 0)
    if change.expected_stock not in {None, item.stock}:
        return None
    after = replace(
        item,
        product=change.product.over(item.product) if change.product else item.product,
        stock=item.stock + change.stock,
        reserved=item.reserved + change.reserved,
        available=item.available + change.available,
    )
    return after if min(after.stock, after.reserved, after.available) >= 0 else None


class MemoryInventory(InventoryTable):
    def __init__(self, store: MemoryEventStore) -> None:
        self._store = store

    def read(self, skus: Iterable[str]) -> dict[str, StockItem]:
        return {sku: self._store.stock[sku] for sku in skus if sku in self._store.stock}

    def read_unlisted(self, skus: Iterable[str]) -> tuple[dict[str, StockItem], set[str]]:
        return self.read(skus), set()


class _InventoryClient(InventoryTable):
    """Reads its arguments once, so that the SDK can repeat the request."""

    def __init__(self, inventory: InventoryTable) -> None:
        self._inventory = inventory

    def read(self, skus: Iterable[str]) -> dict[str, StockItem]:
        return self._inventory.read(list(skus))

    def read_unlisted(self, skus: Iterable[str]) -> tuple[dict[str, StockItem], set[str]]:
        return self._inventory.read_unlisted(list(skus))


class MemoryGateway(PaymentGateway):
    """Declines every second order, unless the outcome is forced, and refuses every second refund or so."""

    def __init__(self) -> None:
        self.ledger: dict[str, Charged] = {}

    def charge(self, request: ChargeRequest) -> Charge:
        known = self.ledger.get(request.order_id)
        if known and known.amount_minor not in {None, request.amount_minor}:
            raise ChargeConflictError(request.order_id)
        accepted = request.forced_result == "SUCCESS" if request.forced_result else request.order_id[-1] in "02468"
        status = known.status if known else ("charged" if accepted else "declined")
        charge_id = f"charge-{request.order_id}"
        entry = known or Charged(status)
        self.ledger[request.order_id] = replace(entry, amount_minor=request.amount_minor, charge_id=charge_id)
        return Charge(charge_id, accepted=status == "charged")

    def call_off(self, order_id: str) -> int:
        known = self.ledger.setdefault(order_id, Charged("called_off"))
        if known.status not in {"charged", "refunded"}:
            return 0
        self.ledger[order_id] = replace(known, status="refunded")
        return (known.amount_minor or 0) - sum(known.refunds.values())

    def refund(self, request: RefundRequest) -> bool:
        entry = self.ledger.get(request.order_id, Charged("unknown"))
        if request.refund_id not in {*entry.refunds, *entry.refused}:
            one = {request.refund_id: request.amount_minor}
            left = (entry.amount_minor or 0) - sum(entry.refunds.values()) if entry.status == "charged" else 0
            if request.amount_minor <= left and zlib.crc32(request.refund_id.encode()) % 2:
                entry = replace(entry, refunds={**entry.refunds, **one})
            else:
                entry = replace(entry, refused={**entry.refused, **one})
            self.ledger[request.order_id] = entry
        return entry.refunds.get(request.refund_id) == request.amount_minor


class MemoryDeadlines(DeadlineTable):
    def __init__(self) -> None:
        self._minutes: dict[datetime, list[DeadlineGroup]] = {}
        self._swept_until: datetime | None = None

    def write(self, group: DeadlineGroup) -> None:
        minute = max(minute_of(group.due_at), minute_of(group.written_at))
        self._minutes.setdefault(minute, []).append(group)

    def due_in(self, minute: datetime) -> Iterator[DeadlineGroup | Exception]:
        yield from list(self._minutes.get(minute, []))

    def first_minute(self) -> datetime | None:
        return min(self._minutes, default=None)

    def swept_until(self) -> datetime | None:
        return self._swept_until

    def set_swept_until(self, time: datetime) -> None:
        self._swept_until = time


class MemorySystem:
    def __init__(self) -> None:
        self.faults = Faults()
        self._store, self._gateway = MemoryEventStore(), MemoryGateway()
        contention = dict.fromkeys(
            ("append", "append_group"), lambda _: ContentionError("other transactions were faster each time")
        )
        self.store = cast("EventStore", Unreliable(self._store, self.faults, contention))
        self.inventory: InventoryTable = _InventoryClient(
            cast("InventoryTable", Unreliable(MemoryInventory(self._store), self.faults))
        )
        away = dict.fromkeys(("call_off", "refund"), lambda *_: GatewayError("the provider does not answer"))
        self.gateway = cast("PaymentGateway", Unreliable(self._gateway, self.faults, away))
        self.deadlines = cast("DeadlineTable", Unreliable(self._store.deadlines, self.faults))
        self.parcels = ModelCarrier()
        self.carrier = cast("Carrier", Unreliable(self.parcels, self.faults, {"book": no_answer, "track": no_answer}))

    def log(self) -> list[Commit]:
        return self._store.log

    def stock(self) -> dict[str, StockItem]:
        return self._store.stock

    def counters(self) -> dict[str, int]:
        return self._store.counters

    def ledger(self) -> dict[str, Charged]:
        return self._gateway.ledger

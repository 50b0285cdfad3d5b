"""Compare the parcels that orders were divided into with the streams of parcels.

An order and its parcels are written in one transaction, and a scan finds their streams anywhere. Each planned and each
found parcel goes into a sum, one of 65,536 by order, planned ones with the other sign: a sum that is not 0 has a parcel
that differs. Only then the log is read a second time, for the orders of that sum. That takes at most 7 MB
however long the log is. The parcels of the last minutes, which a scan may have met by half, are kept by name instead.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from scripts.deploy.deployment import Deployment
from scripts.ledger.audit.findings import Difference
from scripts.ledger.log_reader import NoCommitError, read_commit, read_stream, readable_commits, scan
from services.libs.store.dynamodb_items import Item, batch_get, to_item
from services.shared.commits import Commit, order_stream
from services.shared.events.fulfilment import ShipmentCreated
from services.shared.events.order import FulfilmentStarted, OrderLine
from services.shared.shipment_lifecycle import SHIPMENT_PREFIX, shipment_stream

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_SUMS = 65_536


class _Parcel(NamedTuple):
    shipment_id: str
    order_id: str
    warehouse: str
    lines: tuple[OrderLine, ...]

    @property
    def text(self) -> str:
        lines = ", ".join(f"{line.quantity} {line.sku}" for line in self.lines)
        return f"a parcel of order {self.order_id} from {self.warehouse}: {lines}"


class Parcels:
    """The parcels of a log, as its streams are read."""

    def __init__(self, client: "DynamoDBClient", deployment: Deployment, recent: datetime) -> None:
        """Commits before `recent` were there when the reading began."""
        self._client = client
        self._deployment = deployment
        self._recent = recent
        self.count = 0
        """The parcels that have a stream."""
        self._sums: dict[int, int] = {}
        self._recently: dict[str, dict[_Parcel, int]] = defaultdict(dict)
        """By order, the recent parcels that were met only as planned (1) or only as found (-1)."""

    def add(self, history: Sequence[Commit]) -> None:
        """Take in the whole history of a stream."""
        for commit in history:
            self.count += commit.find(ShipmentCreated) is not None
            for parcel, sign in _parcels(commit):
                if commit.cause.at < self._recent:
                    self._sum_up(parcel, sign)
                else:
                    self._remember(parcel, sign)

    def differences(self) -> Iterator[Difference]:
        """Read the orders whose parcels do not match again, as of now, and tell how they differ."""
        suspects = {order_id: set(parcels) for order_id, parcels in self._recently.items() if parcels}
        if self._sums:
            for parcel in self._parcels_of_sums():
                suspects.setdefault(parcel.order_id, set()).add(parcel)
        for order_id, parcels in sorted(suspects.items()):
            yield from self._differences(order_id, {parcel.shipment_id for parcel in parcels})

    def _sum_up(self, parcel: _Parcel, sign: int) -> None:
        key = _sum_of(parcel)
        total = self._sums.pop(key, 0) + sign * _number(f"{parcel.shipment_id} {parcel.text}")
        if total:
            self._sums[key] = total

    def _remember(self, parcel: _Parcel, sign: int) -> None:
        met = self._recently[parcel.order_id]
        total = met.pop(parcel, 0) + sign
        if total:
            met[parcel] = total

    def _parcels_of_sums(self) -> Iterator[_Parcel]:
        """The parcels, planned or found, that are in a sum which is not 0."""
        for item in scan(self._client, self._deployment.tables.event_store):
            for parcel, _ in _parcels_in(item):
                if _sum_of(parcel) in self._sums:
                    yield parcel

    def _differences(self, order_id: str, shipment_ids: Iterable[str]) -> Iterator[Difference]:
        history = readable_commits(read_stream(self._client, self._deployment, order_stream(order_id)), [])
        planned = {one.shipment_id: one for commit in history for one, sign in _parcels(commit) if sign > 0}
        found = self._found({*shipment_ids, *planned})
        for shipment_id in sorted(planned.keys() | found.keys()):
            plan, parcel = planned.get(shipment_id), found.get(shipment_id)
            if plan != parcel:
                expected = plan.text if plan else f"no parcel: order {order_id} has no FulfilmentStarted that names it"
                yield Difference("parcel", shipment_id, expected, parcel.text if parcel else "no stream")

    def _found(self, shipment_ids: Iterable[str]) -> Mapping[str, _Parcel]:
        keys = [to_item({"stream_id": shipment_stream(one), "version": 1}) for one in sorted(shipment_ids)]
        items = batch_get(self._client, self._deployment.tables.event_store, keys)
        return {parcel.shipment_id: parcel for item in items for parcel, _ in _parcels_in(item)}


def _parcels_in(item: Item) -> Iterator[tuple[_Parcel, int]]:
    """The parcels of an item; none if it is no commit, which is a finding of its own."""
    if item["stream_id"]["S"].startswith(SHIPMENT_PREFIX) and item["version"] != {"N": "1"}:
        return
    try:
        yield from _parcels(read_commit(item))
    except NoCommitError:
        return


def _parcels(commit: Commit) -> Iterator[tuple[_Parcel, int]]:
    """The parcels that the commit plans, each with 1, or the one that it creates, with -1."""
    for event in commit.events:
        match event:
            case FulfilmentStarted():
                for one in event.shipments:
                    yield _Parcel(one.shipment_id, event.order_id, one.warehouse, one.lines), 1
            case ShipmentCreated():
                yield _Parcel(event.shipment_id, event.order_id, event.warehouse, event.lines), -1
            case _:
                pass


def _sum_of(parcel: _Parcel) -> int:
    return _number(parcel.order_id) % _SUMS


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())

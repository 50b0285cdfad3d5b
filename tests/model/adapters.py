"""The real adapters on moto, through a client whose calls fault."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from services.fulfilment_service.carrier import Carrier
from services.libs.runtime.backoff import Backoff
from services.libs.store.commit_items import commit_from_item
from services.libs.store.deadline_table import DeadlineTable
from services.libs.store.dynamodb_items import Item, from_item
from services.libs.store.event_store import EventStore
from services.libs.store.inventory_table import InventoryTable, stock_item
from services.payment_service.gateway import PaymentGateway
from services.payment_service.simulated_gateway import REFUND_PREFIX, REFUSED_PREFIX, SimulatedGateway
from services.shared.commits import Commit
from services.shared.inventory import StockItem
from services.shared.json_types import JsonObject, integer, text
from tests.model.carrier import ModelCarrier, no_answer
from tests.model.faults import Faults, Unreliable
from tests.model.system import Charged
from tests.unit.conftest import (
    DEADLINE_TABLE,
    EVENT_STORE_TABLE,
    GATEWAY_TABLE,
    INVENTORY_TABLE,
    METRICS_TABLE,
    REGION,
    TABLES,
)

if TYPE_CHECKING:
    from moto.dynamodb.models.dynamo_type import Item as MotoItem
    from types_boto3_dynamodb import DynamoDBClient

_KEYS = {
    EVENT_STORE_TABLE: ("stream_id", "version"),
    INVENTORY_TABLE: ("item_id",),
    METRICS_TABLE: ("id",),
    GATEWAY_TABLE: ("order_id",),
    DEADLINE_TABLE: ("minute_shard", "group_id"),
}


class AdapterSystem:
    def __init__(self, client: "DynamoDBClient") -> None:
        self._client = client
        self._log: list[Commit] = []
        self._seen: set[tuple[str, int]] = set()
        self._empty_tables()
        self.faults = Faults()
        unreliable = cast(
            "DynamoDBClient", Unreliable(client, self.faults, {"transact_write_items": self._transaction_conflict})
        )
        self.store = EventStore(unreliable, TABLES, backoff=Backoff(5, 0, sleep=lambda _: None))
        self.inventory = InventoryTable(unreliable, INVENTORY_TABLE)
        self.gateway: PaymentGateway = SimulatedGateway(
            unreliable, GATEWAY_TABLE, success_rate=0.5, refund_failure_rate=0.25, fault_rate=0.05
        )
        self.deadlines = DeadlineTable(unreliable, DEADLINE_TABLE)
        self.parcels = ModelCarrier()
        self.carrier = cast("Carrier", Unreliable(self.parcels, self.faults, {"book": no_answer, "track": no_answer}))

    def log(self) -> list[Commit]:
        """A table has no order but that within a stream: what is new since last time comes last."""
        if len(self._items(EVENT_STORE_TABLE)) == len(self._seen):
            return self._log
        items = {(item["stream_id"]["S"], int(item["version"]["N"])): item for item in self._scan(EVENT_STORE_TABLE)}
        self._log += [commit_from_item(items[key]) for key in sorted(items.keys() - self._seen)]
        self._seen.update(items)
        return self._log

    def stock(self) -> dict[str, StockItem]:
        items = (stock_item(item) for item in self._scan(INVENTORY_TABLE))
        return {item.sku: item for item in items}

    def counters(self) -> dict[str, int]:
        added: Counter[str] = Counter()
        for item in map(from_item, self._scan(METRICS_TABLE)):
            if text(item, "id").startswith("counters#"):
                added.update({name: integer(item, name) for name in item.keys() - {"id", "updated_at", "writes"}})
        return added

    def ledger(self) -> dict[str, Charged]:
        return {
            text(item, "order_id"): Charged(
                text(item, "status"),
                integer(item, "amount_minor") if "amount_minor" in item else None,
                text(item, "charge_id") if "charge_id" in item else None,
                _amounts(item, REFUND_PREFIX),
                _amounts(item, REFUSED_PREFIX),
            )
            for item in map(from_item, self._scan(GATEWAY_TABLE))
            # It has none while the first attempt to call the order off is under way.
            if "status" in item
        }

    def _scan(self, table: str) -> list[Item]:
        """What moto holds: to ask for it through the client, after each step, would be most of the test's time."""
        return [item.to_json()["Attributes"] for item in self._items(table)]

    @staticmethod
    def _items(table: str) -> "list[MotoItem]":
        return list(dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].get_table(table).all_items())

    def _empty_tables(self) -> None:
        for table, keys in _KEYS.items():
            for item in self._scan(table):
                self._client.delete_item(TableName=table, Key={key: item[key] for key in keys})

    def _transaction_conflict(self, **request: Sequence[object]) -> Exception:
        """As DynamoDB says it: a reason for each item of the transaction."""
        return self._client.exceptions.TransactionCanceledException(
            {
                "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
                "CancellationReasons": [{"Code": "TransactionConflict"} for _ in request["TransactItems"]],
            },
            "TransactWriteItems",
        )


def _amounts(item: JsonObject, prefix: str) -> dict[str, int]:
    """The amounts by refund id."""
    return {name.removeprefix(prefix): integer(item, name) for name in item if name.startswith(prefix)}

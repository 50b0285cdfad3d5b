"""Rewrite the inventory from the log. The log is right by definition: a repair is a commit that moves no stock."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from scripts.audit import Auditor
from scripts.console import out, table
from scripts.deployment import Deployment
from scripts.errors import UserError
from scripts.ledger import read_inventory
from scripts.target import Target
from scripts.writers import Writers
from services.libs.commit_items import commit_to_item
from services.libs.dynamodb_items import to_item
from services.libs.event_store import EventStore
from services.libs.inventory_table import stock_to_item
from services.shared.commits import Cause, Commit, sku_stream
from services.shared.events import EventType
from services.shared.inventory import StockItem

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import PutTypeDef


@dataclass(frozen=True, slots=True)
class Repair:
    before: StockItem | None
    after: StockItem


class Repairer:
    """Use it only while nobody else writes."""

    def __init__(
        self, client: "DynamoDBClient", deployment: Deployment, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._auditor = Auditor(client, deployment, sleep=sleep)
        self._client = client
        self._deployment = deployment
        self._store = EventStore(client, deployment.tables)
        self._run_id = f"repair-{uuid4()}"

    def repair(self) -> Iterator[Repair]:
        """Make every SKU what the log says; one that the log does not know is left, as there is nothing to make it."""
        audit = self._auditor.audit()
        inventory = {item.sku: item for item in read_inventory(self._client, self._deployment)}
        for difference in audit.differences:
            if difference.kind == "stock" and (totals := audit.ledger.skus.get(difference.subject)):
                repair = Repair(inventory.get(difference.subject), totals.stock_item(difference.subject))
                self.write(repair)
                yield repair

    def write(self, repair: Repair) -> None:
        commit = self._commit(repair.after)
        self._client.transact_write_items(
            TransactItems=[
                {
                    "Put": {
                        "TableName": self._deployment.event_store_table_name,
                        "Item": commit_to_item(commit),
                        "ConditionExpression": "attribute_not_exists(stream_id)",
                    }
                },
                {"Put": self._item(repair)},
            ]
        )

    def _commit(self, right: StockItem) -> Commit:
        stream = sku_stream(right.sku)
        return Commit(
            stream_id=stream,
            version=self._store.latest_version(stream) + 1,
            events=(EventType.PRODUCT_INVENTORY_UPDATED,),
            body={
                "sku": right.sku,
                "name": right.product.name,
                "priceMinor": right.product.price_minor,
                "currency": right.product.currency,
                "stock": right.stock,
                "stockDelta": 0,
            },
            cause=Cause(self._run_id, self._run_id, datetime.now(UTC)),
        )

    def _item(self, repair: Repair) -> "PutTypeDef":
        """Replace the item only as long as it is what was compared."""
        right = repair.after
        put: PutTypeDef = {
            "TableName": self._deployment.inventory_table_name,
            "Item": stock_to_item(right),
            "ConditionExpression": "attribute_not_exists(item_id)",
        }
        if was := repair.before:
            put["ConditionExpression"] = "stock = :stock AND reserved = :reserved AND available = :available"
            put["ExpressionAttributeValues"] = to_item(
                {":stock": was.stock, ":reserved": was.reserved, ":available": was.available}
            )
        return put


def run(target: Target) -> None:
    """Print what was repaired; raise UserError where somebody may be writing."""
    deployment = Deployment.of(target)
    active = Writers(target, deployment).active()
    if active:
        raise UserError(f"nothing was repaired: {', '.join(active)} may be writing. First `invoke pause`, then again")
    repairs = list(Repairer(target.client("dynamodb"), deployment).repair())
    if not repairs:
        out.print("the inventory is what the log says: nothing to repair")
        return
    shown = table("SKU", "stock", "reserved", "available", title="Repaired")
    for repair in repairs:
        shown.add_row(
            repair.after.sku,
            *(
                f"{getattr(repair.before, name, 'none')} -> {getattr(repair.after, name)}"
                for name in ("stock", "reserved", "available")
            ),
        )
    out.print(shown)
    out.print("`invoke resume` lets the services write again")

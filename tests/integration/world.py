"""The deployed system as a test sees it: send events, wait, and look at everything they may have changed."""

import json
from collections.abc import Callable, Mapping
from time import monotonic, sleep
from typing import TypeVar
from uuid import uuid4

from scripts.deployment import Deployment
from scripts.order_client import History, OrderClient
from scripts.seed_inventory import Seeder, SeedProduct
from scripts.target import Target
from services.libs.dynamodb_items import from_item, to_item
from services.libs.inventory_table import InventoryTable
from services.shared.events import CATALOGUE, EventType
from services.shared.json_types import JsonObject

TIMEOUT_SECONDS = 60
T = TypeVar("T")


class World:
    def __init__(self, target: Target, deployment: Deployment) -> None:
        self.target = target
        self.deployment = deployment
        self.orders = OrderClient(target, deployment)
        self._dynamodb = target.client("dynamodb")
        self._events = target.client("events")
        self._sqs = target.client("sqs")
        self._inventory = InventoryTable(self._dynamodb, deployment.inventory_table_name)
        self._seeder = Seeder.of(target, deployment)

    def new_sku(self, stock: int = 10, price_minor: int = 500) -> str:
        """Make a SKU that no other test knows."""
        sku = f"test-{uuid4().hex[:12]}"
        product = SeedProduct(sku=sku, name=sku, stock=stock, priceMinor=price_minor, currency="GBP")
        (change,) = self._seeder.seed([product])
        assert change.refused is None
        return sku

    def order(
        self, quantities: Mapping[str, int], *, pays: bool = True, fields: Mapping[str, object] | None = None
    ) -> dict[str, object]:
        return {
            "orderId": f"order-{uuid4().hex[:12]}",
            "customerId": "customer-1",
            "items": [{"sku": sku, "quantity": quantity} for sku, quantity in quantities.items()],
            "_postDeployTestForceResult": "SUCCESS" if pays else "FAILURE",
            **(fields or {}),
        }

    def run(self, *orders: Mapping[str, object], timeout_seconds: float = TIMEOUT_SECONDS) -> list[History]:
        """Place the orders and wait until each has its final state."""
        self.orders.place(orders)
        return self.wait(*(str(order["orderId"]) for order in orders), timeout_seconds=timeout_seconds)

    def wait(self, *order_ids: str, timeout_seconds: float = TIMEOUT_SECONDS) -> list[History]:
        histories = self.orders.wait(order_ids, timeout_seconds)
        stuck = [(order_id, history.events) for order_id, history in histories.items() if not history.final]
        assert not stuck, f"{len(stuck)} orders without a final state: {stuck[:5]}"
        return [histories[order_id] for order_id in order_ids]

    def publish(self, event_type: EventType, *details: Mapping[str, object]) -> None:
        """Put an event on its bus as anybody who may could, ten at a time."""
        bus = CATALOGUE[event_type].bus
        names = {"order": self.deployment.order_bus_name, "payment": self.deployment.payment_bus_name}
        for start in range(0, len(details), 10):
            response = self._events.put_events(
                Entries=[
                    {
                        "EventBusName": names[bus.value],
                        "Source": bus.source,
                        "DetailType": event_type.value,
                        "Detail": json.dumps(detail),
                    }
                    for detail in details[start : start + 10]
                ]
            )
            assert response["FailedEntryCount"] == 0

    def send(self, queue_url: str, body: str) -> None:
        """Put a body straight on a queue, past the bus."""
        self._sqs.send_message(QueueUrl=queue_url, MessageBody=body)

    def stock(self, sku: str) -> tuple[int, int, int]:
        """Read stock, reserved and available."""
        item = self._inventory.read([sku])[sku]
        return item.stock, item.reserved, item.available

    def charge(self, order_id: str) -> JsonObject:
        """Read the gateway's ledger entry, empty where it was never asked."""
        found = self._dynamodb.get_item(
            TableName=self.deployment.simulated_gateway_table_name,
            Key=to_item({"order_id": order_id}),
            ConsistentRead=True,
        )
        return from_item(found.get("Item", {}))

    def take_dead_letter(self, queue_url: str, marker: str) -> dict[str, str]:
        """Wait for the dead letter whose body has `marker`, take it away, and return its body and attributes."""

        def look() -> dict[str, str] | None:
            response = self._sqs.receive_message(
                QueueUrl=queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=1
            )
            for message in response.get("Messages", []):
                if marker in message["Body"]:
                    self._sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
                    attributes = message.get("MessageAttributes", {})
                    return {"body": message["Body"]} | {name: v["StringValue"] for name, v in attributes.items()}
            return None

        return eventually(look, f"a dead letter with {marker}")

    def waiting(self, queue_url: str) -> int:
        """Count the messages of a queue, in flight ones too."""
        attributes = self._sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
        in_flight = int(attributes["ApproximateNumberOfMessagesNotVisible"])
        return int(attributes["ApproximateNumberOfMessages"]) + in_flight


def eventually(look: Callable[[], T | None], what: str, timeout_seconds: float = TIMEOUT_SECONDS) -> T:
    """Poll until `look` finds something that is true, and return it."""
    deadline = monotonic() + timeout_seconds
    while not (found := look()):
        assert monotonic() < deadline, f"there was never {what}"
        sleep(0.1)
    return found

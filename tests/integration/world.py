"""The deployed system as a test sees it: send events, wait, and look at everything they may have changed."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic, sleep
from typing import TypeVar
from uuid import uuid4

from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.local.workers import workers
from scripts.operate import dead_letter_queues
from scripts.operate.order_client import History, OrderClient
from scripts.operate.seeding import Seeder, SeedProduct
from services.libs.store.dynamodb_items import from_item, to_item
from services.libs.store.inventory_table import InventoryTable
from services.payment_service.gateway import ChargeRequest
from services.payment_service.simulated_gateway import SimulatedGateway
from services.shared.events.event import Event
from services.shared.inventory import MAIN_WAREHOUSE
from services.shared.json_types import JsonObject

# Polling ends as soon as it may. An invocation that a slow machine loses comes again after its queue's visibility
# timeout, 60 s by default: the time of two of them, and as much again to work in.
TIMEOUT_SECONDS = 180
_FAULT = re.compile(r"\b(WARNING|ERROR)\b")
T = TypeVar("T")


class World:
    def __init__(self, target: Target, deployment: Deployment) -> None:
        self.target = target
        self.deployment = deployment
        self.orders = OrderClient(target, deployment)
        self._dynamodb = target.client("dynamodb")
        self._events = target.client("events")
        self._sqs = target.client("sqs")
        self.inventory = InventoryTable(self._dynamodb, deployment.tables.inventory)
        self._seeder = Seeder.of(target, deployment)

    def new_sku(self, stock: int = 10, price_minor: int = 500, warehouse: str = MAIN_WAREHOUSE) -> str:
        """Make a SKU that no other test knows."""
        sku = f"test-{uuid4().hex[:12]}"
        self.seed(sku, stock, price_minor, warehouse)
        return sku

    def seed(self, sku: str, stock: int, price_minor: int = 500, warehouse: str = MAIN_WAREHOUSE) -> None:
        product = SeedProduct(
            sku=sku, name=sku, stock=stock, priceMinor=price_minor, currency="GBP", warehouse=warehouse
        )
        (change,) = self._seeder.seed([product])
        assert change.refused is None

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
        """Place the orders and wait until each is confirmed or cancelled; return their histories until then."""
        self.orders.place(orders)
        return self.wait(*(str(order["orderId"]) for order in orders), timeout_seconds=timeout_seconds)

    def wait(self, *order_ids: str, timeout_seconds: float = TIMEOUT_SECONDS) -> list[History]:
        histories = self.orders.wait(order_ids, timeout_seconds)
        stuck = [(order_id, history.events) for order_id, history in histories.items() if not history.concluded]
        assert not stuck, f"{len(stuck)} orders that are not concluded: {stuck[:5]}; {self._where_they_may_be()}"
        return [_until_concluded(histories[order_id]) for order_id in order_ids]

    def _where_they_may_be(self) -> str:
        waiting = {queue.name: self.waiting(queue.url) for queue in self.deployment.queues.values()}
        dead = {
            queue.full_name: {cause: (group.count, group.oldest) for cause, group in found.items()}
            for queue in dead_letter_queues.queues(self.deployment)
            if (found := dead_letter_queues.summarise(self._sqs, queue).groups)
        }
        faults = [line for line in self.target.emulator.log_file.read_text().splitlines() if _FAULT.search(line)]
        return "\n".join([f"waiting: {waiting}", f"dead letters: {dead}", "faults of the embedded AWS:", *faults[-40:]])

    def publish(self, event: type[Event], *details: Mapping[str, object]) -> None:
        """Put an event on its bus as anybody who may could, ten at a time."""
        for start in range(0, len(details), 10):
            response = self._events.put_events(
                Entries=[
                    {
                        "EventBusName": self.deployment.buses[event.BUS],
                        "Source": event.BUS.source,
                        "DetailType": event.type_name(),
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
        item = self.inventory.read([sku])[sku]
        return item.stock, item.reserved, item.available

    def charge(self, order_id: str) -> JsonObject:
        """Read the gateway's ledger entry, empty where it was never asked."""
        found = self._dynamodb.get_item(
            TableName=self.deployment.tables.simulated_gateway,
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

    def charge_at_the_gateway(self, order_id: str, amount_minor: int) -> None:
        """Take the money as the payment service would, had it died right after."""
        gateway = SimulatedGateway(self._dynamodb, self.deployment.tables.simulated_gateway, success_rate=1.0)
        assert gateway.charge(ChargeRequest(order_id, amount_minor, "GBP")).accepted

    def sweep(self) -> dict[str, int]:
        """Run the sweeper now, as its schedule does each minute."""
        response = self.target.client("lambda").invoke(FunctionName=self.deployment.functions["deadline-sweeper"].name)
        assert "FunctionError" not in response
        swept: dict[str, int] = json.loads(response["Payload"].read())
        return swept

    @contextmanager
    def paused(self, service: str) -> Iterator[None]:
        """Let a service's messages wait in their queue."""
        client = self.target.client("lambda")
        name = self.deployment.functions[service].name
        (mapping,) = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        try:
            yield
        finally:
            client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)

    @contextmanager
    def hidden_for(self, seconds: int, queue: str) -> Iterator[None]:
        """Let a message that fails within this block come again after so long."""
        url = self.deployment.queues[queue].url
        read = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
        before = read["Attributes"]["VisibilityTimeout"]
        self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})
        try:
            yield
        finally:
            self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": before})

    def workers(self, service: str = "") -> list[int]:
        """Find the embedded AWS's Lambda workers, of one function or of all, by the folder that they run in."""
        name = self.deployment.functions[service].name if service else ""
        return [each.pid for each in workers(self.target.emulator, name)]

    def waiting(self, queue_url: str) -> int:
        """Count the messages of a queue, in flight ones too."""
        attributes = self._sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
        in_flight = int(attributes["ApproximateNumberOfMessagesNotVisible"])
        return int(attributes["ApproximateNumberOfMessages"]) + in_flight


def _until_concluded(history: History) -> History:
    """Without what happened after the order was confirmed or cancelled: its fulfilment begins at once."""
    assert history.concluded
    return History(history.order_id, history.commits[: history.concluded.version])


def eventually(
    look: Callable[[], T | None], what: str, timeout_seconds: float = TIMEOUT_SECONDS, poll_seconds: float = 0.1
) -> T:
    """Poll until `look` finds something that is true, and return it."""
    deadline = monotonic() + timeout_seconds
    while not (found := look()):
        assert monotonic() < deadline, f"there was never {what}"
        sleep(poll_seconds)
    return found

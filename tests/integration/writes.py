"""What services and tools write, through their own code, each by a client that it is given."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from scripts.operate.seeding import Seeder, SeedProduct
from scripts.recovery.repair import Repair, Repairer
from services.fulfilment_service.carrier import CarrierEvent
from services.fulfilment_service.domain import advance, start
from services.libs.store.event_store import EventStore
from services.libs.store.inventory_table import InventoryTable, stock_to_item
from services.order_service.after_sale import ReceivedGoods
from services.order_service.after_sale_service import AfterSale, ReturnTimes
from services.order_service.domain import PlacedOrder
from services.order_service.service import OrderService
from services.payment_service.domain import refund_refused
from services.payment_service.gateway import ChargeRequest
from services.payment_service.service import PaymentService
from services.payment_service.simulated_gateway import SimulatedGateway
from services.shared.causes import Cause
from services.shared.commits import Commit, order_stream
from services.shared.events.order import ReturnRequested, order_lines
from services.shared.inventory import StockItem, StockLine
from services.shared.order_state import Order
from services.shared.shipment_lifecycle import shipment_id, shipment_stream
from tests.integration.meeting import Write
from tests.integration.world import World

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

# The deployed sweeper leaves alone what is due in a week.
PAYMENT_TIMEOUT = timedelta(days=7)
_ARRIVAL = timedelta(days=14)
CAUSE = Cause("event-1", "correlation-1", datetime.now(UTC))


def new_order(sku: str, *, pays: bool = True) -> PlacedOrder:
    return PlacedOrder(f"order-{uuid4().hex[:12]}", "customer-1", {sku: 3}, "SUCCESS" if pays else "FAILURE")


class Writes:
    def __init__(self, world: World) -> None:
        self._world = world

    def do(self, *writes: Write) -> None:
        """Write one after the other, and before anybody meets."""
        for write in writes:
            write(self._world.target.client("dynamodb"))

    def commits(self, order: PlacedOrder) -> tuple[Commit, ...]:
        return self.store().read(order_stream(order.order_id))

    def store(self, client: "DynamoDBClient | None" = None) -> EventStore:
        return EventStore(client or self._world.target.client("dynamodb"), self._world.deployment.store_tables)

    def place(self, *orders: PlacedOrder) -> Write:
        return lambda client: self._orders(client).place_all([(order, CAUSE) for order in orders])

    def pay(self, *orders: PlacedOrder) -> Write:
        return lambda client: self._payments(client).pay_all([(order.order_id, CAUSE) for order in orders])

    def conclude(self, order: PlacedOrder, cause: Cause) -> Write:
        return lambda client: self._orders(client).conclude_all([(order.order_id, cause)])

    def call_off(self, order: PlacedOrder) -> Write:
        return lambda client: self._payments(client).call_off(order.order_id, CAUSE)

    def expire(self, order: PlacedOrder) -> Write:
        """As if its deadline had passed."""
        return lambda client: self._orders(client).expire_all(
            [order.stream_id], datetime.now(UTC) + PAYMENT_TIMEOUT + timedelta(minutes=1)
        )

    def cancel(self, order: PlacedOrder) -> Write:
        return lambda client: self._after_sale(client).cancel(order.order_id, order.customer_id, CAUSE)

    def follow_parcels(self, order: PlacedOrder) -> Write:
        return lambda client: self._after_sale(client).follow_parcels(order.order_id, CAUSE)

    def request_return(self, order: PlacedOrder, return_id: str, quantity: int = 1) -> Write:
        announced = ReturnRequested(
            order_id=order.order_id,
            customer_id=order.customer_id,
            return_id=return_id,
            lines=order_lines(StockLine(sku, quantity) for sku in order.quantities),
        )
        return lambda client: self._after_sale(client).request_return(announced, CAUSE)

    def receive_return(self, order: PlacedOrder, return_id: str, quantity: int = 1) -> Write:
        """All of it is fit for sale."""
        lines = tuple(StockLine(sku, quantity) for sku in order.quantities)
        goods = ReceivedGoods(order.order_id, return_id, lines, lines)
        return lambda client: self._after_sale(client).receive_return(goods, CAUSE)

    def close_overdue_returns(self, order: PlacedOrder) -> Write:
        """As if their deadlines had passed."""
        return lambda client: self._after_sale(client).close_overdue_returns([order.stream_id], CAUSE.at + 2 * _ARRIVAL)

    def retry_refund(self, order: PlacedOrder, refund_id: str) -> Write:
        return lambda client: self._after_sale(client).retry_refund(order.order_id, refund_id, CAUSE)

    def refuse_refund(self, order: PlacedOrder) -> Write:
        """As if the provider refused the order's open refund for good, and kept that in its ledger."""

        def refuse(client: "DynamoDBClient") -> None:
            history = self.commits(order)
            (refund,) = Order.of(history).open_refunds
            client.update_item(
                TableName=self._world.deployment.tables.simulated_gateway,
                Key={"order_id": {"S": order.order_id}},
                UpdateExpression="SET #refused = :amount",
                ExpressionAttributeNames={"#refused": f"refused#{refund.refund_id}"},
                ExpressionAttributeValues={":amount": {"N": str(refund.amount_minor)}},
            )
            self.store(client).append(refund_refused(history, refund, CAUSE))

        return refuse

    def start_fulfilment(self, order: PlacedOrder) -> Write:
        """Its transaction, once: the service that runs it is met in its own tests."""

        def begin(client: "DynamoDBClient") -> None:
            self.store(client).append_group(start(Order.of(self.commits(order)), {}, CAUSE))

        return begin

    def deliver_parcel(self, order: PlacedOrder) -> Write:
        """The only parcel's carrier says that it was handed over."""

        def deliver(client: "DynamoDBClient") -> None:
            store = self.store(client)
            history = store.read(shipment_stream(shipment_id(order.order_id, 1)))
            delivered = advance(history, [CarrierEvent("carrier-1", None, CAUSE.at)], CAUSE, None)
            assert delivered
            store.append(delivered)

        return deliver

    def charge_at_the_gateway(self, order_id: str, amount_minor: int) -> Write:
        return lambda client: self._gateway(client).charge(ChargeRequest(order_id, amount_minor, "GBP"))

    def call_off_at_the_gateway(self, order_id: str) -> Write:
        return lambda client: self._gateway(client).call_off(order_id)

    def refund(self, order_id: str) -> object:
        """Call it off now; give what that gives back."""
        return self.call_off_at_the_gateway(order_id)(self._world.target.client("dynamodb"))

    def seed(self, sku: str, stock: int, price_minor: int = 500) -> Write:
        product = SeedProduct(sku=sku, name=sku, stock=stock, priceMinor=price_minor, currency="GBP")
        return lambda client: list(Seeder(self.store(client), self._inventory(client)).seed([product]))

    def repair(self, before: StockItem | None, after: StockItem) -> Write:
        repair = Repair(after.sku, stock_to_item(before) if before else None, after)
        return lambda client: Repairer(client, self._world.deployment).write(repair)

    def _inventory(self, client: "DynamoDBClient") -> InventoryTable:
        return InventoryTable(client, self._world.deployment.tables.inventory)

    def _orders(self, client: "DynamoDBClient") -> OrderService:
        return OrderService(self.store(client), self._inventory(client), PAYMENT_TIMEOUT)

    def _after_sale(self, client: "DynamoDBClient") -> AfterSale:
        return AfterSale(self.store(client), ReturnTimes(window=timedelta(days=30), arrival=_ARRIVAL))

    def _payments(self, client: "DynamoDBClient") -> PaymentService:
        """The gateway is somebody else's: it has a client of its own, and its writes meet nobody."""
        return PaymentService(self.store(client), self._gateway(self._world.target.client("dynamodb")))

    def _gateway(self, client: "DynamoDBClient") -> SimulatedGateway:
        return SimulatedGateway(client, self._world.deployment.tables.simulated_gateway, success_rate=1.0)

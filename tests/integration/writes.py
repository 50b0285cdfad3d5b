"""What services and tools write, through their own code, each by a client that it is given."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from scripts.operate.seed_categories import SeedCategories
from scripts.operate.seeding import Seeder, SeedProduct
from scripts.recovery.repair import Repair, Repairer
from services.catalog_service.service import CatalogService
from services.fulfilment_service.carrier import carrier_event
from services.fulfilment_service.carrier_messages import CarrierMessages
from services.fulfilment_service.service import FulfilmentService
from services.fulfilment_service.simulated_carrier import SimulatedCarrier
from services.libs.store.deadline_table import DeadlineTable
from services.libs.store.event_store import EventStore
from services.libs.store.inventory_table import InventoryTable, stock_to_item
from services.order_service.after_sale_service import AfterSale, Request, ReturnTimes
from services.order_service.domain import PlacedOrder
from services.order_service.service import OrderService
from services.payment_service.gateway import ChargeRequest, RefundRequest
from services.payment_service.service import PaymentService
from services.payment_service.simulated_gateway import SimulatedGateway
from services.shared.causes import Cause
from services.shared.commits import Command, Commit, order_stream
from services.shared.events.catalog import CategoryCreated, ProductCreated
from services.shared.inventory import StockItem
from services.shared.shipment_lifecycle import shipment_id, shipment_stream
from tests.integration.meeting import Write
from tests.integration.world import World

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

# The deployed sweeper leaves alone what is due in a week.
PAYMENT_TIMEOUT = timedelta(days=7)
_TRACKING_INTERVAL = timedelta(days=7)
RETURNS = ReturnTimes(window=timedelta(days=30), arrival=timedelta(days=14))
CAUSE = Cause("event-1", "correlation-1", datetime.now(UTC))


def new_order(sku: str, *, pays: bool = True) -> PlacedOrder:
    return PlacedOrder(f"order-{uuid4().hex[:12]}", "customer-1", {sku: 3}, "SUCCESS" if pays else "FAILURE")


def _parcel(order: PlacedOrder) -> str:
    return shipment_id(order.order_id, 1)


class Writes:
    def __init__(self, world: World) -> None:
        self._world = world

    def do(self, *writes: Write) -> None:
        """Write one after the other, and before anybody meets."""
        for write in writes:
            write(self._world.target.client("dynamodb"))

    def commits(self, order: PlacedOrder) -> tuple[Commit, ...]:
        return self.store().read(order_stream(order.order_id))

    def parcel(self, order: PlacedOrder) -> tuple[Commit, ...]:
        """The commits of the order's first parcel."""
        return self.store().read(shipment_stream(_parcel(order)))

    def store(self, client: "DynamoDBClient | None" = None) -> EventStore:
        return EventStore(client or self._world.target.client("dynamodb"), self._world.deployment.store_tables)

    def place(self, *orders: PlacedOrder) -> Write:
        return lambda client: self._orders(client).place_all([(order, CAUSE) for order in orders])

    def pay(self, *orders: PlacedOrder) -> Write:
        return lambda client: self._payments(client).pay_all([(order.order_id, CAUSE) for order in orders])

    def conclude(self, order: PlacedOrder, cause: Cause) -> Write:
        return lambda client: self._orders(client).conclude_all([(order.order_id, cause)])

    def make_refunds(self, order: PlacedOrder) -> Write:
        return lambda client: self._payments(client).refund(order.order_id, CAUSE)

    def confirmed(self, *orders: PlacedOrder) -> None:
        """Bring orders to their confirmation."""
        self.do(self.place(*orders), self.pay(*orders), *(self.conclude(order, CAUSE) for order in orders))

    def cancel(self, order: PlacedOrder, request: Request | None = None) -> Write:
        return lambda client: self._after_sale(client).cancel(order.order_id, order.customer_id, CAUSE, request).commit

    def start(self, order: PlacedOrder) -> Write:
        return lambda client: self._fulfilment(client).start(order.order_id, CAUSE)

    def book(self, order: PlacedOrder) -> Write:
        return lambda client: self._fulfilment(client).book(_parcel(order), CAUSE)

    def track(self, order: PlacedOrder) -> Write:
        """Ask a carrier that delivers at once."""
        carrier = SimulatedCarrier(speed=1e9)
        stream = shipment_stream(_parcel(order))
        return lambda client: self._fulfilment(client, carrier).track([stream], CAUSE.at + timedelta(minutes=1))

    def tell(self, order: PlacedOrder, state: str) -> Write:
        """Let the carrier tell it by itself."""
        message = carrier_event(f"{state}-1", state, CAUSE.at)
        return lambda client: CarrierMessages(self.store(client), _TRACKING_INTERVAL).record(
            _parcel(order), message, CAUSE
        )

    def expire(self, order: PlacedOrder) -> Write:
        """As if its deadline had passed."""
        return lambda client: self._orders(client).expire_all(
            [order.stream_id], datetime.now(UTC) + PAYMENT_TIMEOUT + timedelta(minutes=1)
        )

    def charge_at_the_gateway(self, order_id: str, amount_minor: int) -> Write:
        return lambda client: self._gateway(client).charge(ChargeRequest(order_id, amount_minor, "GBP"))

    def call_off_at_the_gateway(self, order_id: str) -> Write:
        return lambda client: self._gateway(client).call_off(order_id)

    def refund_at_the_gateway(self, order_id: str, refund_id: str, amount_minor: int) -> Write:
        return lambda client: self._gateway(client).refund(RefundRequest(order_id, refund_id, amount_minor, "GBP"))

    def refund(self, order_id: str) -> object:
        """Call it off now; give what that gives back."""
        return self.call_off_at_the_gateway(order_id)(self._world.target.client("dynamodb"))

    def seed(self, sku: str, stock: int, price_minor: int = 500) -> Write:
        product = SeedProduct(sku=sku, name=sku, stock=stock, priceMinor=price_minor, currency="GBP")
        return lambda client: list(Seeder(self.store(client), self._inventory(client)).seed([product]))

    def create_category(self, category_id: str, command: Command) -> Write:
        category = CategoryCreated(category_id=category_id, name="Kitchen")
        return lambda client: self._catalogue(client).create_category(category, command, CAUSE)

    def create_product(self, sku: str, command: Command, name: str = "Cup") -> Write:
        created = ProductCreated(sku=sku, name=name, price_minor=500, currency="GBP")
        return lambda client: self._catalogue(client).create_product(created, command, CAUSE)

    def update_product(self, sku: str, if_match: int | None = None, **changes: object) -> Write:
        return lambda client: self._catalogue(client).update_product(sku, changes, CAUSE, if_match)

    def set_stock(self, sku: str, stock: int) -> Write:
        return lambda client: self._catalogue(client).set_stock(sku, stock, CAUSE)

    def seed_category(self, path: str) -> Write:
        return lambda client: SeedCategories(self.store(client), lambda: CAUSE).create([path])

    def repair(self, before: StockItem | None, after: StockItem) -> Write:
        repair = Repair(after.sku, stock_to_item(before) if before else None, after)
        return lambda client: Repairer(client, self._world.deployment).write(repair)

    def _inventory(self, client: "DynamoDBClient") -> InventoryTable:
        return InventoryTable(client, self._world.deployment.tables.inventory)

    def _catalogue(self, client: "DynamoDBClient") -> CatalogService:
        return CatalogService(self.store(client), self._inventory(client))

    def _orders(self, client: "DynamoDBClient") -> OrderService:
        return OrderService(self.store(client), self._inventory(client), PAYMENT_TIMEOUT)

    def _fulfilment(self, client: "DynamoDBClient", carrier: SimulatedCarrier | None = None) -> FulfilmentService:
        deadlines = DeadlineTable(client, self._world.deployment.tables.deadline)
        carrier = carrier or SimulatedCarrier()
        return FulfilmentService(self.store(client), self._inventory(client), deadlines, carrier, _TRACKING_INTERVAL)

    def _after_sale(self, client: "DynamoDBClient") -> AfterSale:
        return AfterSale(self.store(client), RETURNS)

    def _payments(self, client: "DynamoDBClient") -> PaymentService:
        """The gateway is somebody else's: it has a client of its own, and its writes meet nobody."""
        return PaymentService(self.store(client), self._gateway(self._world.target.client("dynamodb")))

    def _gateway(self, client: "DynamoDBClient") -> SimulatedGateway:
        return SimulatedGateway(client, self._world.deployment.tables.simulated_gateway, success_rate=1.0)

"""A shop on moto whose orders go on after their sale: cancelled, shipped, lost, delivered, returned, refunded."""

from dataclasses import replace
from datetime import datetime, timedelta

from services.fulfilment_service.carrier import CarrierEvent, Label
from services.fulfilment_service.domain import advance, booked, start
from services.libs.store.dynamodb_items import to_item
from services.order_service.after_sale import ReceivedGoods
from services.order_service.after_sale_service import AfterSale, ReturnTimes
from services.order_service.service import OrderService
from services.payment_service.gateway import RefundRequest
from services.payment_service.service import PaymentService
from services.payment_service.simulated_gateway import SimulatedGateway
from services.shared.causes import Cause
from services.shared.commits import Commit, order_stream
from services.shared.events.fulfilment import ParcelStatus
from services.shared.events.order import ReturnRequested, order_lines
from services.shared.inventory import StockLine
from services.shared.order_state import Order
from services.shared.shipment_lifecycle import shipment_stream
from tests.factories import CAUSE, NOW, PAYMENT_TIMEOUT, conclude, pay, place, placed_order, seeding
from tests.unit.conftest import GATEWAY_TABLE, Aws

TRACKED_AT = NOW + timedelta(hours=1)
RETURN_TIMES = ReturnTimes(window=timedelta(days=30), arrival=timedelta(days=14))
RETURN_DUE = NOW + RETURN_TIMES.arrival
CUSTOMER = "customer-1"
WAREHOUSES = {"prod-002": "north"}


class _RefusingGateway(SimulatedGateway):
    """It refuses each refund for good."""

    def refund(self, request: RefundRequest) -> bool:
        self._client.update_item(
            TableName=GATEWAY_TABLE,
            Key=to_item({"order_id": request.order_id}),
            UpdateExpression="SET #refused = :amount",
            ExpressionAttributeNames={"#refused": f"refused#{request.refund_id}"},
            ExpressionAttributeValues=to_item({":amount": request.amount_minor}),
        )
        return False


class Shop:
    """Its orders are of one unit or more of prod-001 (in main) and prod-002 (in north), for 5.00 GBP a unit."""

    def __init__(self, aws: Aws, at: datetime = NOW) -> None:
        self.aws = aws
        self.cause = replace(CAUSE, at=at)
        self.orders = OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT)
        self.gateway = SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0)
        self.payments = PaymentService(aws.store, self.gateway)
        self.after_sale = AfterSale(aws.store, RETURN_TIMES)

    def fill(self) -> None:
        self.aws.store.append(seeding("prod-001", stock=100))
        self.aws.store.append(seeding("prod-002", stock=100, warehouse="north"))

    def history(self, order_id: str) -> tuple[Commit, ...]:
        return self.aws.store.read(order_stream(order_id))

    def reserve(self, order_id: str, *quantities: int) -> None:
        """The quantities are those of prod-001 and prod-002."""
        skus = dict(zip(("prod-001", "prod-002"), quantities or (2,), strict=False))
        place(self.orders, placed_order(order_id, skus), self.cause)

    def confirm(self, order_id: str, *quantities: int) -> None:
        self.reserve(order_id, *quantities)
        pay(self.payments, order_id, self.cause)
        conclude(self.orders, order_id, self.cause)

    def fulfil(self, order_id: str, *quantities: int) -> None:
        """Confirm the order, and bring its parcels to the carrier."""
        self.confirm(order_id, *quantities)
        self.aws.store.append_group(self.started(order_id))
        for shipment_id in Order.of(self.history(order_id)).shipments:
            history = self.aws.store.read(shipment_stream(shipment_id))
            labelled = booked(history, Label(f"T-{shipment_id}"), self.cause, self.cause.at + timedelta(hours=1))
            assert labelled
            self.aws.store.append(labelled)

    def started(self, order_id: str) -> list[Commit]:
        """The commits by which a confirmed order is divided into parcels; they are not written."""
        return start(Order.of(self.history(order_id)), WAREHOUSES, self.cause)

    def move(self, shipment_id: str, *statuses: ParcelStatus | None) -> None:
        """Let the carrier tell these statuses, one after the other; None is its delivery. The order follows."""
        for number, status in enumerate(statuses):
            history = self.aws.store.read(shipment_stream(shipment_id))
            told = CarrierEvent(f"{shipment_id}-{number}-{status}", status, self.cause.at)
            commit = advance(history, [told], self.cause, self.cause.at + timedelta(hours=1))
            assert commit
            self.aws.store.append(commit)
            cause = Cause(commit.event_id(0), self.cause.correlation_id, self.cause.at)
            self.after_sale.follow_parcels(shipment_id.rpartition("-")[0], cause)

    def deliver(self, order_id: str, *quantities: int) -> None:
        self.fulfil(order_id, *quantities)
        for shipment_id in Order.of(self.history(order_id)).shipments:
            self.move(shipment_id, ParcelStatus.PICKED_UP)
        for shipment_id in Order.of(self.history(order_id)).shipments:
            self.move(shipment_id, None)

    def cancel(self, order_id: str) -> None:
        assert self.after_sale.cancel(order_id, CUSTOMER, self.cause).commit

    def announce(self, order_id: str, return_id: str, quantity: int, cause: Cause | None = None) -> None:
        lines = order_lines([StockLine("prod-001", quantity)])
        announced = ReturnRequested(order_id=order_id, customer_id=CUSTOMER, return_id=return_id, lines=lines)
        assert self.after_sale.request_return(announced, cause or self.cause).commit

    def receive(self, order_id: str, return_id: str, quantity: int, fit: int) -> None:
        restock = (StockLine("prod-001", fit),) if fit else ()
        goods = ReceivedGoods(order_id, return_id, (StockLine("prod-001", quantity),), restock)
        assert self.after_sale.receive_return(goods, self.cause).commit

    def refund(self, order_id: str) -> None:
        self.payments.refund(order_id, self.cause)

    def refuse_refund(self, order_id: str) -> None:
        refusing = _RefusingGateway(self.aws.dynamodb, GATEWAY_TABLE, success_rate=1.0)
        PaymentService(self.aws.store, refusing).refund(order_id, self.cause)


def fill_with_lives(aws: Aws) -> None:
    """Orders at every step after their sale that a healthy system has, each named for its step."""
    shop = Shop(aws)
    shop.fill()
    shop.reserve("called-off")
    shop.cancel("called-off")
    shop.refund("called-off")
    shop.confirm("cancelled", 1, 1)
    shop.cancel("cancelled")
    shop.refund("cancelled")
    shop.fulfil("booked")
    shop.fulfil("shipped")
    shop.move("shipped-1", ParcelStatus.PICKED_UP, ParcelStatus.IN_TRANSIT)
    shop.fulfil("halved", 2, 1)
    shop.move("halved-1", ParcelStatus.PICKED_UP, ParcelStatus.LOST)
    shop.move("halved-2", ParcelStatus.PICKED_UP, None)
    shop.refund("halved")
    shop.fulfil("undeliverable")
    shop.move("undeliverable-1", ParcelStatus.PICKED_UP, ParcelStatus.RETURNED_TO_SENDER)
    shop.refund("undeliverable")
    shop.deliver("returned", 3)
    shop.announce("returned", "r1", 2)
    shop.receive("returned", "r1", 2, fit=1)
    shop.refund("returned")
    shop.deliver("returning", 2)
    shop.announce("returning", "r2", 1)
    shop.deliver("delivered", 1, 1)

"""An order's life after its confirmation, on what is deployed; the carrier's messages come through the use case."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.fulfilment_service.carrier import CarrierEvent
from services.order_service.after_sale import ReceivedGoods
from services.shared.causes import Cause
from services.shared.commits import order_stream
from services.shared.events.fulfilment import ParcelStatus
from services.shared.events.order import ReturnRequested, order_lines
from services.shared.inventory import StockLine
from services.shared.lifecycle import Phase
from services.shared.order_lifecycle import CANCELLED, DELIVERED, SHIPPED
from services.shared.order_state import Order
from services.shared.shipment_lifecycle import BOOKED, NEW, SHIPMENT, shipment_id, shipment_stream
from tests.integration.world import World, eventually
from tests.use_cases import UseCases


class Shop:
    """The use cases, and what the event store says of an order and its parcels."""

    def __init__(self, world: World) -> None:
        self.use_cases = UseCases.of(world.target, world.deployment, arrival=timedelta(days=14))
        self._world = world

    def order(self, order_id: str) -> Order:
        return Order.of(self.use_cases.store.read(order_stream(order_id)))

    def parcel(self, shipment_id: str) -> Phase:
        return SHIPMENT.fold(self.use_cases.store.read(shipment_stream(shipment_id))).phase

    def fulfilled(self, **stock_of_warehouses: str) -> str:
        """Place an order of two units of each SKU, and wait until its parcels have labels; return the order's id."""
        (history,) = self._world.run(self._world.order(dict.fromkeys(stock_of_warehouses.values(), 2)))
        wanted = dict.fromkeys(
            (shipment_id(history.order_id, number) for number in range(1, len(stock_of_warehouses) + 1)), BOOKED
        )
        eventually(lambda: {one: self.parcel(one) for one in wanted} == wanted, "a label on each parcel")
        return history.order_id

    def tell(self, parcel: str, *statuses: ParcelStatus | None) -> None:
        """Send the carrier's messages about a parcel; None is its delivery."""
        for status in statuses:
            message = CarrierEvent(f"carrier-{uuid4().hex}", status, datetime.now(UTC))
            self.use_cases.carrier_messages.record(parcel, message, _cause())

    def until(self, order_id: str, phase: Phase) -> None:
        eventually(lambda: self.order(order_id).state.phase == phase, f"an order that is {phase}")

    def until_final(self, order_id: str) -> None:
        eventually(lambda: self.order(order_id).state.is_final, "an order of which nothing is open")


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    return Shop(world)


def _cause() -> Cause:
    return Cause(f"test-{uuid4().hex}", f"test-{uuid4().hex}", datetime.now(UTC))


def test_an_order_over_two_warehouses_is_shipped_delivered_and_returned_in_part(world: World, shop: Shop) -> None:
    cup, pot = world.new_sku(price_minor=300, warehouse="north"), world.new_sku(price_minor=1000, warehouse="south")
    order_id = shop.fulfilled(north=cup, south=pot)
    of_cup, of_pot = shipment_id(order_id, 1), shipment_id(order_id, 2)
    assert [shipment.warehouse for shipment in shop.order(order_id).shipments.values()] == ["north", "south"]

    shop.tell(of_cup, ParcelStatus.PICKED_UP)
    shop.tell(of_pot, None)
    shop.until(order_id, SHIPPED)
    shop.tell(of_cup, None, ParcelStatus.IN_TRANSIT)
    shop.until(order_id, DELIVERED)
    assert (world.stock(cup), world.stock(pot)) == ((8, 0, 8), (8, 0, 8))

    announced = (StockLine(cup, 2), StockLine(pot, 1))
    request = ReturnRequested(
        order_id=order_id, customer_id="customer-1", return_id="return-1", lines=order_lines(announced)
    )
    shop.use_cases.after_sale.request_return(request, _cause())
    came_back = (StockLine(cup, 2),)
    goods = ReceivedGoods(order_id, "return-1", came_back, restock=(StockLine(cup, 1),))
    shop.use_cases.after_sale.receive_return(goods, _cause())
    shop.until_final(order_id)

    assert (world.stock(cup), world.stock(pot)) == ((9, 0, 9), (8, 0, 8))
    charge = world.charge(order_id)
    assert (charge["status"], charge["amount_minor"], charge["refunded_minor"]) == ("charged", 2600, 600)


def test_an_order_that_is_cancelled_before_its_fulfilment_makes_no_parcel(world: World, shop: Shop) -> None:
    sku = world.new_sku()
    with world.paused("fulfilment-service"):
        (history,) = world.run(world.order({sku: 2}))
        order_id = history.order_id
        queue = world.deployment.queues["fulfilment"].url
        eventually(lambda: world.waiting(queue), "a confirmation in the fulfilment queue")
        shop.use_cases.after_sale.cancel(order_id, "customer-1", _cause())
        shop.until_final(order_id)

    eventually(lambda: not world.waiting(queue), "an empty fulfilment queue")
    assert shop.order(order_id).state.phase == CANCELLED
    assert shop.parcel(shipment_id(order_id, 1)) == NEW
    assert world.stock(sku) == (10, 0, 10)
    assert world.charge(order_id)["refunded_minor"] == 1000


def test_a_lost_parcel_is_refunded_and_an_order_without_any_parcel_left_is_cancelled(world: World, shop: Shop) -> None:
    cup, pot = world.new_sku(price_minor=300, warehouse="north"), world.new_sku(price_minor=1000, warehouse="south")
    order_id = shop.fulfilled(north=cup, south=pot)

    shop.tell(shipment_id(order_id, 1), ParcelStatus.LOST)
    eventually(lambda: world.charge(order_id).get("refunded_minor") == 600, "a refund of the lost goods")
    shop.tell(shipment_id(order_id, 2), ParcelStatus.PICKED_UP, ParcelStatus.RETURNED_TO_SENDER)
    shop.until_final(order_id)

    assert shop.order(order_id).state.phase == CANCELLED
    assert (world.stock(cup), world.stock(pot)) == ((8, 0, 8), (10, 0, 10))
    assert world.charge(order_id)["refunded_minor"] == 2600

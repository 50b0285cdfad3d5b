"""Two writers at once on an order after its sale: one wins, and the other decides from what it finds."""

import pytest

from services.shared.cancel_reasons import CancelReason
from services.shared.events.order import OrderCancelled, OrderConfirmed, OrderDelivered, OrderShipped, ReturnReceived
from services.shared.events.payment import PaymentProcessed, RefundMode, RefundRequested
from services.shared.refusals import RefusedError
from tests.integration.after_sale_writes import AfterSaleWrites
from tests.integration.meeting import at_once
from tests.integration.world import World
from tests.integration.writes import CAUSE, new_order


@pytest.fixture(autouse=True, scope="module")
def _services_stand_still(world: World) -> object:
    with world.paused("order-service"), world.paused("payment-service"), world.paused("fulfilment-service"):
        yield None


@pytest.fixture
def writes(world: World) -> AfterSaleWrites:
    return AfterSaleWrites(world)


@pytest.fixture(params=range(5))
def several_times() -> None:
    """For what looks right where the right one of the two happens to be first."""


@pytest.mark.parametrize("paid", [False, True])
def test_an_order_is_cancelled_once(world: World, writes: AfterSaleWrites, paid: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    sku = world.new_sku(stock=10)
    order = new_order(sku)
    writes.do(writes.place(order), *([writes.pay(order)] if paid else []))
    before = writes.commits(order)

    met = at_once(world.target, writes.cancel(order), writes.cancel(order))

    assert met.refused == 1
    assert sorted(map(bool, met.results)) == [False, True]
    assert len(writes.commits(order)) == len(before) + 1
    assert world.stock(sku) == (10, 0, 10)


@pytest.mark.usefixtures("several_times")
def test_an_order_is_paid_and_cancelled_in_either_order(world: World, writes: AfterSaleWrites) -> None:
    sku = world.new_sku(stock=10)
    order = new_order(sku)
    writes.do(writes.place(order))

    met = at_once(world.target, writes.pay(order), writes.cancel(order))

    paid = writes.commits(order)[1].find(PaymentProcessed) is not None
    refund = writes.commits(order)[-1].get(RefundRequested)
    assert met.refused == 1
    assert met.results[0] == [None]
    assert len(writes.commits(order)) == (3 if paid else 2)
    assert refund.mode == (RefundMode.REFUND if paid else RefundMode.CALL_OFF)
    assert world.stock(sku) == (10, 0, 10)


@pytest.mark.usefixtures("several_times")
def test_an_order_expires_or_is_cancelled_and_never_both(world: World, writes: AfterSaleWrites) -> None:
    sku = world.new_sku(stock=10)
    order = new_order(sku)
    writes.do(writes.place(order))

    met = at_once(world.target, writes.expire(order), writes.cancel(order))

    reason = writes.commits(order)[1].get(OrderCancelled).reason
    assert met.refused == 1
    assert isinstance(met.results[1], RefusedError) == (reason == CancelReason.PAYMENT_TIMEOUT)
    assert len(writes.commits(order)) == 2
    assert world.stock(sku) == (10, 0, 10)


@pytest.mark.usefixtures("several_times")
def test_an_order_is_cancelled_before_or_after_its_confirmation(world: World, writes: AfterSaleWrites) -> None:
    sku = world.new_sku(stock=10)
    order = new_order(sku)
    writes.do(writes.place(order), writes.pay(order))

    met = at_once(world.target, writes.conclude(order, CAUSE), writes.cancel(order))

    confirmed = writes.commits(order)[2].find(OrderConfirmed) is not None
    assert met.refused == 1
    assert met.results[0] == [None]
    assert len(writes.commits(order)) == (4 if confirmed else 3)
    assert writes.commits(order)[-1].find(OrderCancelled)
    assert world.stock(sku) == (10, 0, 10)


def test_two_last_events_of_an_order_ship_and_deliver_it_once(world: World, writes: AfterSaleWrites) -> None:
    order = new_order(world.new_sku(stock=10))
    writes.confirmed(order)
    writes.do(writes.start(order), writes.tell(order, "delivered"))

    met = at_once(world.target, writes.follow_parcels(order), writes.follow_parcels(order))

    events = [type(event) for commit in writes.commits(order)[4:] for event in commit.events]
    assert met.refused == 1
    assert events == [OrderShipped, OrderDelivered]


def test_a_return_that_is_asked_for_twice_is_one(world: World, writes: AfterSaleWrites) -> None:
    order = new_order(world.new_sku(stock=10))
    writes.delivered(order)

    met = at_once(world.target, *[writes.request_return(order, "return-1")] * 2)

    assert met.refused == 1
    assert sorted(map(bool, met.results)) == [False, True]
    assert len(writes.commits(order)) == 7


def test_of_two_returns_of_the_same_units_one_is_opened(world: World, writes: AfterSaleWrites) -> None:
    order = new_order(world.new_sku(stock=10))
    writes.delivered(order)

    met = at_once(world.target, *(writes.request_return(order, name, quantity=2) for name in ("return-1", "return-2")))

    assert met.refused == 1
    assert sum(isinstance(result, RefusedError) for result in met.results) == 1
    assert len(writes.commits(order)) == 7


def test_goods_that_two_receive_are_refunded_and_restocked_once(world: World, writes: AfterSaleWrites) -> None:
    sku = world.new_sku(stock=10)
    order = new_order(sku)
    writes.delivered(order)
    writes.do(writes.request_return(order, "return-1"))

    met = at_once(world.target, *[writes.receive_return(order, "return-1")] * 2)

    assert met.refused == 1
    assert sorted(map(bool, met.results)) == [False, True]
    assert len(writes.commits(order)) == 8
    assert world.stock(sku) == (8, 0, 8)


@pytest.mark.usefixtures("several_times")
def test_a_return_is_received_or_closed_by_its_deadline_and_never_both(world: World, writes: AfterSaleWrites) -> None:
    sku = world.new_sku(stock=10)
    order = new_order(sku)
    writes.delivered(order)
    writes.do(writes.request_return(order, "return-1"))

    met = at_once(world.target, writes.receive_return(order, "return-1"), writes.close_overdue_returns(order))

    came = bool(writes.commits(order)[7].get(ReturnReceived).lines)
    assert met.refused == 1
    assert isinstance(met.results[0], RefusedError) != came
    assert met.results[1] == {}
    assert len(writes.commits(order)) == 8
    assert world.stock(sku) == ((8, 0, 8) if came else (7, 0, 7))


def test_two_of_staff_ask_for_a_failed_refund_again_once(world: World, writes: AfterSaleWrites) -> None:
    order = new_order(world.new_sku(stock=10))
    writes.confirmed(order)
    writes.do(writes.cancel(order), writes.refuse_refund(order))
    failed = writes.commits(order)[3].get(RefundRequested).refund_id

    met = at_once(world.target, *[writes.retry_refund(order, failed)] * 2)

    assert met.refused == 1
    assert sorted(map(bool, met.results)) == [False, True]
    assert [commit.get(RefundRequested).retry_of for commit in writes.commits(order)[5:]] == [failed]

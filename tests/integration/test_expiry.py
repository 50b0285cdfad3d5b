"""Reservations that ran out of time. Deadlines are long here, so the tests make orders that missed theirs."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from services.libs.store.event_store import EventStore
from services.order_service.domain import PlacedOrder, decide
from services.shared.causes import Cause
from tests.integration.world import World, eventually

_PAYMENT_TIMEOUT = timedelta(minutes=15)


def test_an_order_whose_payment_was_never_requested_is_expired_by_the_schedule(world: World) -> None:
    sku = world.new_sku(stock=10)

    with world.paused("payment-service"):
        order_id = _place_in_the_past(world, sku)
        # The schedule ticks once a minute.
        history = eventually(lambda: _expired(world, order_id), "an expired order")

    assert history == ["OrderValidated", "PaymentRequested", "OrderCancelled", "RefundRequested"]
    assert world.stock(sku) == (10, 0, 10)
    eventually(lambda: "RefundProcessed" in _events(world, order_id), "a version 3")
    assert world.charge(order_id)["status"] == "called_off"


def test_a_charge_of_an_order_that_expired_is_given_back(world: World) -> None:
    sku = world.new_sku(stock=10)

    with world.paused("payment-service"):
        order_id = _place_in_the_past(world, sku)
        world.charge_at_the_gateway(order_id, amount_minor=1500)
        world.sweep()
        eventually(lambda: _expired(world, order_id), "an expired order")  # before its payment can be settled
    eventually(lambda: "RefundProcessed" in _events(world, order_id), "a version 3")

    assert _events(world, order_id)[2:] == ["OrderCancelled", "RefundRequested", "RefundProcessed"]
    assert world.charge(order_id)["status"] == "refunded"
    assert world.stock(sku) == (10, 0, 10)


def _place_in_the_past(world: World, sku: str) -> str:
    """Commit version 1 as the order service would have a deadline ago."""
    placed = datetime.now(UTC) - _PAYMENT_TIMEOUT
    order = PlacedOrder(f"order-{uuid4().hex[:12]}", "customer-1", {sku: 3})
    cause = Cause("event-1", "correlation-1", placed)
    commit = decide(order, world.inventory.read([sku]), cause, _PAYMENT_TIMEOUT)
    EventStore(world.target.client("dynamodb"), world.deployment.store_tables).append(commit)
    return order.order_id


def _events(world: World, order_id: str) -> list[str]:
    return world.orders.histories([order_id])[order_id].events


def _expired(world: World, order_id: str) -> list[str] | None:
    events = _events(world, order_id)
    return events if "RefundRequested" in events else None


def test_a_sweep_says_what_it_did(world: World) -> None:
    assert world.sweep().keys() == {"sent", "postponed", "unreadable"}

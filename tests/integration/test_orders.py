"""The order pipeline, whole: bus, queues, functions, tables and relay as Terraform made them."""

from scripts.ledger.order_history import reason_of
from services.shared.events.payment import PaymentRequested
from tests.integration.world import World, eventually


def test_a_paid_order_is_confirmed_and_its_stock_is_sold(world: World) -> None:
    cup, pot = world.new_sku(stock=10, price_minor=300), world.new_sku(stock=5, price_minor=1000)
    order = world.order({cup: 2, pot: 1})

    (history,) = world.run(order)

    assert history.events == ["OrderValidated", "PaymentRequested", "PaymentProcessed", "OrderConfirmed"]
    assert world.stock(cup) == (8, 0, 8)
    assert world.stock(pot) == (4, 0, 4)
    charge = world.charge(history.order_id)
    assert (charge["status"], charge["amount_minor"], charge["attempts"]) == ("charged", 1600, 1)


def test_a_declined_payment_releases_the_reservation(world: World) -> None:
    sku = world.new_sku(stock=10)

    (history,) = world.run(world.order({sku: 2}, pays=False))

    assert history.events == ["OrderValidated", "PaymentRequested", "PaymentFailed", "OrderCancelled"]
    assert history.concluded
    assert reason_of(history.concluded) == "payment_failed"
    assert world.stock(sku) == (10, 0, 10)
    assert world.charge(history.order_id)["status"] == "declined"


def test_every_event_names_its_cause_and_the_correlation_of_the_order(world: World) -> None:
    order = world.order(
        {world.new_sku(): 1}, fields={"metadata": {"eventId": "checkout-7", "correlationId": "basket-7"}}
    )

    (history,) = world.run(order)

    order_id = history.order_id
    assert [commit.cause.event_id for commit in history.commits] == [
        "checkout-7",
        f"order#{order_id}/1/1",
        f"order#{order_id}/2/0",
    ]
    assert {commit.cause.correlation_id for commit in history.commits} == {"basket-7"}


def test_an_order_of_3_skus_of_which_one_is_short_changes_nothing(world: World) -> None:
    skus = [world.new_sku(stock=10), world.new_sku(stock=1), world.new_sku(stock=10)]

    (history,) = world.run(world.order(dict.fromkeys(skus, 2)))

    assert history.events == ["OrderCancelled"]
    assert reason_of(history.commits[0]) == "insufficient_stock"
    assert [world.stock(sku) for sku in skus] == [(10, 0, 10), (1, 0, 1), (10, 0, 10)]
    assert world.charge(history.order_id) == {}


def test_50_concurrent_orders_for_a_stock_of_10_sell_exactly_10(world: World) -> None:
    sku = world.new_sku(stock=10)

    histories = world.run(*(world.order({sku: 1}) for _ in range(50)))

    outcomes = [history.events[-1] for history in histories]
    assert (outcomes.count("OrderConfirmed"), outcomes.count("OrderCancelled")) == (10, 40)
    assert world.stock(sku) == (0, 0, 0)


def test_the_same_order_placed_ten_times_reserves_once(world: World) -> None:
    sku = world.new_sku(stock=10)
    order = world.order({sku: 2})

    (history, *_) = world.run(*[order] * 10)
    _settle_down(world)

    assert history.events == ["OrderValidated", "PaymentRequested", "PaymentProcessed", "OrderConfirmed"]
    assert world.stock(sku) == (8, 0, 8)


def test_the_same_payment_requested_ten_times_charges_and_settles_once(world: World) -> None:
    sku = world.new_sku(stock=10)
    order = world.order({sku: 3})
    order_id = str(order["orderId"])
    world.orders.place([order])
    eventually(lambda: world.orders.histories([order_id])[order_id].commits, "a version 1")

    world.publish(PaymentRequested, *[{"orderId": order_id}] * 10)
    (history,) = world.wait(order_id)
    _settle_down(world)

    assert history.events == ["OrderValidated", "PaymentRequested", "PaymentProcessed", "OrderConfirmed"]
    assert world.stock(sku) == (7, 0, 7)
    assert (world.charge(order_id)["status"], world.charge(order_id)["amount_minor"]) == ("charged", 1500)


def _settle_down(world: World) -> None:
    """Wait until no delivery is left that could still do harm."""
    functions = world.deployment.functions
    urls = [queue.url for queue in world.deployment.queues.values() if functions[queue.service].writes_commits]
    eventually(lambda: not any(map(world.waiting, urls)), "a moment with empty queues")

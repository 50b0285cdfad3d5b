"""Two writers at once on every conditional write: one wins, the other sees it, and nothing is done twice."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from scripts.errors import UserError
from scripts.repair import Repair, Repairer
from scripts.seed_inventory import Seeder, SeedProduct
from services.libs.event_store import EventStore, VersionTakenError
from services.libs.inventory_table import InventoryTable, stock_to_item
from services.order_service.domain import PlacedOrder, conclude, decide
from services.payment_service.domain import refunded, settle
from services.payment_service.gateway import Charge, ChargeRequest, GatewayError
from services.payment_service.simulated_gateway import SimulatedGateway
from services.reservation_sweeper.domain import expire
from services.shared.commits import Cause, Commit
from tests.integration.world import World

_ROUNDS = 10
_CAUSE = Cause("event-1", "correlation-1", datetime.now(UTC))


def _at_once(*writers: Callable[[], object]) -> list[object]:
    """Start all in the same moment; return what each returned or raised."""
    barrier = threading.Barrier(len(writers))

    def run(writer: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return writer()
        except (VersionTakenError, GatewayError) as error:
            return error

    with ThreadPoolExecutor(len(writers)) as pool:
        return list(pool.map(run, writers))


def _store(world: World) -> EventStore:
    return EventStore(world.target.client("dynamodb"), world.deployment.tables)


def _gateway(world: World) -> SimulatedGateway:
    table = world.deployment.simulated_gateway_table_name
    return SimulatedGateway(world.target.client("dynamodb"), table, success_rate=1.0)


def _version_1(world: World, sku: str, customer_id: str = "customer-1", order_id: str | None = None) -> Commit:
    """Decide an order that is due in a week: neither relay nor sweeper knows its stream."""
    order = PlacedOrder(order_id or f"order-{uuid4().hex[:12]}", customer_id, {sku: 3}, "FAILURE")
    return decide(order, world.inventory.read([sku]), _CAUSE, timedelta(days=7))


def _append(world: World, commit: Commit) -> Callable[[], object]:
    store = _store(world)
    return lambda: store.append(commit)


def _one_won(results: Sequence[object]) -> bool:
    return sorted(isinstance(result, VersionTakenError) for result in results) == [False, True]


@pytest.fixture(autouse=True, scope="module")
def _services_stand_still(world: World) -> object:
    with world.paused("order-service"), world.paused("payment-service"):
        yield None


@pytest.mark.parametrize("round_", range(_ROUNDS))
def test_version_1_of_one_order_reserves_once(world: World, round_: int) -> None:
    sku = world.new_sku(stock=10)
    order_id = f"order-{uuid4().hex[:12]}"
    commits = [_version_1(world, sku, f"customer-{round_}-{number}", order_id) for number in range(2)]

    results = _at_once(*(_append(world, commit) for commit in commits))

    assert _one_won(results)
    assert world.stock(sku) == (10, 3, 7)


@pytest.mark.parametrize("round_", range(_ROUNDS))
def test_version_2_is_settled_or_expired_and_never_both(world: World, round_: int) -> None:
    sku = world.new_sku(stock=10)
    reserved = _version_1(world, sku)
    _store(world).append(reserved)
    world.charge_at_the_gateway(str(reserved.body["orderId"]), amount_minor=1500)
    paid = settle(reserved, Charge(f"charge-{round_}", accepted=True), _CAUSE)
    expired = expire(reserved, datetime.now(UTC))

    results = _at_once(_append(world, paid), _append(world, expired))

    assert _one_won(results)
    won = _store(world).read(reserved.stream_id)[1]
    assert world.stock(sku) == ((7, 0, 7) if won.events == paid.events else (10, 0, 10))


@pytest.mark.parametrize("end", ["confirmed", "refunded"])
def test_version_3_is_written_once(world: World, end: str) -> None:
    sku = world.new_sku(stock=10)
    reserved = _version_1(world, sku)
    world.charge_at_the_gateway(str(reserved.body["orderId"]), amount_minor=1500)
    if end == "confirmed":
        second = settle(reserved, Charge("charge-1", accepted=True), _CAUSE)
        third = conclude(second, _CAUSE)
    else:
        second = expire(reserved, datetime.now(UTC))
        third = refunded(second, _gateway(world).call_off(str(reserved.body["orderId"])), _CAUSE)
    assert third
    for commit in (reserved, second):
        _store(world).append(commit)

    results = _at_once(_append(world, third), _append(world, third))

    assert _one_won(results)
    assert len(_store(world).read(reserved.stream_id)) == 3


@pytest.mark.parametrize("round_", range(_ROUNDS))
def test_a_charge_and_its_calling_off_leave_no_money_taken(world: World, round_: int) -> None:
    order_id = f"order-{round_}-{uuid4().hex[:12]}"
    gateways = [_gateway(world) for _ in range(2)]

    charge, called_off = _at_once(
        lambda: gateways[0].charge(ChargeRequest(order_id, 1500, "GBP")), lambda: gateways[1].call_off(order_id)
    )

    assert isinstance(charge, Charge)
    if isinstance(called_off, GatewayError):  # the charge came between its two calls; its queue would bring it again
        called_off = gateways[1].call_off(order_id)
    assert called_off == (1500 if charge.accepted else 0)
    assert world.charge(order_id)["status"] == ("refunded" if charge.accepted else "called_off")


@pytest.mark.parametrize("round_", range(_ROUNDS))
def test_two_seedings_of_one_sku_leave_the_stock_of_one(world: World, round_: int) -> None:
    sku = world.new_sku(stock=10)

    def seed(stock: int) -> object:
        product = SeedProduct(sku=sku, name=sku, stock=stock, priceMinor=500, currency="GBP")
        return list(Seeder.of(world.target, world.deployment).seed([product]))

    _at_once(lambda: seed(20 + round_), lambda: seed(40 + round_))

    stock, reserved, available = world.stock(sku)
    assert stock in {20 + round_, 40 + round_}
    assert (reserved, available) == (0, stock)
    assert _store(world).latest_version(f"sku#{sku}") == 3


def test_a_seeding_and_a_reservation_keep_both(world: World) -> None:
    sku = world.new_sku(stock=10)
    product = SeedProduct(sku=sku, name=sku, stock=20, priceMinor=500, currency="GBP")
    reserved = _version_1(world, sku)

    _at_once(lambda: list(Seeder.of(world.target, world.deployment).seed([product])), _append(world, reserved))

    assert world.stock(sku) == (20, 3, 17)


def test_a_repair_of_what_has_changed_since_is_refused(world: World) -> None:
    sku = world.new_sku(stock=10)
    dynamodb = world.target.client("dynamodb")
    seen = InventoryTable(dynamodb, world.deployment.inventory_table_name).read([sku])[sku]
    _store(world).append(_version_1(world, sku))
    repairer = Repairer(dynamodb, world.deployment)

    with pytest.raises(UserError, match=f"{sku}: it is not what was compared any more"):
        repairer.write(Repair(sku, stock_to_item(seen), replace(seen, stock=1, available=1)))

    assert world.stock(sku) == (10, 3, 7)

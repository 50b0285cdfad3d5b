"""Two writers at once on every conditional write of the catalogue."""

from uuid import uuid4

import pytest

from scripts.operate.seed_categories import category_id
from services.shared.category_lifecycle import category_stream
from services.shared.commits import Command, Commit, sku_stream
from services.shared.refusals import Refusal, RefusedError
from tests.integration.meeting import Outcome, at_once, interrupted
from tests.integration.world import World
from tests.integration.writes import Writes, new_order

_COMMAND, _OTHER = Command("a" * 64, "b" * 64), Command("c" * 64, "d" * 64)


@pytest.fixture(autouse=True, scope="module")
def _services_stand_still(world: World) -> object:
    with world.paused("order-service"), world.paused("payment-service"), world.paused("fulfilment-service"):
        yield None


@pytest.fixture
def writes(world: World) -> Writes:
    return Writes(world)


def _new(kind: str) -> str:
    return f"{kind}-{uuid4().hex[:12]}"


def _refusals(met: Outcome) -> list[Refusal]:
    return [result.reason for result in met.results if isinstance(result, RefusedError)]


def test_a_request_that_comes_twice_creates_one_product(world: World, writes: Writes) -> None:
    sku = _new("test")

    met = at_once(world.target, *[writes.create_product(sku, _COMMAND)] * 2)

    first, second = met.results
    assert isinstance(first, Commit)
    assert (first.events, first.version, first.command) == (second.events, second.version, second.command)  # type: ignore[attr-defined]
    assert met.refused == 1
    assert len(writes.store().read(sku_stream(sku))) == 1


def test_of_two_requests_for_one_sku_one_is_a_conflict(world: World, writes: Writes) -> None:
    sku = _new("test")

    met = at_once(world.target, writes.create_product(sku, _COMMAND), writes.create_product(sku, _OTHER, name="Mug"))

    assert (_refusals(met), met.refused) == ([Refusal.CONFLICT], 1)
    assert len(writes.store().read(sku_stream(sku))) == 1


def test_a_sku_is_created_or_seeded_first_and_then_has_the_seeded_stock(world: World, writes: Writes) -> None:
    sku = _new("test")

    met = at_once(world.target, writes.create_product(sku, _COMMAND), writes.seed(sku, 10))

    assert met.refused == 1
    assert _refusals(met) in ([], [Refusal.CONFLICT])
    assert world.stock(sku) == (10, 0, 10)


def test_a_request_that_comes_twice_creates_one_category(world: World, writes: Writes) -> None:
    category = _new("cat")

    met = at_once(world.target, *[writes.create_category(category, _COMMAND)] * 2)

    assert (_refusals(met), met.refused) == ([], 1)
    assert len(writes.store().read(category_stream(category))) == 1


def test_two_seedings_create_a_category_once(world: World, writes: Writes) -> None:
    path = _new("Kitchen")

    met = at_once(world.target, *[writes.seed_category(path)] * 2)

    assert met.results == [{path: category_id(path)}] * 2
    assert met.refused == 1
    assert len(writes.store().read(category_stream(category_id(path)))) == 1


def test_of_two_changes_of_one_version_one_is_stale(world: World, writes: Writes) -> None:
    sku = world.new_sku()

    met = at_once(
        world.target,
        writes.update_product(sku, 1, price_minor=600),
        writes.update_product(sku, 1, name="Mug"),
    )

    assert (_refusals(met), met.refused) == ([Refusal.STALE], 1)
    product = world.inventory.read([sku])[sku].product
    assert (product.price_minor, product.name) in {(600, sku), (500, "Mug")}


def test_two_settings_of_the_stock_come_one_after_the_other(world: World, writes: Writes) -> None:
    sku = world.new_sku(stock=10)

    met = at_once(world.target, writes.set_stock(sku, 20), writes.set_stock(sku, 30))

    assert met.refused == 1
    assert world.stock(sku)[0] in {20, 30}
    assert len(writes.store().read(sku_stream(sku))) == 3


def test_a_price_and_a_stock_that_meet_both_stay(world: World, writes: Writes) -> None:
    sku = world.new_sku(stock=10)

    met = at_once(world.target, writes.update_product(sku, price_minor=600), writes.set_stock(sku, 20))

    assert (_refusals(met), met.refused) == ([], 1)
    assert world.inventory.read([sku])[sku].product.price_minor == 600
    assert world.stock(sku) == (20, 0, 20)


def test_an_order_right_before_a_new_price_is_not_in_its_way(world: World, writes: Writes) -> None:
    sku = world.new_sku(stock=10)

    met = interrupted(
        world.target, writes.update_product(sku, price_minor=600), lambda: writes.do(writes.place(new_order(sku)))
    )

    assert met.refused == 0
    assert world.inventory.read([sku])[sku].product.price_minor == 600
    assert world.stock(sku) == (10, 3, 7)


def test_an_order_right_before_the_stock_is_lowered_keeps_its_units(world: World, writes: Writes) -> None:
    sku = world.new_sku(stock=10)

    met = interrupted(world.target, writes.set_stock(sku, 2), lambda: writes.do(writes.place(new_order(sku))))

    assert (_refusals(met), met.refused) == ([Refusal.NOT_ALLOWED], 1)
    assert world.stock(sku) == (10, 3, 7)

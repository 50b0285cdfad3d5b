"""Two requests at once about an order: a repetition leads to the commit of the first, and another is decided anew."""

import pytest

from services.order_service.after_sale_service import Request
from services.shared.commits import Command, Commit
from services.shared.events.order import ReturnRequested
from services.shared.refusals import Refusal, RefusedError
from tests.integration.after_sale_writes import AfterSaleWrites
from tests.integration.meeting import Write, at_once
from tests.integration.world import World
from tests.integration.writes import new_order


@pytest.fixture(autouse=True, scope="module")
def _services_stand_still(world: World) -> object:
    with world.paused("order-service"), world.paused("payment-service"), world.paused("fulfilment-service"):
        yield None


@pytest.fixture
def writes(world: World) -> AfterSaleWrites:
    return AfterSaleWrites(world)


def _request(key: str = "key-1", content: str = "content-1", version: int | None = None) -> Request:
    return Request(Command(key, content), version)


def _one_commit(world: World, write: Write) -> Commit:
    """Have the same request come twice at once, and give the one commit that both are answered with."""
    met = at_once(world.target, write, write)

    first, second = met.results
    assert met.refused == 1
    assert isinstance(first, Commit)
    assert isinstance(second, Commit)
    # The store keeps times to the millisecond.
    assert (first.version, first.events, first.command) == (second.version, second.events, second.command)
    return first


@pytest.mark.parametrize("version", [None, 1])
def test_a_cancel_that_comes_twice_is_one(world: World, writes: AfterSaleWrites, version: int | None) -> None:
    order = new_order(world.new_sku(stock=10))
    writes.do(writes.place(order))

    commit = _one_commit(world, writes.cancel(order, _request(version=version)))

    assert [one.version for one in writes.commits(order)[1:]] == [commit.version]
    assert writes.commits(order)[1].command == Command("key-1", "content-1")


def test_a_return_that_comes_twice_is_one(world: World, writes: AfterSaleWrites) -> None:
    order = new_order(world.new_sku(stock=10))
    writes.delivered(order)

    commit = _one_commit(world, writes.request_return(order, "return-1", request=_request()))

    assert [one.version for one in writes.commits(order)[6:]] == [commit.version]


def test_goods_that_are_received_twice_are_refunded_and_restocked_once(world: World, writes: AfterSaleWrites) -> None:
    sku = world.new_sku(stock=10)
    order = new_order(sku)
    writes.delivered(order)
    writes.do(writes.request_return(order, "return-1"))

    commit = _one_commit(world, writes.receive_return(order, "return-1", request=_request()))

    assert [one.version for one in writes.commits(order)[7:]] == [commit.version]
    assert world.stock(sku) == (8, 0, 8)


def test_two_cancels_of_two_keys_are_one_and_the_other_changes_nothing(world: World, writes: AfterSaleWrites) -> None:
    order = new_order(world.new_sku(stock=10))
    writes.do(writes.place(order))

    met = at_once(world.target, *(writes.cancel(order, _request(key)) for key in ("key-1", "key-2")))

    assert met.refused == 1
    assert sorted(map(bool, met.results)) == [False, True]
    assert len(writes.commits(order)) == 2


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (_request(content="content-2"), Refusal.KEY_REUSED),
        (_request(key="key-2", version=6), Refusal.STALE),
    ],
    ids=["of one key", "for one version"],
)
def test_of_two_returns_only_one_can_be(world: World, writes: AfterSaleWrites, other: Request, reason: Refusal) -> None:
    order = new_order(world.new_sku(stock=10))
    writes.delivered(order)

    met = at_once(
        world.target,
        writes.request_return(order, "return-1", request=_request(version=other.version)),
        writes.request_return(order, "return-2", request=other),
    )

    refused = [result.reason for result in met.results if isinstance(result, RefusedError)]
    assert refused == [reason]
    assert [commit.find(ReturnRequested) is None for commit in writes.commits(order)[6:]] == [False]

"""Two writers at once on every conditional write: one wins, the other sees it, and nothing is done twice."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import time
from uuid import uuid4

import pytest

from scripts.cli.errors import UserError
from services.libs.store.event_store import EventStore
from services.libs.store.inventory_table import stock_to_item, stock_update
from services.libs.store.ledger_counters import LedgerCounters
from services.metrics_service.checkpoints import Checkpoints
from services.metrics_service.domain import Checkpoint
from services.metrics_service.exposition import Values
from services.metrics_service.page_store import KeptPage, PageStore
from services.order_service.domain import decide
from services.payment_service.gateway import Charge, ChargeConflictError
from services.shared.commits import sku_stream
from services.shared.events.order import FulfilmentStarted, OrderCancelled
from services.shared.events.payment import PaymentProcessed, RefundProcessed
from services.shared.inventory import Move, Product, StockItem, StockLine, StockMove
from services.shared.refusals import RefusedError
from services.shared.rejections import RejectedError, RejectionReason
from services.shared.shipment_lifecycle import DELIVERED, SHIPMENT
from tests.integration.meeting import at_once, interrupted
from tests.integration.world import World
from tests.integration.writes import CAUSE, PAYMENT_TIMEOUT, Writes, new_order

# Before anything else that the counters hold.
_LONG_AGO, _LATER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)
_UNKNOWN_SKUS = "orders_processed_total|status=error|error_type=unknown_sku"


@pytest.fixture(autouse=True, scope="module")
def _services_stand_still(world: World) -> object:
    with world.paused("order-service"), world.paused("payment-service"), world.paused("fulfilment-service"):
        yield None


@pytest.fixture
def writes(world: World) -> Writes:
    return Writes(world)


@pytest.fixture(params=range(5))
def several_times() -> None:
    """For what looks right where the right one of the two happens to be first."""


def test_an_order_that_comes_twice_reserves_once(world: World, writes: Writes) -> None:
    sku = world.new_sku(stock=10)
    order = new_order(sku)

    met = at_once(world.target, writes.place(order), writes.place(order))

    assert met.results == [[None], [None]]
    assert met.refused == 1
    assert world.stock(sku) == (10, 3, 7)


def test_of_two_orders_with_one_id_one_is_placed_and_the_other_is_a_conflict(world: World, writes: Writes) -> None:
    sku = world.new_sku(stock=10)
    order = new_order(sku)
    other = replace(order, customer_id="customer-2")

    met = at_once(world.target, writes.place(order), writes.place(other))

    (conflict,) = [result for result in met.results if result != [None]]
    assert isinstance(conflict, list)
    assert isinstance(conflict[0], RejectedError)
    assert conflict[0].reason == RejectionReason.CONFLICT
    assert met.refused == 1
    assert world.stock(sku) == (10, 3, 7)


def test_two_batches_that_share_an_order_place_each_once(world: World, writes: Writes) -> None:
    sku = world.new_sku(stock=20)
    mine, shared, yours = orders = [new_order(sku) for _ in range(3)]

    met = at_once(world.target, writes.place(mine, shared), writes.place(shared, yours))

    assert met.results == [[None, None], [None, None]]
    assert met.refused == 1
    assert world.stock(sku) == (20, 9, 11)
    assert [len(writes.commits(order)) for order in orders] == [1, 1, 1]


def test_the_last_units_go_to_one_of_two_orders(world: World, writes: Writes) -> None:
    sku = world.new_sku(stock=3)
    orders = [new_order(sku), new_order(sku)]

    met = at_once(world.target, *(writes.place(order) for order in orders))

    assert met.refused == 1
    assert world.stock(sku) == (3, 3, 0)
    refused = [writes.commits(order)[0].find(OrderCancelled) is not None for order in orders]
    assert sorted(refused) == [False, True]


def test_two_batches_that_share_a_payment_settle_each_once(world: World, writes: Writes) -> None:
    sku = world.new_sku(stock=20)
    mine, shared, yours, unpaid = (new_order(sku) for _ in range(4))
    writes.do(writes.place(mine, shared, yours, unpaid))

    met = at_once(world.target, writes.pay(mine, shared), writes.pay(shared, yours))

    assert met.results == [[None, None], [None, None]]
    assert met.refused == 1
    assert world.stock(sku) == (11, 3, 8)


@pytest.mark.usefixtures("several_times")
def test_an_order_is_paid_or_expires_and_never_both(world: World, writes: Writes) -> None:
    sku = world.new_sku(stock=20)
    order, unpaid = new_order(sku), new_order(sku)
    writes.do(writes.place(order, unpaid))

    met = at_once(world.target, writes.pay(order), writes.expire(order))

    paid = writes.commits(order)[1].find(PaymentProcessed) is not None
    assert met.refused == 1
    assert met.results == [[None], {}]
    assert world.stock(sku) == ((17, 3, 14) if paid else (20, 3, 17))


def test_a_deadline_that_two_messages_tell_of_takes_effect_once(world: World, writes: Writes) -> None:
    sku = world.new_sku(stock=10)
    order = new_order(sku)
    writes.do(writes.place(order))

    met = at_once(world.target, writes.expire(order), writes.expire(order))

    assert (met.results, met.refused) == ([{}, {}], 1)
    assert world.stock(sku) == (10, 0, 10)
    assert len(writes.commits(order)) == 2


@pytest.mark.parametrize("move", [Move.SETTLE, Move.RELEASE])
def test_reserved_units_leave_once(world: World, move: Move) -> None:
    """Versions see to that already; a SKU that no log knows shows that the inventory does too."""
    client, table = world.target.client("dynamodb"), world.deployment.tables.inventory
    item = StockItem(f"unlogged-{uuid4().hex[:12]}", Product("Unlogged", 500, "GBP"), 10, 3, 7)
    client.put_item(TableName=table, Item=stock_to_item(item))
    (change,) = StockMove(move, (StockLine(item.sku, 3),)).changes()
    update = stock_update(table, change)

    met = at_once(
        world.target,
        *[lambda client: client.transact_write_items(TransactItems=[{"Update": update}])] * 2,
    )

    stock = world.stock(item.sku)
    client.delete_item(TableName=table, Key={"item_id": {"S": item.sku}})
    assert met.refused == 1
    assert stock == ((7, 0, 7) if move is Move.SETTLE else (10, 0, 10))


@pytest.mark.parametrize("pays", [True, False])
def test_an_order_is_concluded_once(world: World, writes: Writes, pays: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    order = new_order(world.new_sku(stock=10), pays=pays)
    writes.do(writes.place(order), writes.pay(order))
    causes = [replace(CAUSE, event_id=f"event-{number}") for number in range(3)]

    met = at_once(world.target, *(writes.conclude(order, cause) for cause in causes[:2]))

    concluded = writes.commits(order)
    assert met.results == [[None], [None]]
    assert met.refused == 1
    assert len(concluded) == 3
    writes.do(writes.conclude(order, causes[2]))
    assert writes.commits(order) == concluded


def test_an_order_that_expired_is_called_off_once(world: World, writes: Writes) -> None:
    order = new_order(world.new_sku(stock=10))
    writes.do(writes.place(order))
    writes.do(writes.expire(order))
    world.charge_at_the_gateway(order.order_id, amount_minor=1500)

    met = at_once(world.target, *[writes.make_refunds(order)] * 2)

    assert met.results == [None, None]
    assert met.refused == 1
    assert len(writes.commits(order)) == 3
    assert writes.commits(order)[2].get(RefundProcessed).refunded_minor == 1500
    assert world.charge(order.order_id)["status"] == "refunded"


def test_an_order_that_was_cancelled_after_its_payment_is_refunded_once(world: World, writes: Writes) -> None:
    order = new_order(world.new_sku(stock=10))
    writes.do(writes.place(order), writes.pay(order), writes.cancel(order))

    met = at_once(world.target, *[writes.make_refunds(order)] * 2)

    assert met.results == [None, None]
    assert met.refused == 1
    assert len(writes.commits(order)) == 4
    assert writes.commits(order)[3].get(RefundProcessed).refunded_minor == 1500
    entry = world.charge(order.order_id)
    assert (entry["status"], entry["refunded_minor"]) == ("charged", 1500)


@pytest.mark.usefixtures("several_times")
@pytest.mark.parametrize(("amounts", "refused"), [((1000, 500), 0), ((1000, 501), 1)])
def test_two_refunds_of_one_charge_never_exceed_it(
    world: World, writes: Writes, amounts: tuple[int, int], refused: int
) -> None:
    order_id = f"order-{uuid4().hex[:12]}"
    writes.do(writes.charge_at_the_gateway(order_id, 1500))

    met = at_once(
        world.target,
        *(writes.refund_at_the_gateway(order_id, f"refund-{amount}", amount) for amount in amounts),
        at_write=2,
    )

    assert met.results.count(False) == met.refused == refused
    given_back = [amount for amount, result in zip(amounts, met.results, strict=True) if result]
    assert world.charge(order_id)["refunded_minor"] == sum(given_back)


def test_a_refund_that_is_asked_for_twice_is_given_back_once(world: World, writes: Writes) -> None:
    order_id = f"order-{uuid4().hex[:12]}"
    writes.do(writes.charge_at_the_gateway(order_id, 1500))

    met = at_once(world.target, *[writes.refund_at_the_gateway(order_id, "refund-1", 400)] * 2, at_write=2)

    assert (met.results, met.refused) == ([True, True], 1)
    assert world.charge(order_id)["refunded_minor"] == 400


@pytest.mark.usefixtures("several_times")
def test_a_refund_and_the_calling_off_of_its_charge_give_back_the_charge_once(world: World, writes: Writes) -> None:
    order_id = f"order-{uuid4().hex[:12]}"
    writes.do(writes.charge_at_the_gateway(order_id, 1500))

    met = at_once(
        world.target,
        writes.refund_at_the_gateway(order_id, "refund-1", 400),
        writes.call_off_at_the_gateway(order_id),
        at_write=2,
    )

    refunded, called_off = met.results
    assert called_off == (1100 if refunded else 1500)
    assert met.refused == (0 if refunded else 1)
    assert world.charge(order_id)["status"] == "refunded"


def test_of_two_starts_of_an_order_one_makes_its_parcels(world: World, writes: Writes) -> None:
    order = new_order(world.new_sku(stock=10))
    writes.confirmed(order)

    met = at_once(world.target, writes.start(order), writes.start(order))

    assert (met.results, met.refused) == ([None, None], 1)
    assert (len(writes.commits(order)), len(writes.parcel(order))) == (4, 1)


@pytest.mark.usefixtures("several_times")
def test_an_order_is_cancelled_or_shipped_and_never_both(world: World, writes: Writes) -> None:
    sku = world.new_sku(stock=10)
    order = new_order(sku)
    writes.confirmed(order)

    met = at_once(world.target, writes.start(order), writes.cancel(order))

    started = writes.commits(order)[3].find(FulfilmentStarted) is not None
    assert met.refused == 1
    assert len(writes.commits(order)) == 4
    assert len(writes.parcel(order)) == int(started)
    assert isinstance(met.results[1], RefusedError) == started
    assert world.stock(sku) == ((7, 0, 7) if started else (10, 0, 10))


def test_a_parcel_that_two_workers_book_has_one_label(world: World, writes: Writes) -> None:
    order = new_order(world.new_sku(stock=10))
    writes.confirmed(order)
    writes.do(writes.start(order))

    met = at_once(world.target, writes.book(order), writes.book(order))

    assert (met.results, met.refused) == ([None, None], 1)
    assert len(writes.parcel(order)) == 2


def test_of_two_trackers_of_a_parcel_one_writes_its_step(world: World, writes: Writes) -> None:
    order = new_order(world.new_sku(stock=10))
    writes.confirmed(order)
    writes.do(writes.start(order), writes.book(order))

    met = at_once(world.target, writes.track(order), writes.track(order))

    assert (met.results, met.refused) == ([{}, {}], 1)
    assert SHIPMENT.fold(writes.parcel(order)).phase == DELIVERED
    assert len(writes.parcel(order)) == 3


@pytest.mark.usefixtures("several_times")
def test_a_tracker_and_a_message_of_the_carrier_move_the_parcel_forward_alone(world: World, writes: Writes) -> None:
    order = new_order(world.new_sku(stock=10))
    writes.confirmed(order)
    writes.do(writes.start(order), writes.book(order))

    met = at_once(world.target, writes.track(order), writes.tell(order, "picked_up"))

    assert met.refused == 1
    assert SHIPMENT.fold(writes.parcel(order)).phase == DELIVERED
    assert len(writes.parcel(order)) in {3, 4}


def test_two_charges_for_one_order_are_one(world: World, writes: Writes) -> None:
    order_id = f"order-{uuid4().hex[:12]}"

    met = at_once(world.target, *[writes.charge_at_the_gateway(order_id, 1500)] * 2)

    assert met.results[0] == met.results[1]
    entry = world.charge(order_id)
    assert (entry["status"], entry["attempts"]) == ("charged", 2)
    assert writes.refund(order_id) == 1500


def test_of_two_charges_of_different_amounts_one_is_taken(world: World, writes: Writes) -> None:
    order_id = f"order-{uuid4().hex[:12]}"
    amounts = [1500, 2500]

    met = at_once(world.target, *(writes.charge_at_the_gateway(order_id, amount) for amount in amounts))

    taken = [amount for amount, result in zip(amounts, met.results, strict=True) if isinstance(result, Charge)]
    assert sum(isinstance(result, ChargeConflictError) for result in met.results) == 1
    assert met.refused == 1
    assert [writes.refund(order_id)] == taken


@pytest.mark.usefixtures("several_times")
def test_a_charge_and_its_calling_off_leave_no_money_taken(world: World, writes: Writes) -> None:
    order_id = f"order-{uuid4().hex[:12]}"

    met = at_once(world.target, writes.charge_at_the_gateway(order_id, 1500), writes.call_off_at_the_gateway(order_id))

    charge, called_off = met.results
    assert isinstance(charge, Charge)
    assert called_off == (1500 if charge.accepted else 0)
    assert world.charge(order_id)["status"] == ("refunded" if charge.accepted else "called_off")


def test_a_charge_between_the_two_calls_of_its_calling_off_is_given_back(world: World, writes: Writes) -> None:
    order_id = f"order-{uuid4().hex[:12]}"

    met = interrupted(
        world.target,
        writes.call_off_at_the_gateway(order_id),
        between=lambda: world.charge_at_the_gateway(order_id, amount_minor=1500),
        at_write=2,
    )

    assert (met.results, met.refused) == ([1500], 1)
    assert world.charge(order_id)["status"] == "refunded"


def _count_one(store: EventStore) -> None:
    """Append what is counted long ago, and what nobody does anything about: an order of what is not sold."""
    store.append(decide(new_order("nowhere"), {}, replace(CAUSE, at=_LONG_AGO), PAYMENT_TIMEOUT))


def test_of_two_foldings_of_a_counter_one_adds_it_up(world: World, writes: Writes) -> None:
    table = world.deployment.tables.metrics
    counters = LedgerCounters(world.target.client("dynamodb"), table)
    _count_one(writes.store())
    before = counters.read()

    met = at_once(world.target, *[lambda client: LedgerCounters(client, table).fold(_LATER)] * 2)

    assert sorted(map(str, met.results)) == ["0", "1"]
    assert met.refused == 1
    assert counters.read() == before


def test_a_counter_that_is_added_to_while_it_is_folded_loses_nothing(world: World, writes: Writes) -> None:
    table = world.deployment.tables.metrics
    counters, store = LedgerCounters(world.target.client("dynamodb"), table), writes.store()
    _count_one(store)
    before = counters.read()[_UNKNOWN_SKUS]

    met = interrupted(
        world.target,
        lambda client: LedgerCounters(client, table).fold(_LATER),
        between=lambda: _count_one(store),
    )

    assert (met.results, met.refused) == ([0], 1)
    assert counters.fold(_LATER) == 1
    assert counters.read()[_UNKNOWN_SKUS] == before + 1


def test_of_two_readers_of_cloudwatch_one_saves_its_checkpoint(world: World) -> None:
    table = world.deployment.tables.metrics
    checkpoints = Checkpoints(world.target.client("dynamodb"), table)
    standing = checkpoints.read() or Checkpoint.first(datetime.now(UTC))
    mine, yours = (replace(standing, version=standing.version + 1, read_at=time() + number) for number in range(2))

    met = at_once(
        world.target, *(lambda client, own=own: Checkpoints(client, table).save(own) for own in (mine, yours))
    )

    assert sorted(map(bool, met.results)) == [False, True]
    assert met.refused == 1
    assert checkpoints.read() == (mine if met.results[0] else yours)


def test_of_two_readers_of_cloudwatch_one_takes_the_turn(world: World) -> None:
    table, turn = world.deployment.tables.metrics, int(time())

    met = at_once(world.target, *[lambda client: Checkpoints(client, table).take_turn(turn)] * 2)

    assert sorted(map(bool, met.results)) == [False, True]
    assert met.refused == 1


def test_of_two_readers_that_made_a_page_at_once_one_saves_it(world: World) -> None:
    table, now = world.deployment.tables.metrics, datetime.now(UTC).replace(microsecond=0)
    pages = PageStore(world.target.client("dynamodb"), table)
    latest = pages.latest()
    version = latest.version + 1 if latest else 1
    mine, yours = (KeptPage(version, now, Values({"a_total": number})) for number in (1.0, 2.0))

    met = at_once(world.target, *(lambda client, own=own: PageStore(client, table).save(own) for own in (mine, yours)))

    assert sorted(map(bool, met.results)) == [False, True]
    assert met.refused == 1
    assert pages.latest() == (mine if met.results[0] else yours)


def test_of_two_readers_one_takes_the_turn_to_make_a_page(world: World) -> None:
    table, after_any_turn = world.deployment.tables.metrics, datetime.now(UTC) + timedelta(minutes=1)

    met = at_once(
        world.target, *[lambda client: PageStore(client, table).take_turn(after_any_turn, timedelta(seconds=5))] * 2
    )

    assert sorted(map(bool, met.results)) == [False, True]
    assert met.refused == 1


@pytest.mark.usefixtures("several_times")
@pytest.mark.parametrize("is_new", [True, False])
def test_two_seedings_of_one_sku_leave_the_stock_of_one(world: World, writes: Writes, is_new: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    sku = f"test-{uuid4().hex[:12]}" if is_new else world.new_sku(stock=10)

    met = at_once(world.target, writes.seed(sku, 20), writes.seed(sku, 40))

    stock, reserved, available = world.stock(sku)
    assert met.refused == 1
    assert stock in {20, 40}
    assert (reserved, available) == (0, stock)
    assert writes.store().latest_version(sku_stream(sku)) == (2 if is_new else 3)


@pytest.mark.usefixtures("several_times")
def test_a_seeding_and_a_reservation_keep_both(world: World, writes: Writes) -> None:
    sku = world.new_sku(stock=10)

    at_once(world.target, writes.seed(sku, 20), writes.place(new_order(sku)))

    assert world.stock(sku) == (20, 3, 17)


def test_a_seeding_that_a_payment_comes_before_counts_anew(world: World, writes: Writes) -> None:
    sku = world.new_sku(stock=10)
    order = new_order(sku)
    writes.do(writes.place(order))

    met = interrupted(world.target, writes.seed(sku, 20), between=lambda: writes.do(writes.pay(order)))

    assert met.refused == 1
    assert world.stock(sku) == (20, 0, 20)


def test_of_two_repairs_of_one_sku_one_is_made(world: World, writes: Writes) -> None:
    sku = world.new_sku(stock=10)
    right = world.inventory.read([sku])[sku]
    wrong = replace(right, available=9)
    table = world.deployment.tables.inventory
    world.target.client("dynamodb").put_item(TableName=table, Item=stock_to_item(wrong))

    met = at_once(world.target, writes.repair(wrong, right), writes.repair(wrong, right))

    assert sum(isinstance(result, UserError) for result in met.results) == met.refused == 1
    assert world.stock(sku) == (10, 0, 10)
    assert writes.store().latest_version(sku_stream(sku)) == 2


def test_a_repair_of_what_has_changed_since_is_refused(world: World, writes: Writes) -> None:
    sku = world.new_sku(stock=10)
    seen = world.inventory.read([sku])[sku]

    met = interrupted(
        world.target,
        writes.repair(seen, replace(seen, stock=1, available=1)),
        between=lambda: writes.do(writes.place(new_order(sku))),
    )

    assert met.refused == 1
    assert world.stock(sku) == (10, 3, 7)


def test_a_repair_does_not_take_a_new_price_back(world: World, writes: Writes) -> None:
    sku = world.new_sku(stock=10)
    seen = world.inventory.read([sku])[sku]

    met = interrupted(world.target, writes.repair(seen, seen), between=lambda: writes.do(writes.seed(sku, 10, 600)))

    assert met.refused == 1
    assert world.inventory.read([sku])[sku].product.price_minor == 600


def test_a_repair_of_a_missing_item_that_is_there_again_is_refused(world: World, writes: Writes) -> None:
    sku = world.new_sku(stock=10)
    seen = world.inventory.read([sku])[sku]

    with pytest.raises(UserError, match="it has changed since it was compared"):
        writes.do(writes.repair(None, replace(seen, stock=1, available=1)))

    assert world.inventory.read([sku])[sku] == seen

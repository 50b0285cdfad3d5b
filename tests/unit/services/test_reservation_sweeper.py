import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count, islice

import pytest

from services.libs.commit_items import DUE_SHARDS, due_shard
from services.libs.dynamodb_items import to_item
from services.libs.event_store import EventStore
from services.libs.structured_logging import configure_logging
from services.order_service.service import OrderService
from services.payment_service.gateway import ChargeRequest
from services.payment_service.service import PaymentService
from services.payment_service.simulated_gateway import SimulatedGateway
from services.reservation_sweeper.cursor import Position, SweepCursor
from services.reservation_sweeper.service import ReservationSweeper, Swept
from services.shared.commits import Cause, timestamp
from services.shared.events import EventType
from services.shared.rejections import RejectedError, RejectionReason
from tests.factories import CAUSE, NOW, PAYMENT_TIMEOUT, conclude, pay, place, placed_order, seeding
from tests.unit.conftest import EVENT_STORE_TABLE, GATEWAY_TABLE, INVENTORY_TABLE, METRICS_TABLE, Aws

DUE = NOW + PAYMENT_TIMEOUT
CHARGE = ChargeRequest("order-1", 1000, "GBP")


@pytest.fixture
def sweeper(aws: Aws) -> ReservationSweeper:
    aws.store.append(seeding("prod-001", stock=1000))
    return ReservationSweeper(aws.store, SweepCursor(aws.dynamodb, METRICS_TABLE))


@pytest.fixture
def payments(aws: Aws) -> PaymentService:
    return PaymentService(aws.store, SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0))


def _place(aws: Aws, *order_ids: str, at: datetime = NOW) -> None:
    service = OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT)
    for order_id in order_ids:
        place(service, placed_order(order_id, {"prod-001": 2}), replace(CAUSE, at=at))


def _place_at_nine_times(aws: Aws) -> None:
    """With eight shards, two of the orders share one and are due in it at different times."""
    for minute in range(9):
        _place(aws, f"order-{minute}", at=NOW + timedelta(minutes=minute))


def _take_reservations_away(aws: Aws, left: int = 0) -> None:
    """Whatever releases more than what is left is refused from here on."""
    aws.dynamodb.update_item(
        TableName=INVENTORY_TABLE,
        Key={"item_id": {"S": "prod-001"}},
        UpdateExpression="SET reserved = :reserved",
        ExpressionAttributeValues={":reserved": {"N": str(left)}},
    )


def _position(aws: Aws) -> Position:
    """Where the sweeper stands in the shard of order-1."""
    return SweepCursor(aws.dynamodb, METRICS_TABLE).read(int(due_shard("order#order-1")))


def _swept_until(aws: Aws) -> str:
    return _position(aws).until


def _ids_in(shard: int) -> Iterator[str]:
    return (order_id for order_id in map("order-{}".format, count()) if due_shard(f"order#{order_id}") == str(shard))


def _place_in_shard_of_order_1(aws: Aws, orders: int) -> list[str]:
    """One a minute."""
    ids = list(islice(_ids_in(int(due_shard("order#order-1"))), orders))
    for minute, order_id in enumerate(ids):
        _place(aws, order_id, at=NOW + timedelta(minutes=minute))
    return ids


def _spoil(aws: Aws, order_id: str) -> None:
    """It can never be expired, nor settled."""
    aws.dynamodb.update_item(
        TableName=EVENT_STORE_TABLE,
        Key=to_item({"stream_id": f"order#{order_id}", "version": 1}),
        UpdateExpression="REMOVE body",
    )


def _events(aws: Aws, order_id: str = "order-1") -> list[EventType]:
    return [event for commit in aws.store.read(f"order#{order_id}") for event in commit.events]


def test_an_unpaid_order_is_cancelled_once_it_is_due_and_its_stock_released(
    aws: Aws, sweeper: ReservationSweeper
) -> None:
    _place(aws, "order-1")

    assert sweeper.sweep(DUE - timedelta(seconds=1)).expired == 0
    assert aws.stock() == (1000, 2, 998)
    assert sweeper.sweep(DUE).expired == 1

    assert aws.stock() == (1000, 0, 1000)
    assert _events(aws)[2:] == [EventType.ORDER_CANCELLED, EventType.REFUND_REQUESTED]
    expired = aws.store.read("order#order-1")[-1]
    assert expired.body == {
        "orderId": "order-1",
        "customerId": "customer-1",
        "items": [{"sku": "prod-001", "quantity": 2, "unitPriceMinor": 500}],
        "amountMinor": 1000,
        "currency": "GBP",
        "reason": "payment_timeout",
    }
    assert expired.cause == Cause("order#order-1/1/1", CAUSE.correlation_id, DUE)


def test_a_settled_order_is_left_alone(aws: Aws, sweeper: ReservationSweeper, payments: PaymentService) -> None:
    _place(aws, "order-1")
    pay(payments, "order-1", CAUSE)
    aws.dynamodb.meta.events.register(
        "before-call.dynamodb.TransactWriteItems", lambda **_: pytest.fail("a transaction that cannot succeed")
    )

    assert sweeper.sweep(DUE + timedelta(hours=1)) == Swept(settled=1)
    assert _events(aws)[2:] == [EventType.PAYMENT_PROCESSED]


def test_an_order_that_is_settled_while_it_is_swept_is_left_alone(
    aws: Aws, sweeper: ReservationSweeper, payments: PaymentService, monkeypatch: pytest.MonkeyPatch
) -> None:
    _place(aws, "order-1")
    pay(payments, "order-1", CAUSE)
    monkeypatch.setattr(EventStore, "without_version", lambda _, stream_ids, __: stream_ids)

    assert sweeper.sweep(DUE + timedelta(hours=1)) == Swept(settled=1)

    assert _events(aws)[2:] == [EventType.PAYMENT_PROCESSED]
    assert _swept_until(aws) == timestamp(DUE + timedelta(minutes=58))


def test_sweeping_again_changes_nothing(aws: Aws, sweeper: ReservationSweeper) -> None:
    _place(aws, "order-1")

    assert [sweeper.sweep(DUE + timedelta(seconds=wait)).expired for wait in (0, 30, 600, 1200)] == [1, 0, 0, 0]
    assert aws.stock() == (1000, 0, 1000)


def test_an_order_that_the_index_showed_late_is_still_found(aws: Aws, sweeper: ReservationSweeper) -> None:
    sweeper.sweep(DUE + timedelta(minutes=2))
    _place(aws, "order-1")

    assert sweeper.sweep(DUE + timedelta(minutes=3)).expired == 1


def test_what_is_done_for_good_is_not_looked_at_again(aws: Aws, sweeper: ReservationSweeper) -> None:
    _place(aws, "order-1")
    sweeper.sweep(DUE + timedelta(minutes=10))

    assert sweeper.sweep(DUE + timedelta(minutes=11)).settled == 0
    assert _swept_until(aws) == timestamp(DUE + timedelta(minutes=9))


def test_a_clock_that_is_behind_sets_no_cursor_back(aws: Aws, sweeper: ReservationSweeper) -> None:
    sweeper.sweep(DUE + timedelta(minutes=10))
    sweeper.sweep(DUE)

    assert _swept_until(aws) == timestamp(DUE + timedelta(minutes=8))


def test_many_due_orders_over_all_shards_are_found(
    aws: Aws, sweeper: ReservationSweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.reservation_sweeper.service._BATCH", 5)
    order_ids = [f"order-{number}" for number in range(120)]
    _place(aws, *order_ids)

    assert {due_shard(f"order#{order_id}") for order_id in order_ids} == {str(shard) for shard in range(DUE_SHARDS)}
    assert sweeper.sweep(DUE).expired == 120
    assert aws.stock() == (1000, 0, 1000)


def test_what_no_time_is_left_for_is_taken_up_by_the_next_sweep(aws: Aws, sweeper: ReservationSweeper) -> None:
    _place_at_nine_times(aws)

    assert sweeper.sweep(DUE + timedelta(hours=1), out_of_time=lambda: True).expired == 0
    assert sweeper.sweep(DUE + timedelta(hours=1, minutes=1)).expired == 9


def test_the_time_of_the_index_delay_is_swept_again_where_no_time_was_left(
    aws: Aws, sweeper: ReservationSweeper
) -> None:
    _place(aws, "order-1")

    sweeper.sweep(DUE, out_of_time=lambda: True)

    assert _swept_until(aws) == timestamp(DUE - timedelta(minutes=2))


def test_an_order_that_fails_keeps_no_other_from_being_swept_and_is_tried_again(
    aws: Aws, sweeper: ReservationSweeper
) -> None:
    _place(aws, "order-1", "order-2")
    _take_reservations_away(aws, left=2)

    first = sweeper.sweep(DUE + timedelta(hours=1))
    second = sweeper.sweep(DUE + timedelta(hours=2))

    assert (first.expired, first.failed) == (1, 1)
    assert second.failed == 1


def test_the_cursor_passes_an_order_that_fails_and_remembers_it(aws: Aws, sweeper: ReservationSweeper) -> None:
    _place(aws, "order-1")
    _take_reservations_away(aws)

    sweeper.sweep(DUE)
    assert _position(aws) == Position(timestamp(DUE - timedelta(minutes=2)))
    sweeper.sweep(DUE + timedelta(days=1))
    assert _position(aws) == Position(timestamp(DUE + timedelta(days=1, minutes=-2)), ("order#order-1",))


def test_an_order_that_was_passed_over_is_expired_once_it_can_be_and_forgotten(
    aws: Aws, sweeper: ReservationSweeper
) -> None:
    _place(aws, "order-1")
    _take_reservations_away(aws)
    sweeper.sweep(DUE + timedelta(days=1))
    _take_reservations_away(aws, left=2)

    assert sweeper.sweep(DUE + timedelta(days=1, minutes=1)) == Swept(expired=1)

    assert _position(aws).passed_over == ()
    assert sweeper.sweep(DUE + timedelta(days=1, minutes=2)) == Swept()


def test_an_order_that_was_passed_over_and_settled_meanwhile_is_forgotten(
    aws: Aws, sweeper: ReservationSweeper, payments: PaymentService
) -> None:
    _place(aws, "order-1")
    _take_reservations_away(aws)
    sweeper.sweep(DUE + timedelta(days=1))
    _take_reservations_away(aws, left=2)
    pay(payments, "order-1")

    assert sweeper.sweep(DUE + timedelta(days=1, minutes=1)) == Swept(settled=1)

    assert _position(aws).passed_over == ()


def test_what_was_passed_over_is_kept_where_no_time_is_left(aws: Aws, sweeper: ReservationSweeper) -> None:
    _place(aws, "order-1")
    _take_reservations_away(aws)
    sweeper.sweep(DUE + timedelta(days=1))

    assert sweeper.sweep(DUE + timedelta(days=2), out_of_time=lambda: True) == Swept()

    assert _position(aws).passed_over == ("order#order-1",)


def test_what_is_new_comes_before_what_was_passed_over(aws: Aws, sweeper: ReservationSweeper) -> None:
    spoilt, new = islice(_ids_in(0), 2)
    _place(aws, spoilt)
    _spoil(aws, spoilt)
    sweeper.sweep(DUE + timedelta(days=1))
    _place(aws, new, at=NOW + timedelta(days=1))

    first_shard = (DUE + timedelta(days=2)).replace(minute=0)
    assert sweeper.sweep(first_shard, out_of_time=_after(looks=1)) == Swept(expired=1)


def test_beyond_so_many_that_were_passed_over_the_cursor_is_held_back(aws: Aws) -> None:
    aws.store.append(seeding("prod-001", stock=1000))
    sweeper = ReservationSweeper(aws.store, SweepCursor(aws.dynamodb, METRICS_TABLE), most_passed_over=2)
    ids = _place_in_shard_of_order_1(aws, 4)
    _take_reservations_away(aws)

    for day in (1, 2):
        assert sweeper.sweep(DUE + timedelta(days=day)).failed == 4
        assert _position(aws) == Position(
            timestamp(DUE + timedelta(minutes=2)), tuple(f"order#{order_id}" for order_id in ids[:2])
        )
    _take_reservations_away(aws, left=8)

    assert sweeper.sweep(DUE + timedelta(days=3)).expired == 4
    assert _position(aws) == Position(timestamp(DUE + timedelta(days=3, minutes=-2)))


def test_two_sweeps_at_once_lose_no_order_that_fails(aws: Aws) -> None:
    """The slower one has read its position before the other passes the order over, and writes it last."""
    aws.store.append(seeding("prod-001", stock=1000))
    _place(aws, "order-1")
    _take_reservations_away(aws)
    cursor = SweepCursor(aws.dynamodb, METRICS_TABLE)

    class SlowCursor(SweepCursor):
        def read(self, shard: int) -> Position:
            before = super().read(shard)
            ReservationSweeper(aws.store, cursor).sweep(DUE + timedelta(minutes=5))
            return before

    slow = ReservationSweeper(aws.store, SlowCursor(aws.dynamodb, METRICS_TABLE))
    for hurried in (True, False):
        slow.sweep(DUE + timedelta(minutes=4), out_of_time=_after(looks=0 if hurried else 100))
    _take_reservations_away(aws, left=2)

    assert ReservationSweeper(aws.store, cursor).sweep(DUE + timedelta(minutes=6)).expired == 1


@pytest.mark.parametrize("minute", [0, 7, 59])
def test_a_shard_that_takes_all_the_time_is_the_first_only_in_its_turn(
    aws: Aws, sweeper: ReservationSweeper, minute: int
) -> None:
    ids = [next(_ids_in(shard)) for shard in range(DUE_SHARDS)]
    _place(aws, *ids)

    assert sweeper.sweep((DUE + timedelta(days=1)).replace(minute=minute), out_of_time=_after(looks=1)).expired == 1

    assert [len(aws.store.read(f"order#{order_id}")) - 1 for order_id in ids].index(1) == minute % DUE_SHARDS


def test_an_order_that_can_never_be_expired_starves_no_other(
    aws: Aws, sweeper: ReservationSweeper, payments: PaymentService
) -> None:
    """Its shard holds more settled orders than a sweep has time for, and each other shard one that is due."""
    spoilt, *settled = islice(_ids_in(0), 9)
    for minute, order_id in enumerate([spoilt, *settled]):
        _place(aws, order_id, at=NOW + timedelta(minutes=minute))
    payments.pay_all([(order_id, CAUSE) for order_id in settled])
    _place(aws, *(next(_ids_in(shard)) for shard in range(1, DUE_SHARDS)), at=NOW + timedelta(hours=1))
    _spoil(aws, spoilt)

    swept = [
        sweeper.sweep(DUE + timedelta(days=1, minutes=minute), out_of_time=_after(looks=3))
        for minute in range(2 * DUE_SHARDS)
    ]

    assert sum(one.expired for one in swept) == DUE_SHARDS - 1
    assert SweepCursor(aws.dynamodb, METRICS_TABLE).read(0).passed_over == (f"order#{spoilt}",)


def test_within_a_batch_time_may_run_out(aws: Aws, sweeper: ReservationSweeper) -> None:
    _place_in_shard_of_order_1(aws, 3)

    assert sweeper.sweep(DUE + timedelta(days=1), out_of_time=_after(looks=2)).expired == 2
    assert _swept_until(aws) == timestamp(DUE + timedelta(minutes=2))
    assert sweeper.sweep(DUE + timedelta(days=1, minutes=1)).expired == 1


def _after(looks: int) -> Callable[[], bool]:
    """Be out of time after so many looks at the clock."""
    looked = count()
    return lambda: next(looked) >= looks


def test_an_order_that_fails_is_never_given_up(
    aws: Aws, sweeper: ReservationSweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.reservation_sweeper.service._BATCH", 1)
    _place_at_nine_times(aws)
    _take_reservations_away(aws)

    assert [sweeper.sweep(DUE + timedelta(days=days)).failed for days in (1, 2, 30)] == [9, 9, 9]


def test_an_order_that_fails_is_logged_with_its_ids(
    aws: Aws, sweeper: ReservationSweeper, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("test-service", "ERROR")
    _place(aws, "order-1")
    _take_reservations_away(aws)

    sweeper.sweep(DUE)

    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["order_id"], line["correlation_id"]) == ("order-1", CAUSE.correlation_id)
    assert "StockRefusedError" in line["exception"]


def test_a_charge_that_was_taken_is_given_back(aws: Aws, sweeper: ReservationSweeper, payments: PaymentService) -> None:
    _place(aws, "order-1")
    gateway = SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0)
    assert gateway.charge(CHARGE).accepted
    sweeper.sweep(DUE)

    for _ in range(3):
        payments.call_off("order-1", CAUSE)

    assert _events(aws)[-1] == EventType.REFUND_PROCESSED
    assert aws.store.read("order#order-1")[-1].body == {
        "orderId": "order-1",
        "customerId": "customer-1",
        "refundedMinor": 1000,
        "currency": "GBP",
    }
    assert not gateway.charge(CHARGE).accepted


def test_a_charge_that_comes_after_it_was_called_off_is_refused(
    aws: Aws, sweeper: ReservationSweeper, payments: PaymentService
) -> None:
    _place(aws, "order-1")
    sweeper.sweep(DUE)
    payments.call_off("order-1", CAUSE)
    gateway = SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0)

    assert not gateway.charge(CHARGE).accepted
    assert aws.store.read("order#order-1")[-1].body["refundedMinor"] == 0


def test_a_payment_that_loses_against_the_sweeper_changes_nothing(
    aws: Aws, sweeper: ReservationSweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    _place(aws, "order-1")
    (reserved,) = aws.store.read("order#order-1")
    sweeper.sweep(DUE)

    store = aws.store
    monkeypatch.setattr(store, "read", lambda _: (reserved,))  # the payment service has read before the sweeper came
    pay(PaymentService(store, SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0)), "order-1", CAUSE)

    assert _events(aws)[2:] == [EventType.ORDER_CANCELLED, EventType.REFUND_REQUESTED]
    assert aws.stock() == (1000, 0, 1000)


@pytest.mark.usefixtures("sweeper")
@pytest.mark.parametrize("history", ["none", "reserved", "paid"])
def test_a_charge_is_called_off_only_for_an_order_that_expired(
    aws: Aws, payments: PaymentService, history: str
) -> None:
    if history != "none":
        _place(aws, "order-1")
    if history == "paid":
        pay(payments, "order-1", CAUSE)

    with pytest.raises(RejectedError) as rejected:
        payments.call_off("order-1", CAUSE)

    assert rejected.value.reason == RejectionReason.REFUND_NOT_REQUESTED


def test_the_order_service_has_nothing_to_conclude_for_an_expired_order(aws: Aws, sweeper: ReservationSweeper) -> None:
    _place(aws, "order-1")
    sweeper.sweep(DUE)

    conclude(OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT), "order-1", CAUSE)

    assert len(aws.store.read("order#order-1")) == 2


def test_a_declined_order_gives_nothing_back(aws: Aws, sweeper: ReservationSweeper, payments: PaymentService) -> None:
    _place(aws, "order-1")
    declining = SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=0.0)
    declining.charge(CHARGE)
    sweeper.sweep(DUE)

    payments.call_off("order-1", CAUSE)

    assert aws.store.read("order#order-1")[-1].body["refundedMinor"] == 0


def test_an_order_that_cannot_be_read_keeps_no_other_from_being_swept(aws: Aws, sweeper: ReservationSweeper) -> None:
    _place(aws, *(f"order-{number}" for number in range(20)))
    _spoil(aws, "order-7")

    swept = sweeper.sweep(DUE)

    assert (swept.expired, swept.failed) == (19, 1)

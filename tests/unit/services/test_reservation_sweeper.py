import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.libs.commit_items import DUE_SHARDS, due_shard
from services.libs.dynamodb_items import to_item
from services.libs.event_store import EventStore
from services.libs.structured_logging import configure_logging
from services.order_service.service import OrderService
from services.payment_service.gateway import ChargeRequest
from services.payment_service.service import PaymentService
from services.payment_service.simulated_gateway import SimulatedGateway
from services.reservation_sweeper.cursor import SweepCursor
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


def _swept_until(aws: Aws) -> str:
    """How far the shard of order-1 is done for good."""
    return SweepCursor(aws.dynamodb, METRICS_TABLE).read(int(due_shard("order#order-1")))


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


def test_an_order_that_fails_holds_the_cursor_back(aws: Aws, sweeper: ReservationSweeper) -> None:
    _place(aws, "order-1")
    _take_reservations_away(aws)

    sweeper.sweep(DUE)
    assert _swept_until(aws) == timestamp(DUE - timedelta(minutes=2))
    sweeper.sweep(DUE + timedelta(days=1))
    assert _swept_until(aws) == timestamp(DUE)


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
    aws.dynamodb.update_item(
        TableName=EVENT_STORE_TABLE,
        Key=to_item({"stream_id": "order#order-7", "version": 1}),
        UpdateExpression="REMOVE body",
    )

    swept = sweeper.sweep(DUE)

    assert (swept.expired, swept.failed) == (19, 1)

"""Orders whose payment ran out of time: ended by the order service, called off by the payment service."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.libs.observability.structured_logging import configure_logging
from services.libs.runtime.lambda_types import BatchResponse
from services.libs.store import event_store
from services.libs.store.dynamodb_items import to_item
from services.libs.store.event_store import EventStore, StockRefusedError
from services.order_service import handler as order_service
from services.order_service.domain import NotDueError
from services.order_service.service import OrderService
from services.payment_service.gateway import ChargeRequest
from services.payment_service.service import PaymentService
from services.payment_service.simulated_gateway import SimulatedGateway
from services.shared.cancel_reasons import CancelReason
from services.shared.causes import Cause
from services.shared.events.event import Event
from services.shared.events.order import OrderCancelled
from services.shared.events.payment import PaymentProcessed, RefundMode, RefundProcessed, RefundReason, RefundRequested
from services.shared.faults import OutOfTimeError
from services.shared.inventory import Move, StockLine, StockMove
from services.shared.rejections import RejectedError, RejectionReason
from tests.factories import (
    CAUSE,
    NOW,
    PAYMENT_TIMEOUT,
    Context,
    conclude,
    event_body,
    pay,
    place,
    placed_order,
    seeding,
    sqs_event,
)
from tests.unit.conftest import EVENT_STORE_TABLE, GATEWAY_TABLE, INVENTORY_TABLE, Aws

DUE = NOW + PAYMENT_TIMEOUT
CHARGE = ChargeRequest("order-1", 1000, "GBP")
DONE: BatchResponse = {"batchItemFailures": []}


@pytest.fixture
def orders(aws: Aws) -> OrderService:
    aws.store.append(seeding("prod-001", stock=1000))
    return OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT)


@pytest.fixture
def payments(aws: Aws) -> PaymentService:
    return PaymentService(aws.store, SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0))


def _place(orders: OrderService, *order_ids: str, at: datetime = NOW) -> list[str]:
    """Give their streams."""
    placed = [(placed_order(order_id, {"prod-001": 2}), replace(CAUSE, at=at)) for order_id in order_ids]
    assert orders.place_all(placed) == [None] * len(order_ids)
    return [order.stream_id for order, _ in placed]


def _set_reserved(aws: Aws, units: int) -> None:
    """Whatever releases more than that is refused from here on."""
    aws.dynamodb.update_item(
        TableName=INVENTORY_TABLE,
        Key={"item_id": {"S": "prod-001"}},
        UpdateExpression="SET reserved = :reserved",
        ExpressionAttributeValues={":reserved": {"N": str(units)}},
    )


def _spoil(aws: Aws, order_id: str) -> None:
    """It can never be expired, nor settled."""
    aws.dynamodb.update_item(
        TableName=EVENT_STORE_TABLE,
        Key=to_item({"stream_id": f"order#{order_id}", "version": 1}),
        UpdateExpression="REMOVE body",
    )


def _events(aws: Aws, order_id: str = "order-1") -> list[type[Event]]:
    return [type(event) for commit in aws.store.read(f"order#{order_id}") for event in commit.events]


def _deadlines_passed(*stream_ids: str) -> str:
    return event_body("DeadlinesPassed", streamIds=stream_ids)


def test_an_unpaid_order_is_cancelled_once_it_is_due_and_its_stock_released(aws: Aws, orders: OrderService) -> None:
    streams = _place(orders, "order-1")

    assert orders.expire_all(streams, DUE) == {}

    assert aws.stock() == (1000, 0, 1000)
    expired = aws.store.read("order#order-1")[-1]
    assert expired.events == (
        OrderCancelled(order_id="order-1", customer_id="customer-1", reason=CancelReason.PAYMENT_TIMEOUT),
        RefundRequested(
            order_id="order-1",
            customer_id="customer-1",
            refund_id="order-1-cancelled",
            mode=RefundMode.CALL_OFF,
            amount_minor=1000,
            currency="GBP",
            reason=RefundReason.PAYMENT_TIMEOUT,
        ),
    )
    assert expired.stock_move == StockMove(Move.RELEASE, (StockLine("prod-001", 2),))
    assert expired.cause == Cause("order#order-1/1/1", CAUSE.correlation_id, DUE)


def test_an_order_that_still_has_time_fails_so_that_its_deadline_comes_again(aws: Aws, orders: OrderService) -> None:
    (early,) = _place(orders, "early", at=NOW + timedelta(seconds=1))
    (due,) = _place(orders, "due")

    failures = orders.expire_all([early, due], DUE)

    assert {stream: type(error) for stream, error in failures.items()} == {early: NotDueError}
    assert aws.stock() == (1000, 2, 998)
    assert orders.expire_all([early, due], DUE + timedelta(seconds=1)) == {}
    assert aws.stock() == (1000, 0, 1000)


def test_expiring_again_changes_nothing(aws: Aws, orders: OrderService) -> None:
    streams = _place(orders, "order-1")

    assert [orders.expire_all(streams, DUE + timedelta(seconds=wait)) for wait in (0, 30, 600, 1200)] == [{}] * 4

    assert len(aws.store.read("order#order-1")) == 2
    assert aws.stock() == (1000, 0, 1000)


def test_settled_orders_are_left_alone_at_half_the_price_of_a_read(
    aws: Aws, orders: OrderService, payments: PaymentService
) -> None:
    streams = _place(orders, "order-1", "order-2")
    payments.pay_all([("order-1", CAUSE), ("order-2", CAUSE)])
    reads: list[tuple[str, object]] = []
    aws.dynamodb.meta.events.register(
        "provide-client-params.dynamodb",
        lambda model, params, **_: reads.append(
            (model.name, [table["ConsistentRead"] for table in params["RequestItems"].values()])
        ),
    )

    assert orders.expire_all(streams, DUE) == {}

    assert reads == [("BatchGetItem", [False])]


def test_an_order_that_is_settled_while_it_expires_is_left_alone(
    aws: Aws, orders: OrderService, payments: PaymentService, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settled, due) = _place(orders, "order-1", "order-2")
    pay(payments, "order-1")
    monkeypatch.setattr(EventStore, "without_version", lambda _, stream_ids, __: stream_ids)

    assert orders.expire_all([settled, due], DUE) == {}

    assert _events(aws)[2:] == [PaymentProcessed]
    assert _events(aws, "order-2")[2:] == [OrderCancelled, RefundRequested]
    assert aws.stock() == (998, 0, 998)


@pytest.mark.parametrize("stream", ["order#never-placed", "cart#customer-1"])
def test_a_stream_that_there_is_not_is_done(orders: OrderService, stream: str) -> None:
    assert orders.expire_all([stream], DUE) == {}


def test_a_refused_order_is_done(aws: Aws, orders: OrderService) -> None:
    place(orders, placed_order(quantities={"prod-001": 1001}))

    assert orders.expire_all(["order#order-1"], DUE) == {}

    assert _events(aws) == [OrderCancelled]


def test_many_due_orders_are_expired_together(aws: Aws, orders: OrderService, monkeypatch: pytest.MonkeyPatch) -> None:
    streams = _place(orders, *(f"order-{number}" for number in range(24)))
    monkeypatch.setattr(event_store, "_MAX_ITEMS_PER_TRANSACTION", 20)
    transactions: list[None] = []
    aws.dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", lambda **_: transactions.append(None))

    assert orders.expire_all([*streams, streams[0]], DUE) == {}

    assert aws.stock() == (1000, 0, 1000)
    assert len(transactions) == 2


def test_an_order_that_fails_keeps_no_other_from_being_expired_and_is_tried_again(
    aws: Aws, orders: OrderService
) -> None:
    streams = _place(orders, "order-1", "order-2")
    _set_reserved(aws, 2)

    failures = orders.expire_all(streams, DUE)

    assert {stream: type(error) for stream, error in failures.items()} == {"order#order-2": StockRefusedError}
    assert type(orders.expire_all(streams, DUE + timedelta(days=30))["order#order-2"]) is StockRefusedError
    _set_reserved(aws, 2)
    assert orders.expire_all(streams, DUE + timedelta(days=31)) == {}


def test_an_order_that_cannot_be_read_keeps_no_other_from_being_expired(aws: Aws, orders: OrderService) -> None:
    streams = _place(orders, *(f"order-{number}" for number in range(20)))
    _spoil(aws, "order-7")

    failures = orders.expire_all(streams, DUE)

    assert {stream: type(error) for stream, error in failures.items()} == {"order#order-7": KeyError}
    assert aws.stock() == (1000, 2, 998)


def test_orders_that_no_time_is_left_for_come_again(aws: Aws, orders: OrderService) -> None:
    streams = _place(orders, "order-1", "order-2")

    failures = orders.expire_all(streams, DUE, lambda: 1.0)

    assert {stream: type(error) for stream, error in failures.items()} == dict.fromkeys(streams, OutOfTimeError)
    assert aws.stock() == (1000, 4, 996)


def test_an_order_that_fails_is_logged_with_its_id(
    aws: Aws, orders: OrderService, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("test-service", "WARNING")
    streams = _place(orders, "order-1", "order-2")
    _set_reserved(aws, 2)

    orders.expire_all(streams, DUE)

    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["message"], line["order_ids"]) == ("orders could not be expired", ["order-2"])


def test_a_charge_that_was_taken_is_given_back(aws: Aws, orders: OrderService, payments: PaymentService) -> None:
    streams = _place(orders, "order-1")
    gateway = SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0)
    assert gateway.charge(CHARGE).accepted
    orders.expire_all(streams, DUE)

    for _ in range(3):
        payments.refund("order-1", CAUSE)

    assert _events(aws)[-2:] == [RefundRequested, RefundProcessed]
    assert aws.store.read("order#order-1")[-1].events == (
        RefundProcessed(
            order_id="order-1",
            customer_id="customer-1",
            refund_id="order-1-cancelled",
            refunded_minor=1000,
            currency="GBP",
        ),
    )
    assert not gateway.charge(CHARGE).accepted


def test_a_charge_that_comes_after_it_was_called_off_is_refused(
    aws: Aws, orders: OrderService, payments: PaymentService
) -> None:
    orders.expire_all(_place(orders, "order-1"), DUE)
    payments.refund("order-1", CAUSE)
    gateway = SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0)

    assert not gateway.charge(CHARGE).accepted
    assert aws.store.read("order#order-1")[-1].get(RefundProcessed).refunded_minor == 0


def test_a_payment_that_loses_against_the_expiry_changes_nothing(
    aws: Aws, orders: OrderService, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = _place(orders, "order-1")
    before = aws.store.read_versions(streams, [1, 2])
    orders.expire_all(streams, DUE)

    store = aws.store
    # The payment service has read before the order expired.
    monkeypatch.setattr(store, "read_versions", lambda *_: before)
    pay(PaymentService(store, SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0)), "order-1")

    assert _events(aws)[2:] == [OrderCancelled, RefundRequested]
    assert aws.stock() == (1000, 0, 1000)


@pytest.mark.parametrize("history", ["none", "reserved", "paid"])
def test_a_charge_is_called_off_only_for_an_order_that_expired(
    orders: OrderService, payments: PaymentService, history: str
) -> None:
    if history != "none":
        _place(orders, "order-1")
    if history == "paid":
        pay(payments, "order-1")

    with pytest.raises(RejectedError) as rejected:
        payments.refund("order-1", CAUSE)

    assert rejected.value.reason == RejectionReason.REFUND_NOT_REQUESTED


def test_there_is_nothing_to_conclude_for_an_expired_order(aws: Aws, orders: OrderService) -> None:
    orders.expire_all(_place(orders, "order-1"), DUE)

    conclude(orders, "order-1")

    assert len(aws.store.read("order#order-1")) == 2


def test_a_declined_order_gives_nothing_back(aws: Aws, orders: OrderService, payments: PaymentService) -> None:
    streams = _place(orders, "order-1")
    SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=0.0).charge(CHARGE)
    orders.expire_all(streams, DUE)

    payments.refund("order-1", CAUSE)

    assert aws.store.read("order#order-1")[-1].get(RefundProcessed).refunded_minor == 0


@pytest.mark.usefixtures("environment")
def test_the_handler_expires_the_orders_of_all_its_messages(aws: Aws, orders: OrderService) -> None:
    streams = _place(orders, "order-1", "order-2", "order-3")

    messages = sqs_event(_deadlines_passed(*streams[:2]), _deadlines_passed(*streams[1:]))
    assert order_service.handler(messages, Context()) == DONE

    assert aws.stock() == (1000, 0, 1000)


@pytest.mark.usefixtures("environment")
def test_only_the_message_of_an_order_that_fails_comes_again(aws: Aws, orders: OrderService) -> None:
    due = _place(orders, "order-1", "order-2")
    early = _place(orders, "order-3", at=datetime.now(UTC))

    messages = sqs_event(_deadlines_passed(due[0]), _deadlines_passed(*early, due[1]))
    assert order_service.handler(messages, Context()) == {"batchItemFailures": [{"itemIdentifier": "message-2"}]}

    assert aws.stock() == (1000, 2, 998)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    "detail",
    [
        {},
        {"streamIds": []},
        {"streamIds": "order#order-1"},
        {"streamIds": ["order-1"]},
        {"streamIds": ["order#order-1", 7]},
        {"streamIds": ["order#" + "x" * 256]},
        {"streamIds": [f"order#order-{number}" for number in range(101)]},
    ],
    ids=["nothing", "no streams", "text", "no stream", "number", "too long", "too many"],
)
def test_a_message_that_names_no_streams_is_a_dead_letter_and_harms_no_other(
    aws: Aws, orders: OrderService, detail: dict[str, object]
) -> None:
    streams = _place(orders, "order-1")
    garbage = event_body("DeadlinesPassed", **detail)

    assert order_service.handler(sqs_event(garbage, _deadlines_passed(*streams)), Context()) == DONE

    assert [(letter["body"], letter["reason"]) for letter in aws.read_dead_letters()] == [(garbage, "validation_error")]
    assert aws.stock() == (1000, 0, 1000)

"""The order service's handler, as messages about parcels and overdue returns come to it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from services.libs.runtime.lambda_types import BatchResponse
from services.libs.store.dynamodb_items import to_item
from services.order_service import handler as order_service
from services.order_service.after_sale_service import AfterSale, ReturnTimes
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.events.event import Event
from services.shared.events.order import OrderCancelled, OrderDelivered, OrderShipped, ReturnReceived
from services.shared.events.payment import RefundRequested
from services.shared.lifecycle import Phase
from services.shared.shipment_lifecycle import DELIVERED, PICKED_UP
from tests.factories import CAUSE, Context, decide, event_body, inventory, placed_order, seeding, sqs_event, stock_item
from tests.unit.conftest import EVENT_STORE_TABLE, Aws
from tests.unit.services.lives import (
    ARRIVAL,
    FIRST,
    SECOND,
    announced,
    created,
    delivered,
    in_fulfilment,
    parcel_at,
)

DONE: BatchResponse = {"batchItemFailures": []}
STREAM = "order#order-1"

pytestmark = pytest.mark.usefixtures("environment")


def _write(aws: Aws, commits: Sequence[Commit]) -> None:
    aws.store.append(seeding("prod-001", stock=10, price_minor=500))
    aws.store.append(seeding("prod-002", stock=10, price_minor=700))
    for commit in commits:
        aws.store.append(commit)


def _parcels(aws: Aws, phase: Phase) -> None:
    for parcel in created():
        if not aws.store.read(parcel.stream_id):
            aws.store.append(parcel)
        aws.store.append(parcel_at(phase, aws.store.read(parcel.stream_id)))


def _events(aws: Aws, since: int) -> list[type[Event]]:
    return [type(event) for commit in aws.store.read(STREAM)[since:] for event in commit.events]


def _tracked(shipment_id: str = FIRST, order_id: str = "order-1") -> str:
    return event_body("ShipmentTracked", shipmentId=shipment_id, orderId=order_id, status="picked_up")


def _delivered(shipment_id: str = FIRST, order_id: str = "order-1") -> str:
    return event_body("ShipmentDelivered", shipmentId=shipment_id, orderId=order_id)


def _deadlines_passed(*stream_ids: str) -> str:
    return event_body("DeadlinesPassed", streamIds=stream_ids)


def _handle(*bodies: str) -> BatchResponse:
    return order_service.handler(sqs_event(*bodies), Context())


def _failed(*numbers: int) -> BatchResponse:
    return {"batchItemFailures": [{"itemIdentifier": f"message-{number}"} for number in numbers]}


def test_parcels_ship_and_deliver_their_order(aws: Aws) -> None:
    _write(aws, in_fulfilment())
    _parcels(aws, PICKED_UP)

    assert _handle(_tracked(FIRST), _tracked(SECOND)) == DONE
    assert _events(aws, 4) == [OrderShipped]
    _parcels(aws, DELIVERED)
    assert _handle(_delivered(SECOND)) == DONE

    assert _events(aws, 5) == [OrderDelivered]
    assert aws.store.read(STREAM)[-1].cause.event_id == "bridge-1"


def test_messages_that_come_twice_or_out_of_order_change_nothing(aws: Aws) -> None:
    _write(aws, in_fulfilment())
    _parcels(aws, DELIVERED)

    assert _handle(_delivered(SECOND), _tracked(FIRST), _delivered(SECOND)) == DONE
    assert _handle(_tracked(FIRST), _tracked(SECOND), _delivered(FIRST)) == DONE

    assert _events(aws, 4) == [OrderShipped, OrderDelivered]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (_tracked(order_id="unknown"), "parcel_unknown"),
        (_delivered(order_id="not an id"), "validation_error"),
        (event_body("ShipmentTracked", shipmentId=FIRST), "validation_error"),
        (event_body("ShipmentCreated", orderId="order-1"), "unknown_event"),
    ],
    ids=["unknown order", "no id", "without an order", "another event"],
)
def test_a_message_that_can_never_succeed_is_a_dead_letter_and_harms_no_other(aws: Aws, body: str, reason: str) -> None:
    _write(aws, in_fulfilment())
    _parcels(aws, PICKED_UP)

    assert _handle(body, _tracked()) == DONE

    assert [(letter["body"], letter["reason"]) for letter in aws.read_dead_letters()] == [(body, reason)]
    assert _events(aws, 4) == [OrderShipped]


def test_the_messages_of_an_order_that_fails_come_again_and_no_others(aws: Aws) -> None:
    _write(aws, in_fulfilment())
    _parcels(aws, PICKED_UP)
    aws.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=to_item({"stream_id": "order#spoiled", "version": 1}))

    answer = _handle(_tracked(order_id="spoiled"), _tracked(), _delivered(order_id="spoiled"))

    assert answer == _failed(1, 3)
    assert _events(aws, 4) == [OrderShipped]


def test_messages_of_parcels_come_again_while_the_store_is_away(aws: Aws) -> None:
    aws.dynamodb.delete_table(TableName=EVENT_STORE_TABLE)

    assert _handle(_tracked(), _delivered()) == _failed(1, 2)


def test_a_label_is_nothing_to_its_order_which_is_not_even_read(aws: Aws) -> None:
    aws.dynamodb.delete_table(TableName=EVENT_STORE_TABLE)
    booked = event_body("ShipmentTracked", shipmentId=FIRST, orderId="order-1", status="booked")

    assert _handle(booked) == DONE
    assert _handle(booked, _delivered()) == _failed(2)


def test_parcels_that_no_time_is_left_for_come_again(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(aws, in_fulfilment())
    _parcels(aws, PICKED_UP)
    context, times = Context(), iter([10_000, 1_000])  # enough to begin the batch, and no order of it
    monkeypatch.setattr(context, "get_remaining_time_in_millis", lambda: next(times))

    assert order_service.handler(sqs_event(_tracked()), context) == _failed(1)

    assert _events(aws, 4) == []


def _returning_since(aws: Aws, opened_at: datetime) -> None:
    _write(aws, delivered())
    after_sale = AfterSale(aws.store, ReturnTimes(timedelta(days=100_000), ARRIVAL))
    assert after_sale.request_return(announced(), Cause("event-2", "correlation-2", opened_at)).commit


def test_a_deadline_closes_a_return_and_expires_an_order_in_one_batch(aws: Aws) -> None:
    _returning_since(aws, datetime.now(UTC) - ARRIVAL)
    unpaid = decide(placed_order("unpaid", {"prod-001": 1}), inventory(stock_item()), CAUSE)
    aws.store.append(unpaid)

    assert _handle(_deadlines_passed(STREAM, "order#unpaid"), _deadlines_passed(STREAM)) == DONE

    assert _events(aws, 7) == [ReturnReceived]
    assert [type(event) for event in aws.store.read("order#unpaid")[-1].events] == [OrderCancelled, RefundRequested]


@pytest.mark.parametrize(("early", "again"), [(timedelta(seconds=30), True), (timedelta(days=1), False)])
def test_a_return_that_is_just_not_due_comes_again(aws: Aws, early: timedelta, again: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    _returning_since(aws, datetime.now(UTC) - ARRIVAL + early)

    assert _handle(_deadlines_passed("order#other"), _deadlines_passed(STREAM)) == (_failed(2) if again else DONE)

    assert _events(aws, 7) == []


@pytest.mark.parametrize("name", ["RETURN_WINDOW_DAYS", "RETURN_ARRIVAL_DAYS"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "366", ""])
def test_returns_have_whole_days(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError, match=name):
        _handle()


def test_the_settings_are_each_for_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[ReturnTimes] = []
    monkeypatch.setattr(order_service, "AfterSale", lambda _, times: given.append(times))
    monkeypatch.setenv("RETURN_WINDOW_DAYS", "31")

    _handle()

    assert given == [ReturnTimes(window=timedelta(days=31), arrival=ARRIVAL)]

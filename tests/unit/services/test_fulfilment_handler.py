"""The fulfilment service's handler as Lambda calls it: messages in, tables, dead letters and logs looked at."""

import json

import pytest
from pydantic import ValidationError

from services.fulfilment_service import handler as fulfilment_service
from services.fulfilment_service.carrier import CarrierError
from services.fulfilment_service.simulated_carrier import SimulatedCarrier
from services.libs.runtime.lambda_types import BatchResponse
from services.libs.store.dynamodb_items import to_item
from services.shared.events.fulfilment import ShipmentCreated
from services.shared.lifecycle import Phase
from services.shared.order_lifecycle import IN_FULFILMENT
from services.shared.shipment_lifecycle import BOOKED, CREATED, DELIVERED, LOST, RETURNED_TO_SENDER
from tests.factories import Context, event_body, sqs_event
from tests.unit.conftest import EVENT_STORE_TABLE, Aws
from tests.unit.services.parcels import PARCEL, confirm, order_phase, parcel_phase, seed

DONE: BatchResponse = {"batchItemFailures": []}
CONFIRMED = event_body("OrderConfirmed", orderId="order-1")
CREATED_MESSAGE = event_body("ShipmentCreated", orderId="order-1", shipmentId=PARCEL)
DUE = event_body("DeadlinesPassed", streamIds=[f"shipment#{PARCEL}"])

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture(autouse=True)
def _an_order_is_confirmed(aws: Aws) -> None:
    seed(aws, {"prod-001": "main"})
    confirm(aws)


def _handle(*bodies: str, context: Context | None = None) -> BatchResponse:
    return fulfilment_service.handler(sqs_event(*bodies), context or Context())


def _failed(*numbers: int) -> BatchResponse:
    return {"batchItemFailures": [{"itemIdentifier": f"message-{number}"} for number in numbers]}


def test_an_order_runs_from_its_confirmation_to_its_delivery(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARRIER_SPEED", "1e9")

    assert _handle(CONFIRMED) == DONE
    assert (order_phase(aws), parcel_phase(aws)) == (IN_FULFILMENT, CREATED)
    assert _handle(CREATED_MESSAGE) == DONE
    assert parcel_phase(aws) == BOOKED
    assert _handle(DUE) == DONE
    assert parcel_phase(aws) == DELIVERED


@pytest.mark.parametrize(
    ("name", "end"), [("CARRIER_LOST_SHARE", LOST), ("CARRIER_RETURNED_SHARE", RETURNED_TO_SENDER)]
)
def test_a_parcel_ends_as_the_settings_have_it(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, name: str, end: Phase
) -> None:
    monkeypatch.setenv("CARRIER_SPEED", "1e9")
    monkeypatch.setenv(name, "1")

    for body in (CONFIRMED, CREATED_MESSAGE, DUE):
        assert _handle(body) == DONE

    assert parcel_phase(aws) == end


def test_messages_that_come_twice_change_nothing(aws: Aws) -> None:
    assert [_handle(body, body) for body in (CONFIRMED, CREATED_MESSAGE)] == [DONE, DONE]
    before = aws.store.read("order#order-1"), aws.store.read(f"shipment#{PARCEL}")

    assert _handle(CONFIRMED, CREATED_MESSAGE, DUE, DUE) == DONE

    assert (aws.store.read("order#order-1"), aws.store.read(f"shipment#{PARCEL}")) == before


def test_a_deadline_that_comes_before_the_parcels_creation_books_it(aws: Aws) -> None:
    _handle(CONFIRMED)

    assert _handle(DUE) == DONE
    assert _handle(CREATED_MESSAGE) == DONE

    assert parcel_phase(aws) == BOOKED
    assert len(aws.store.read(f"shipment#{PARCEL}")) == 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (event_body("OrderConfirmed", orderId="order-9"), "order_not_confirmed"),
        (event_body("OrderConfirmed"), "validation_error"),
        (event_body("OrderConfirmed", orderId="jane doe"), "validation_error"),
        (event_body("ShipmentCreated", orderId="order-9", shipmentId="order-9-1"), "parcel_unknown"),
        (event_body("ShipmentCreated", orderId="order-1"), "validation_error"),
        (event_body("ShipmentCreated", shipmentId=7), "validation_error"),
        (event_body("DeadlinesPassed", streamIds=[]), "validation_error"),
        (event_body("OrderPlaced", orderId="order-1"), "unknown_event"),
        (event_body("ShipmentTracked", shipmentId=PARCEL), "unknown_event"),
    ],
)
def test_a_message_that_can_never_succeed_is_a_dead_letter_and_harms_no_other(aws: Aws, body: str, reason: str) -> None:
    assert _handle(body, CONFIRMED) == DONE

    assert [(letter["body"], letter["reason"]) for letter in aws.read_dead_letters()] == [(body, reason)]
    assert order_phase(aws) == IN_FULFILMENT


def test_a_carrier_without_an_answer_is_asked_again_at_a_deadline(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_answer(*_: object) -> None:
        raise CarrierError("no answer")

    _handle(CONFIRMED)
    confirm(aws, "order-2")
    other = event_body("OrderConfirmed", orderId="order-2")

    with monkeypatch.context() as broken:
        broken.setattr(SimulatedCarrier, "book", no_answer)
        broken.setattr(SimulatedCarrier, "track", no_answer)
        assert _handle(CREATED_MESSAGE, other, DUE) == DONE

    assert order_phase(aws, "order-2") == IN_FULFILMENT
    assert parcel_phase(aws) == CREATED
    assert _handle(DUE) == DONE
    assert parcel_phase(aws) == BOOKED
    assert aws.read_dead_letters() == []


def test_of_the_deadlines_that_passed_only_those_of_a_parcel_that_fails_come_again(aws: Aws) -> None:
    aws.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=to_item({"stream_id": "shipment#spoiled", "version": 1}))
    both = event_body("DeadlinesPassed", streamIds=[f"shipment#{PARCEL}", "shipment#spoiled"])

    assert _handle(DUE, both, DUE) == _failed(2)


def test_messages_come_again_where_the_store_is_out_of_reach(aws: Aws) -> None:
    aws.dynamodb.delete_table(TableName=EVENT_STORE_TABLE)

    assert _handle(CONFIRMED, CREATED_MESSAGE, DUE) == _failed(1, 2, 3)
    assert aws.read_dead_letters() == []


def test_messages_that_no_time_is_left_for_come_again(aws: Aws) -> None:
    assert _handle(CONFIRMED, DUE, context=Context(remaining_milliseconds=1_000)) == _failed(1, 2)
    assert aws.store.read(f"shipment#{PARCEL}") == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CARRIER_SPEED", "0"),
        ("CARRIER_LOST_SHARE", "1.1"),
        ("CARRIER_RETURNED_SHARE", "-0.1"),
        ("CARRIER_FAULT_RATE", "often"),
        ("TRACKING_INTERVAL_SECONDS", "59"),
        ("DEADLINE_TABLE", None),
        ("TRACKING_INTERVAL_SECONDS", None),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named_at_the_cold_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)

    with pytest.raises(ValidationError, match=name):
        _handle()


def test_more_parcels_lost_and_returned_than_there_are_are_refused_at_the_cold_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CARRIER_LOST_SHARE", "0.6")
    monkeypatch.setenv("CARRIER_RETURNED_SHARE", "0.5")

    with pytest.raises(ValidationError, match="CARRIER_LOST_SHARE and CARRIER_RETURNED_SHARE"):
        _handle()


def test_logs_carry_the_ids_and_never_the_customer(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    _handle(event_body("OrderConfirmed", orderId="order-1", customerId="customer-1"))
    created = aws.store.read(f"shipment#{PARCEL}")[0].get(ShipmentCreated)
    _handle(event_body("ShipmentCreated", **created.published()))

    printed = capsys.readouterr().out
    lines = [line for line in map(json.loads, printed.splitlines()) if "_aws" not in line]
    assert [(line["service"], line["order_ids"]) for line in lines] == [("fulfilment-service", ["order-1"])] * 2
    assert "customer-1" not in printed

"""The cart service's handler as Lambda calls it, with the deadlines of carts."""

import json

import pytest

from services.cart_service.handler import handler
from services.libs.runtime.lambda_types import BatchResponse
from services.libs.store.dynamodb_items import to_item
from tests.factories import Context, event_body, sqs_event
from tests.unit.conftest import EVENT_STORE_TABLE, Aws
from tests.unit.services.carts import CUSTOMER, STREAM, events, filled

DONE: BatchResponse = {"batchItemFailures": []}
DUE = event_body("DeadlinesPassed", streamIds=[STREAM])

pytestmark = pytest.mark.usefixtures("environment")


def _handle(*bodies: str, context: Context | None = None) -> BatchResponse:
    return handler(sqs_event(*bodies), context or Context())


def test_a_cart_whose_deadline_has_passed_is_cleared_once(aws: Aws) -> None:
    filled(aws)

    assert _handle(DUE, DUE) == DONE

    assert events(aws) == ["CartItemAdded", "CartCleared"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (event_body("DeadlinesPassed", streamIds=[]), "validation_error"),
        (event_body("DeadlinesPassed", streamIds=["cart#"]), "validation_error"),
        (event_body("OrderPlaced", orderId="order-1"), "unknown_event"),
    ],
)
def test_a_message_that_can_never_succeed_is_a_dead_letter_and_harms_no_other(aws: Aws, body: str, reason: str) -> None:
    filled(aws)

    assert _handle(body, DUE) == DONE

    assert [(letter["body"], letter["reason"]) for letter in aws.read_dead_letters()] == [(body, reason)]
    assert events(aws)[-1] == "CartCleared"


def test_of_the_deadlines_that_passed_only_those_of_a_cart_that_fails_come_again(aws: Aws) -> None:
    filled(aws)
    aws.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=to_item({"stream_id": "cart#spoiled", "version": 1}))
    both = event_body("DeadlinesPassed", streamIds=[STREAM, "cart#spoiled"])

    assert _handle(both, DUE) == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}

    assert events(aws)[-1] == "CartCleared"


def test_messages_come_again_where_the_store_is_out_of_reach(aws: Aws) -> None:
    aws.dynamodb.delete_table(TableName=EVENT_STORE_TABLE)

    assert _handle(DUE) == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}


def test_logs_never_name_the_customer(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    filled(aws)
    aws.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=to_item({"stream_id": "cart#jane", "version": 1}))

    _handle(DUE, event_body("DeadlinesPassed", streamIds=["cart#jane"]))

    printed = capsys.readouterr().out
    assert [json.loads(line) for line in printed.splitlines()]
    assert CUSTOMER not in printed
    assert "jane" not in printed

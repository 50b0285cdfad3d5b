"""The cart service's handler as Lambda calls it, with the deadlines of carts."""

import json

import pytest

from services.cart_service.handler import handler
from services.libs.runtime.lambda_types import BatchResponse
from services.libs.store.dynamodb_items import to_item
from services.shared.events.cart import CartCleared, ClearReason
from tests.factories import CAUSE, Context, event_body, sqs_event
from tests.unit.conftest import EVENT_STORE_TABLE, Aws
from tests.unit.services.carts import CUSTOMER, STREAM, carts, checked_out, events, filled, request
from tests.unit.services.customers import customers, lose_stream

DONE: BatchResponse = {"batchItemFailures": []}
DUE = event_body("DeadlinesPassed", streamIds=[STREAM])
ERASED = event_body("CustomerErased", customerId=CUSTOMER)

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


def test_the_cart_of_an_erased_customer_is_cleared_once(aws: Aws) -> None:
    filled(aws)

    assert _handle(ERASED, ERASED) == DONE
    assert _handle(ERASED) == DONE

    (cleared,) = aws.store.read(STREAM)[1:]
    assert cleared.get(CartCleared).reason is ClearReason.CUSTOMER_REQUEST


@pytest.mark.parametrize("cart", ["none", "checked out", "cleared"])
def test_an_erased_customer_without_an_open_cart_has_none_to_clear(aws: Aws, cart: str) -> None:
    if cart != "none":
        filled(aws)
        checked_out(aws) if cart == "checked out" else _handle(DUE)
    before = events(aws)

    assert _handle(ERASED) == DONE

    assert events(aws) == before


def test_an_erased_customers_open_cart_without_products_is_closed_too(aws: Aws) -> None:
    filled(aws)
    carts(aws).remove(CUSTOMER, "prod-001", request(1))

    assert _handle(ERASED) == DONE

    assert events(aws) == ["CartItemAdded", "CartItemRemoved", "CartCleared"]


def test_a_cart_that_a_restore_brought_back_is_cleared_again(aws: Aws) -> None:
    filled(aws)
    customers(aws).erase(CUSTOMER, None, CAUSE)
    assert _handle(ERASED) == DONE
    lose_stream(aws, STREAM, after=1)

    assert _handle(ERASED) == DONE

    assert events(aws) == ["CartItemAdded", "CartCleared"]


def test_an_abandoned_cart_of_an_erased_customer_is_cleared_by_its_deadline(aws: Aws) -> None:
    filled(aws)
    customers(aws).erase(CUSTOMER, None, CAUSE)

    assert _handle(DUE) == DONE

    assert events(aws) == ["CartItemAdded", "CartCleared"]


def test_an_erasure_that_names_no_customer_is_a_dead_letter(aws: Aws) -> None:
    assert _handle(event_body("CustomerErased", customerId="no id"), ERASED) == DONE

    assert [letter["reason"] for letter in aws.read_dead_letters()] == ["validation_error"]

"""Feedback on orders, from the gateway's event to the answer."""

from collections.abc import Mapping

import pytest

from services.libs.http.commands import command_of
from services.shared.cart_lifecycle import cart_stream, checkout_order_id
from services.shared.commits import Commit
from services.shared.events.order import OrderPlaced
from services.shared.events.support import CustomerFeedback
from services.support_service.api import GiveFeedback
from tests.factories import CAUSE, seeding
from tests.unit.conftest import EVENT_STORE_TABLE, Aws
from tests.unit.services.http.shop import Answer
from tests.unit.services.lives import (
    History,
    concluded,
    delivered,
    in_fulfilment,
    refused,
    reserved,
    returning,
    shipped,
)
from tests.unit.services.support import ANOTHER, CUSTOMER, STAFF, append, ask, erase, post

PATH = "/v1/orders/order-1/feedback"
WORDS = "The parcel was soaked."
GIVEN = {"rating": 2, "text": WORDS}

pytestmark = pytest.mark.usefixtures("environment", "cursor_secret")


def _order(aws: Aws, history: History) -> None:
    append(aws, (seeding("prod-001", price_minor=500), seeding("prod-002", price_minor=700), *history))


def _get(claims: Mapping[str, object] = CUSTOMER) -> Answer:
    return ask("GET", PATH, claims=claims)


def test_a_customer_rates_a_delivered_order_and_staff_sees_it(aws: Aws) -> None:
    _order(aws, delivered())

    given = post(PATH, GIVEN)

    assert (given.status, given.headers["etag"], given.headers["location"]) == (201, '"1"', f"../../..{PATH}")
    assert given.content.items() >= {"orderId": "order-1", "rating": 2, "text": WORDS}.items()
    assert {found.status for found in (_get(), _get(STAFF))} == {200}
    assert (_get().content, _get(STAFF).content) == (given.content, given.content)


def test_feedback_needs_no_text(aws: Aws) -> None:
    _order(aws, delivered())

    assert post(PATH, {"rating": 5}).content["text"] is None
    assert _get().content["rating"] == 5


def test_a_return_after_the_delivery_does_not_matter(aws: Aws) -> None:
    _order(aws, returning(delivered()))

    assert post(PATH, GIVEN).status == 201


def test_feedback_is_given_once(aws: Aws) -> None:
    _order(aws, delivered())
    first = post(PATH, GIVEN)

    again, reused = post(PATH, GIVEN), post(PATH, {"rating": 3})
    second = post(PATH, GIVEN, key="key-2")

    assert (again.status, again.content) == (201, first.content)
    assert (reused.status, reused.content["type"].rpartition(":")[2]) == (422, "key_reused")
    assert (second.status, second.content["type"].rpartition(":")[2]) == (409, "conflict")
    assert aws.store.latest_version("feedback#order-1") == 1


@pytest.mark.parametrize("history", [reserved(), refused(), concluded(), in_fulfilment(), shipped()])
def test_an_order_that_is_not_delivered_has_no_feedback(aws: Aws, history: History) -> None:
    _order(aws, history)

    answer = post(PATH, GIVEN)

    assert (answer.status, answer.content["type"].rpartition(":")[2]) == (409, "not_allowed")
    assert aws.store.latest_version("feedback#order-1") == 0


def test_feedback_on_an_order_that_is_not_decided_is_to_come_later(aws: Aws) -> None:
    order_id = checkout_order_id("customer-1", 1)
    lines = [{"sku": "prod-001", "quantity": 1}]
    placed = OrderPlaced.of({"orderId": order_id, "customerId": "customer-1", "items": lines})
    aws.store.append(Commit(cart_stream("customer-1"), 1, (placed,), CAUSE))

    answer = post(f"/v1/orders/{order_id}/feedback", GIVEN)

    assert (answer.status, answer.headers["retry-after"]) == (409, "1")
    assert answer.content["type"].endswith(":not_yet")


@pytest.mark.parametrize("claims", [ANOTHER, STAFF])
def test_another_customers_order_is_not_found(aws: Aws, claims: Mapping[str, object]) -> None:
    _order(aws, delivered())

    assert post(PATH, GIVEN, claims).status == 404
    post(PATH, GIVEN)
    assert post(PATH, GIVEN, claims).status == 404
    assert _get(ANOTHER).status == 404


def test_there_is_no_feedback_before_it_is_given(aws: Aws) -> None:
    _order(aws, delivered())

    assert (_get().status, _get(STAFF).status) == (404, 404)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"rating": 0}, "rating"),
        ({"rating": 6}, "rating"),
        ({"rating": 4.5}, "rating"),
        ({"rating": "5"}, "rating"),
        ({"rating": True}, "rating"),
        ({"text": ""}, "text"),
        ({"text": "t" * 5001}, "text"),
    ],
)
def test_a_wrong_field_is_named(aws: Aws, wrong: Mapping[str, object], field: str) -> None:
    _order(aws, delivered())

    answer = post(PATH, {**GIVEN, **wrong})

    assert (answer.status, list(answer.wrong)) == (422, [field])


def test_the_rating_is_published_and_the_text_is_sealed(aws: Aws) -> None:
    _order(aws, delivered())
    post(PATH, GIVEN)

    (commit,) = aws.store.read("feedback#order-1")
    assert commit.get(CustomerFeedback).published() == {"orderId": "order-1", "customerId": "customer-1", "rating": 2}
    assert WORDS not in str(aws.dynamodb.scan(TableName=EVENT_STORE_TABLE)["Items"])
    plain = command_of(
        "customer-1", "POST /v1/orders/{orderId}/feedback", "key-1", GiveFeedback(**GIVEN), {"orderId": "order-1"}
    )
    assert commit.command
    assert (commit.command.key, commit.command.content == plain.content) == (plain.key, False)


def test_an_erased_customers_feedback_has_a_rating_and_no_text(aws: Aws) -> None:
    _order(aws, delivered())
    given = post(PATH, GIVEN).content
    erase(aws)

    assert _get(STAFF).content == given | {"text": None}
    assert post(PATH, GIVEN).status == 410
    assert post(PATH, GIVEN, key="key-2").status == 410

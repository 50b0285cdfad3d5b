"""Carts that nobody comes back to, told of by their deadlines."""

from datetime import datetime, timedelta

import pytest

from services.cart_service.domain import next_check
from services.libs.store.dynamodb_items import to_item
from services.shared.cart_lifecycle import CART, EMPTY, OPEN
from services.shared.commits import Commit
from services.shared.deadlines import MINUTE
from services.shared.events.cart import CartCleared, ClearReason
from tests.factories import NOW
from tests.unit.conftest import EVENT_STORE_TABLE, Aws
from tests.unit.services.carts import (
    AFTER,
    CUSTOMER,
    HOUR,
    STREAM,
    Rivals,
    abandoned_carts,
    carts,
    checked_out,
    deadlines,
    events,
    filled,
    request,
)

DUE = NOW + AFTER + HOUR


def _last(aws: Aws) -> Commit:
    return aws.store.read(STREAM)[-1]


def _due(aws: Aws) -> list[datetime]:
    return [group.due_at for group in deadlines(aws)]


def test_a_cart_that_was_left_alone_is_cleared(aws: Aws) -> None:
    filled(aws)

    assert abandoned_carts(aws).clear_all([STREAM], DUE) == {}

    assert _last(aws).get(CartCleared).reason is ClearReason.ABANDONED
    assert _last(aws).cause.at == DUE
    assert CART.fold(aws.store.read(STREAM)).phase == EMPTY
    assert carts(aws).read(CUSTOMER)[0].lines == {}


def test_a_deadline_that_comes_twice_clears_once(aws: Aws) -> None:
    filled(aws)

    for _ in range(2):
        abandoned_carts(aws).clear_all([STREAM, STREAM], DUE)

    assert events(aws) == ["CartItemAdded", "CartCleared"]


def test_a_cart_that_was_touched_meanwhile_is_looked_at_again_later(aws: Aws) -> None:
    filled(aws)
    filled(aws, at=NOW + HOUR)

    for minutes in (0, 1):
        abandoned_carts(aws).clear_all([STREAM], NOW + AFTER + minutes * MINUTE)

    again = next_check(STREAM, NOW + HOUR, AFTER)
    assert timedelta() < again - (NOW + HOUR + AFTER) <= HOUR
    assert CART.fold(aws.store.read(STREAM)).phase == OPEN
    assert _due(aws) == sorted([next_check(STREAM, NOW, AFTER), again, again])
    abandoned_carts(aws).clear_all([STREAM], again)
    assert events(aws)[-1] == "CartCleared"


@pytest.mark.parametrize("hours", [0.01, 0.5, 1, 72, 720])
def test_the_next_check_comes_after_the_time_and_at_most_an_hour_later(hours: float) -> None:
    after = timedelta(hours=hours)

    late = next_check(STREAM, NOW, after) - (NOW + after)

    assert timedelta() < late <= min(HOUR, max(MINUTE, after / 10))


def test_a_cart_is_never_cleared_after_its_checkout(aws: Aws) -> None:
    filled(aws)
    checked_out(aws)

    assert abandoned_carts(aws).clear_all([STREAM], DUE) == {}

    assert events(aws)[-1] == "CartCheckoutInitiated + OrderPlaced"
    assert len(deadlines(aws)) == 1


def test_a_checkout_at_the_last_moment_wins(aws: Aws) -> None:
    filled(aws)
    rival = Rivals(aws, lambda: checked_out(aws))

    assert abandoned_carts(aws, rival.store()).clear_all([STREAM], DUE) == {}

    assert events(aws)[1:] == ["CartCheckoutInitiated + OrderPlaced"]


def test_a_customer_who_comes_back_at_the_last_moment_keeps_the_cart(aws: Aws) -> None:
    filled(aws)
    rival = Rivals(aws, lambda: filled(aws, at=DUE))

    assert abandoned_carts(aws, rival.store()).clear_all([STREAM], DUE) == {}

    assert events(aws) == ["CartItemAdded", "CartItemAdded"]
    assert _due(aws)[-1] == next_check(STREAM, DUE, AFTER)


def test_a_customer_whose_cart_was_just_cleared_is_told_to_read_again(aws: Aws) -> None:
    filled(aws)
    rival = Rivals(aws, lambda: abandoned_carts(aws).clear_all([STREAM], DUE))

    with pytest.raises(Exception, match="the cart is at version 2"):
        carts(aws, rival.store()).add(CUSTOMER, "prod-001", 1, request(1, "key", at=DUE))


def test_a_customer_without_a_cart_is_left_alone(aws: Aws) -> None:
    assert abandoned_carts(aws).clear_all(["cart#nobody"], DUE) == {}
    assert aws.store.read("cart#nobody") == ()


def test_a_cart_that_cannot_be_read_harms_no_other_and_comes_again(aws: Aws) -> None:
    filled(aws)
    aws.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=to_item({"stream_id": "cart#spoiled", "version": 1}))

    failures = abandoned_carts(aws).clear_all(["cart#spoiled", STREAM], DUE)

    assert [*failures] == ["cart#spoiled"]
    assert events(aws)[-1] == "CartCleared"


def test_what_no_time_is_left_for_comes_first_in_a_minute(aws: Aws) -> None:
    filled(aws)
    seconds = iter([10.0, 1.0])

    failures = abandoned_carts(aws).clear_all(["cart#other", STREAM], DUE, lambda: next(seconds))

    assert failures == {}
    assert [group.stream_ids for group in deadlines(aws) if group.due_at == DUE + MINUTE] == [(STREAM,)]

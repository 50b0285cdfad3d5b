"""What can never succeed ends in the dead letters at once, changes nothing, and holds up nobody."""

import json
from uuid import uuid4

import pytest

from scripts.ledger.order_history import reason_of
from services.shared.events.order import OrderPlaced
from services.shared.events.payment import PaymentProcessed, PaymentRequested
from tests.integration.world import World

_LONG_SKU = "x" * 200


def _item(quantity: object = 1, sku: str = "prod-001") -> dict[str, object]:
    return {"sku": sku, "quantity": quantity}


_BAD_DETAILS: dict[str, dict[str, object]] = {
    "quantity 0": {"items": [_item(0)]},
    "quantity -5": {"items": [_item(-5)]},
    "quantity 1.5": {"items": [_item(1.5)]},
    "quantity 1e308": {"items": [_item(1e308)]},
    "quantity as text": {"items": [_item("2")]},
    "quantity true": {"items": [_item(quantity=True)]},
    "no items": {"items": []},
    "51 SKUs": {"items": [_item(sku=f"prod-{number}") for number in range(51)]},
    "missing id": {"orderId": None},
    "empty id": {"orderId": ""},
    "id with #": {"orderId": "order#1"},
    "SKU of 200 characters": {"items": [_item(sku=_LONG_SKU)]},
    "unknown schema version": {"metadata": {"schemaVersion": 99}},
}


def test_each_bad_order_is_a_dead_letter_at_once_and_its_neighbours_are_served(world: World) -> None:
    sku = world.new_sku(stock=100)
    good = [world.order({sku: 1}) for _ in _BAD_DETAILS]
    bad = {
        name: world.order({sku: 1}, fields=detail) | {"customerId": f"bad-{uuid4().hex}"}
        for name, detail in _BAD_DETAILS.items()
    }
    mixed = [detail for pair in zip(good, bad.values(), strict=True) for detail in pair]

    world.publish(OrderPlaced, *mixed)
    letters = {
        name: world.take_dead_letter(world.deployment.dead_letters["order"].url, str(detail["customerId"]))
        for name, detail in bad.items()
    }
    histories = world.wait(*(str(order["orderId"]) for order in good))

    assert {name: letter["reason"] for name, letter in letters.items()} == dict.fromkeys(bad, "validation_error")
    assert "items.0.quantity" in letters["quantity 1.5"]["detail"]
    assert "metadata.schemaVersion" in letters["unknown schema version"]["detail"]
    assert {history.events[-1] for history in histories} == {"OrderConfirmed"}
    assert world.stock(sku) == (100 - len(good), 0, 100 - len(good))
    known = [str(detail["orderId"]) for detail in bad.values() if detail["orderId"]]
    sent = [*known, *(history.order_id for history in histories)]
    assert not [line for line in _failures(world) if any(order_id in line for order_id in sent)]
    assert not any(history.commits for history in world.orders.histories(known).values())


def _failures(world: World) -> list[str]:
    """What the order service logged of the messages that come again."""
    logs, group = world.target.client("logs"), world.deployment.functions["order-service"].log_group
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, filterPattern='"messages failed"')
    return [event["message"] for page in pages for event in page["events"]]


@pytest.mark.parametrize("form", ["[{}]", '"{}"', "{}"])
def test_a_body_straight_on_the_queue_that_is_no_object_is_a_dead_letter(world: World, form: str) -> None:
    marker = uuid4().hex
    body = form.replace("{}", json.dumps(marker) if form == "[{}]" else marker)

    world.send(world.deployment.queues["order"].url, body)

    letter = world.take_dead_letter(world.deployment.dead_letters["order"].url, marker)
    assert (letter["body"], letter["reason"]) == (body, "validation_error")


def test_lines_of_one_sku_that_add_up_past_the_stock_are_an_ordinary_refusal(world: World) -> None:
    sku = world.new_sku(stock=10)

    (history,) = world.run(world.order({sku: 6}, fields={"items": [_item(6, sku), _item(6, sku)]}))

    assert history.events == ["OrderCancelled"]
    assert reason_of(history.commits[0]) == "insufficient_stock"
    assert world.stock(sku) == (10, 0, 10)


def test_another_order_under_a_taken_id_is_a_conflict(world: World) -> None:
    sku = world.new_sku(stock=10)
    order = world.order({sku: 1})
    world.run(order)
    marker = f"other-{uuid4().hex}"

    world.publish(OrderPlaced, order | {"customerId": marker})

    assert world.take_dead_letter(world.deployment.dead_letters["order"].url, marker)["reason"] == "conflict"
    assert world.stock(sku) == (9, 0, 9)


def test_a_payment_for_an_order_that_was_never_placed_takes_no_money(world: World) -> None:
    order_id = f"order-{uuid4().hex}"

    world.publish(PaymentRequested, {"orderId": order_id, "amountMinor": 100, "currency": "GBP"})

    letter = world.take_dead_letter(world.deployment.dead_letters["payment"].url, order_id)
    assert letter["reason"] == "order_not_reserved"
    assert world.charge(order_id) == {}


def test_a_payment_for_a_refused_order_takes_no_money(world: World) -> None:
    (history,) = world.run(world.order({world.new_sku(stock=1): 2}))

    world.publish(PaymentRequested, {"orderId": history.order_id})

    letter = world.take_dead_letter(world.deployment.dead_letters["payment"].url, history.order_id)
    assert letter["reason"] == "order_not_reserved"
    assert world.charge(history.order_id) == {}


def test_a_settlement_that_never_happened_confirms_nothing(world: World) -> None:
    (history,) = world.run(world.order({world.new_sku(stock=1): 2}))

    world.publish(PaymentProcessed, {"orderId": history.order_id})

    letter = world.take_dead_letter(world.deployment.dead_letters["order"].url, history.order_id)
    assert letter["reason"] == "payment_not_settled"
    assert len(world.orders.histories([history.order_id])[history.order_id].commits) == 1

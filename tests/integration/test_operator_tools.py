"""What an operator sees and mends: dead letters, one order's history, and events that did not get out."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

import pytest

from scripts.ledger import order_show
from scripts.operate import logs, relay_catchup
from scripts.operate.dead_letter_list import list_dead_letters
from scripts.operate.dead_letter_queues import redrive
from services.shared.causes import timestamp
from services.shared.events.order import OrderPlaced
from tests.factories import event_body
from tests.integration.world import World, eventually


@pytest.fixture(autouse=True)
def _empty_dead_letter_queues(world: World) -> Iterator[None]:
    """What is counted here is of these tests alone, and none of it is left."""
    _purge(world)
    yield
    _purge(world)


def _purge(world: World) -> None:
    for queue in world.deployment.dead_letters.values():
        world.target.client("sqs").purge_queue(QueueUrl=queue.url)


def _printed(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed since, with single spaces."""
    return " ".join(capsys.readouterr().out.split())


def test_a_rejected_order_is_listed_with_its_reason_and_moved_only_when_it_is_asked_for(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    order = world.order({world.new_sku(): 0})
    world.publish(OrderPlaced, order)
    eventually(lambda: world.waiting(world.deployment.dead_letters["order"].url), "a dead letter")

    list_dead_letters(world.target)
    printed = _printed(capsys)
    assert "test-order-dlq rejected: validation_error (permanent) 1" in printed
    assert f"{order['orderId']} items.0.quantity: Input should be greater than or equal to 1" in printed

    redrive(world.target, queue=None, limit=None, dry_run=False, include_permanent=False)
    assert "test-order-dlq 0 1 0 test-payment-dlq 0 0 0" in _printed(capsys)

    redrive(world.target, queue="order", limit=None, dry_run=True, include_permanent=True)
    assert "would be moved skipped as permanent left test-order-dlq 1 0 0" in _printed(capsys)

    letter = world.take_dead_letter(world.deployment.dead_letters["order"].url, str(order["orderId"]))
    assert letter["reason"] == "validation_error"


def test_a_hopeless_message_that_is_moved_back_comes_again_with_its_reason_and_is_moved_once(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    order = world.order({world.new_sku(): 0})
    world.send(world.deployment.dead_letters["order"].url, event_body("OrderPlaced", **order))

    redrive(world.target, queue="order", limit=None, dry_run=False, include_permanent=False)

    assert "test-order-dlq 1 0 0" in _printed(capsys)
    letter = world.take_dead_letter(world.deployment.dead_letters["order"].url, str(order["orderId"]))
    assert letter["reason"] == "validation_error"


def test_an_order_whose_retries_were_exhausted_is_moved_back_and_confirmed(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    sku = world.new_sku(stock=10)
    order = world.order({sku: 2})
    order_id = str(order["orderId"])
    world.send(world.deployment.dead_letters["order"].url, event_body("OrderPlaced", **order))

    list_dead_letters(world.target)
    printed = _printed(capsys)
    assert "test-order-dlq retries exhausted 1" in printed
    assert f"{order_id} OrderPlaced" in printed

    redrive(world.target, queue="order", limit=None, dry_run=False, include_permanent=False)

    (history,) = world.wait(order_id)
    assert history.events[-1] == "OrderConfirmed"
    assert world.stock(sku) == (8, 0, 8)
    assert world.waiting(world.deployment.dead_letters["order"].url) == 0


def test_catching_up_delivers_a_finished_order_again_and_changes_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    began = timestamp(datetime.now(UTC))
    sku = world.new_sku(stock=10)
    (history,) = world.run(world.order({sku: 3}))
    before = (history, world.stock(sku), world.charge(history.order_id))

    relay_catchup.catch_up(world.target, began, dry_run=False)
    payments = partial(_handled, world, "payment-service", "PaymentRequested", history.order_id)
    settlements = partial(_handled, world, "order-service", "PaymentProcessed", history.order_id)
    eventually(lambda: payments() >= 2, "a second payment request in a log")
    eventually(lambda: settlements() >= 2, "a second settlement in a log")

    assert "published" in _printed(capsys)
    (again,) = world.wait(history.order_id)
    assert (again, world.stock(sku), world.charge(history.order_id)) == before
    assert not any(world.waiting(queue.url) for queue in world.deployment.dead_letters.values())


def _handled(world: World, service: str, event_type: str, order_id: str) -> int:
    """In how many batches with events of that type the order was."""
    group = world.deployment.functions[service].log_group
    logs = world.target.client("logs").get_paginator("filter_log_events")
    pages = logs.paginate(logGroupName=group, filterPattern=f'"{order_id}"')
    batches = (json.loads(event["message"]) for page in pages for event in page["events"])
    return sum(event_type in batch.get("event_types", []) for batch in batches)


def test_an_order_is_shown_from_its_placing_to_its_end(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    sku = world.new_sku(stock=10)
    (history,) = world.run(world.order({sku: 2}, fields={"metadata": {"eventId": f"checkout-{uuid4().hex}"}}))

    order_show.show(world.target, history.order_id)

    printed = _printed(capsys)
    assert f"{sku}: reserved +2," in printed
    assert f"{sku}: stock -2," in printed
    assert "charged 10.00 GBP" in printed
    # Its fulfilment may have begun meanwhile.
    assert re.search(r"asked to charge once state (confirmed|in_fulfilment)", printed)


def test_what_the_functions_logged_of_an_order_is_shown(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    (history,) = world.run(world.order({world.new_sku(stock=10): 2}))

    def shown() -> list[str]:
        logs.show(world.target, None, since="15m", order=history.order_id, errors=False)
        return [line.split()[1] for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]

    eventually(lambda: shown()[:3] == ["order-service", "payment-service", "order-service"], "a line of each batch")

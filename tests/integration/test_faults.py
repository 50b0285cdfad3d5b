"""Things that go wrong around the functions: nothing is lost by them."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.integration.world import World, eventually


def test_killing_workers_in_the_middle_of_their_batches_loses_nothing(world: World) -> None:
    sku = world.new_sku(stock=60)
    orders = [world.order({sku: 1}) for _ in range(60)]

    with _killer(world) as killed:
        world.orders.place(orders)
        eventually(
            lambda: len(killed) >= 6 and "failed processing SQS batch" in world.target.emulator.log_file.read_text(),
            "six killed workers, one of them in the middle of a batch",
        )
    histories = world.wait(*(str(order["orderId"]) for order in orders))

    assert {history.events[-1] for history in histories} == {"OrderConfirmed"}
    assert world.stock(sku) == (0, 0, 0)
    assert all(world.charge(history.order_id)["amount_minor"] == 500 for history in histories)


@contextmanager
def _killer(world: World) -> Iterator[list[int]]:
    """Kill every worker that shows up within the block, as fast as they come."""
    killed: list[int] = []
    stop = threading.Event()

    def kill() -> None:
        while not stop.wait(0.15):
            for pid in world.workers():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        stop.set()
        thread.join()


def test_a_relay_that_may_not_publish_for_a_while_loses_nothing(world: World) -> None:
    sku = world.new_sku(stock=10)
    order = world.order({sku: 1})
    order_id = str(order["orderId"])

    with _denied(world, "event-relay", "events:PutEvents"):
        world.orders.place([order])
        eventually(lambda: world.orders.histories([order_id])[order_id].commits, "a version 1")
        eventually(lambda: "AccessDenied" in _last_log(world, "event-relay"), "a refusal in the relay's log")

    (history,) = world.wait(order_id)
    assert history.events[-1] == "OrderConfirmed"


def test_a_payment_service_that_may_not_charge_for_a_while_loses_nothing(world: World) -> None:
    sku = world.new_sku(stock=10)
    order = world.order({sku: 1})
    order_id = str(order["orderId"])

    with world.hidden_for(10, "payment"), _denied(world, "payment-service", "dynamodb:UpdateItem"):
        world.orders.place([order])
        eventually(lambda: order_id in _last_log(world, "payment-service"), "a fault in the payment service's log")
        assert world.stock(sku) == (10, 1, 9)
        assert world.charge(order_id) == {}

    (history,) = world.wait(order_id)
    assert history.events[-1] == "OrderConfirmed"
    assert world.stock(sku) == (9, 0, 9)


@contextmanager
def _denied(world: World, service: str, action: str) -> Iterator[None]:
    """Take a right away from a function's role: enforcement is on, so its calls fail from now on."""
    iam = world.target.session().client("iam", endpoint_url=world.target.endpoint_url)
    role = world.deployment.functions[service].name
    statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role, PolicyName="denied-by-test", PolicyDocument=policy)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="denied-by-test")


def _last_log(world: World, service: str) -> str:
    logs = world.target.client("logs")
    group = world.deployment.functions[service].log_group
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, filterPattern="ERROR")
    return "\n".join(event["message"] for page in pages for event in page["events"])

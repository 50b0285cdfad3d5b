"""Carts and checkouts, as the tools that read the log see them."""

import json
from datetime import timedelta

import pytest

from scripts.cli.errors import UserError
from scripts.ledger.audit.auditor import Auditor
from scripts.ledger.audit.findings import Difference
from scripts.ledger.checkouts import USUALLY_DECIDED_AFTER
from scripts.ledger.order_show import print_order
from scripts.recovery.repair import Repairer
from services.order_service.domain import PlacedOrder
from services.order_service.service import OrderService
from services.shared.causes import Cause
from services.shared.deadlines import MINUTE
from services.shared.events.order import OrderPlaced
from tests.factories import NOW, PAYMENT_TIMEOUT, place
from tests.unit.conftest import DEADLINE_TABLE, Aws
from tests.unit.services.carts import (
    AFTER,
    HOUR,
    STREAM,
    abandoned_carts,
    checked_out,
    deadlines,
    events,
    filled,
)

LATE = USUALLY_DECIDED_AFTER + MINUTE


def _differences(aws: Aws, after: timedelta = timedelta()) -> list[Difference]:
    return Auditor(aws.dynamodb, aws.deployment, clock=lambda: NOW + after, sleep=lambda _: None).audit().differences


def _decide(aws: Aws) -> None:
    """Decide the order of the last checkout, as the order service does with its event."""
    commit = aws.store.read(STREAM)[-1]
    order = PlacedOrder.of(commit.get(OrderPlaced), allow_forced_payment_result=False)
    cause = Cause(commit.event_id(1), commit.cause.correlation_id, NOW)
    place(OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT), order, cause)


def _lose_deadlines(aws: Aws) -> None:
    for item in aws.dynamodb.scan(TableName=DEADLINE_TABLE)["Items"]:
        key = {name: item[name] for name in ("minute_shard", "group_id")}
        aws.dynamodb.delete_item(TableName=DEADLINE_TABLE, Key=key)


def _shown(aws: Aws, order_id: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    print_order(aws.dynamodb, aws.deployment, order_id)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_carts_in_every_state_have_no_differences(aws: Aws) -> None:
    filled(aws)
    filled(aws)
    checked_out(aws, 2000)
    _decide(aws)
    filled(aws)

    assert _differences(aws) == []


@pytest.mark.parametrize("additions", [1, 2])
def test_an_open_cart_that_nobody_will_look_at_is_found_and_repaired(aws: Aws, additions: int) -> None:
    for _ in range(additions):
        filled(aws)
    _lose_deadlines(aws)
    late = NOW + AFTER + HOUR

    found = [(one.kind, one.subject) for one in _differences(aws)]
    repairer = Repairer(aws.dynamodb, aws.deployment, clock=lambda: late)
    repairer.write_deadlines(repairer.find().missing_deadlines)

    assert found == [("deadline", STREAM)]
    assert [group.stream_ids for group in deadlines(aws)] == [(STREAM,)]
    assert _differences(aws, AFTER + HOUR) == []
    abandoned_carts(aws).clear_all([STREAM], late)
    assert events(aws)[-1] == "CartCleared"


def test_a_deadline_of_any_cart_that_is_over_is_missed_by_nobody(aws: Aws) -> None:
    filled(aws)
    checked_out(aws)
    _decide(aws)
    _lose_deadlines(aws)

    assert [one.kind for one in _differences(aws)] == ["deadline"], "the order's own"
    assert all(one.subject != STREAM for one in _differences(aws))


def test_a_checkout_whose_order_is_not_decided_in_time_is_found_with_where_it_may_be(aws: Aws) -> None:
    filled(aws)
    order_id = checked_out(aws)

    (found,) = _differences(aws, LATE)

    assert (found.kind, found.subject) == ("checkout", order_id)
    assert "`invoke dlq-list`" in found.found
    assert _differences(aws, USUALLY_DECIDED_AFTER) == []
    _decide(aws)
    assert [one for one in _differences(aws, LATE) if one.kind == "checkout"] == []


def test_an_order_that_is_not_decided_yet_is_shown_as_checked_out(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    filled(aws)
    order_id = checked_out(aws)

    lines = _shown(aws, order_id, capsys)

    assert lines[0] == f"Order {order_id}, correlation id correlation-1"
    assert lines[2].endswith("0 ms cart 2 CartCheckoutInitiated at most 10.00 GBP")
    assert lines[-1].startswith("state checked out, and not decided yet: it waits in the order queue or is among its")


def test_the_causes_of_an_order_begin_with_its_checkout(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    filled(aws)
    order_id = checked_out(aws)
    _decide(aws)

    lines = _shown(aws, order_id, capsys)

    assert "CartCheckoutInitiated" in lines[2]
    assert lines[3:5] == ["OrderPlaced", "by event-1"]
    assert "OrderValidated" in lines[5]
    assert lines[7] == "by OrderPlaced"


def test_json_has_the_checkout_beside_the_orders_own_commits(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    filled(aws)
    order_id = checked_out(aws)
    print_order(aws.dynamodb, aws.deployment, order_id, as_json=True)

    shown = json.loads(capsys.readouterr().out)

    assert (shown["commits"], shown["phase"]) == ([], None)
    assert shown["checkout"]["events"] == ["CartCheckoutInitiated", "OrderPlaced"]


def test_an_order_that_no_checkout_placed_is_still_unknown(aws: Aws) -> None:
    filled(aws)

    for order_id in ("order-404", "c2-" + "0" * 24):
        with pytest.raises(UserError, match="the event store has no order"):
            print_order(aws.dynamodb, aws.deployment, order_id)

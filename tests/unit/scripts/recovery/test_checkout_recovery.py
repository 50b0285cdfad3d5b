"""Carts and checkouts after a loss: none is lost, and none makes two orders."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scripts.deploy.deployment import Deployment
from scripts.ledger.audit import auditor
from scripts.operate.pausing import PauseSwitch
from scripts.recovery import replay_orders
from services.libs.messaging.event_publisher import event_detail
from services.libs.store.dynamodb_items import to_item
from services.order_service.domain import PlacedOrder
from services.order_service.service import OrderService
from services.shared.cart_lifecycle import checkout_version
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.events.order import OrderPlaced
from tests.factories import NOW, PAYMENT_TIMEOUT, place
from tests.unit.conftest import DEADLINE_TABLE, EVENT_STORE_TABLE, Aws
from tests.unit.scripts.recovery.test_after_sale_recovery import World
from tests.unit.services.carts import HOUR, STREAM, checked_out, deadlines, events, filled


@pytest.fixture
def world(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_turns: None) -> World:  # noqa: ARG001 - it comes first
    monkeypatch.setattr(Deployment, "of", lambda _: aws.deployment)
    monkeypatch.setattr(PauseSwitch, "__init__", lambda *_: None)
    monkeypatch.setattr(PauseSwitch, "active", lambda _: [])
    monkeypatch.setattr(auditor, "_PAUSE_SECONDS", 0)
    return World(aws, tmp_path / "backup")


def _decide(aws: Aws) -> None:
    commit = aws.store.read(STREAM)[-1]
    order = PlacedOrder.of(commit.get(OrderPlaced), allow_forced_payment_result=False)
    place(OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT), order, Cause(commit.event_id(1), "basket-1", NOW))


def _lose(aws: Aws, stream_id: str, *versions: int) -> None:
    for version in versions:
        key = to_item({"stream_id": stream_id, "version": version})
        aws.dynamodb.delete_item(TableName=EVENT_STORE_TABLE, Key=key)


def _replay(world: World, monkeypatch: pytest.MonkeyPatch, checkout: Commit) -> None:
    """Replay an archive that holds the OrderPlaced of this checkout."""
    detail = event_detail(checkout, 1)
    body = {"id": "1", "detail-type": "OrderPlaced", "time": "2026-01-01T12:00:00Z", "detail": detail}
    monkeypatch.setattr(replay_orders.OrderArchive, "placed", lambda *_: iter([[json.dumps(body)]]))
    replay_orders.replay_lost_orders(world.target(), "1h", dry_run=False)


def test_a_checkout_that_is_undecided_after_a_restore_is_published_again(world: World) -> None:
    filled(world.aws)
    order_id = checked_out(world.aws)
    world.back_up()
    _decide(world.aws)

    world.restore()

    assert world.aws.store.read(f"order#{order_id}") == ()
    assert sorted(world.events.published) == [f"{STREAM}/2/0", f"{STREAM}/2/1"]


def test_a_checkout_whose_order_is_decided_is_not_published_again_and_neither_is_an_open_cart(world: World) -> None:
    filled(world.aws)
    order_id = checked_out(world.aws)
    _decide(world.aws)
    filled(world.aws)
    world.back_up()

    world.restore()

    assert sorted(world.events.published) == [f"order#{order_id}/1/0", f"order#{order_id}/1/1"]


def test_an_open_cart_is_looked_at_soon_after_a_restore(world: World) -> None:
    filled(world.aws)
    filled(world.aws)
    world.back_up()
    world.empty(DEADLINE_TABLE, "minute_shard", "group_id")

    world.restore()

    (group,) = deadlines(world.aws)
    assert group.stream_ids == (STREAM,)
    assert group.due_at > datetime.now(UTC)


def test_a_lost_checkout_is_committed_again_so_that_its_cart_is_not_ordered_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(world.aws)
    order_id = checked_out(world.aws)
    checkout = world.aws.store.read(STREAM)[-1]
    _lose(world.aws, STREAM, 2)

    _replay(world, monkeypatch, checkout)

    assert events(world.aws) == ["CartItemAdded", "CartCheckoutInitiated + OrderPlaced"]
    assert world.aws.store.read(STREAM)[-1].events == checkout.events
    assert order_id == checkout.get(OrderPlaced).order_id


def test_a_cart_that_its_customer_has_changed_since_the_loss_is_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(world.aws)
    checked_out(world.aws)
    checkout = world.aws.store.read(STREAM)[-1]
    _lose(world.aws, STREAM, 2)
    filled(world.aws)

    _replay(world, monkeypatch, checkout)

    assert events(world.aws) == ["CartItemAdded", "CartItemAdded"]


def test_a_checkout_after_a_loss_is_another_order_than_the_lost_one_of_its_version(world: World) -> None:
    filled(world.aws)
    world.back_up()
    filled(world.aws)
    lost = checked_out(world.aws, 2000)
    world.restore()
    filled(world.aws, at=NOW + HOUR)

    placed = checked_out(world.aws, 2000)

    assert checkout_version(placed) == checkout_version(lost) == 3
    assert placed != lost


def test_a_cart_that_was_filled_anew_up_to_the_lost_version_is_left_and_named(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(world.aws)
    filled(world.aws)
    order_id = checked_out(world.aws, 2000)
    checkout = world.aws.store.read(STREAM)[-1]
    _lose(world.aws, STREAM, 2, 3)
    filled(world.aws, sku="prod-002", at=NOW + HOUR)

    _replay(world, monkeypatch, checkout)

    assert f"their carts may hold the same goods: {order_id}" in " ".join(capsys.readouterr().out.split())
    assert events(world.aws) == ["CartItemAdded", "CartItemAdded"]


def test_a_cart_that_has_lost_more_than_its_checkout_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(world.aws)
    filled(world.aws)
    order_id = checked_out(world.aws, 2000)
    checkout = world.aws.store.read(STREAM)[-1]
    _lose(world.aws, STREAM, 2, 3)

    _replay(world, monkeypatch, checkout)

    assert f"their carts may hold the same goods: {order_id}" in " ".join(capsys.readouterr().out.split())
    assert events(world.aws) == ["CartItemAdded"]

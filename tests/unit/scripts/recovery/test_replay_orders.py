"""Lost orders from the archive, on moto; a system that has the order `paid` stands beside it."""

import json
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.recovery import replay_orders
from tests.unit.conftest import Aws

BUS = "test-order-bus"
LOST: dict[str, object] = {
    "orderId": "lost",
    "customerId": "customer-1",
    "items": [{"sku": "prod-001", "quantity": 2}],
    "unknown": "kept",
}


class _Events:
    """EventBridge, but what is put on it by the task goes nowhere and is remembered."""

    def __init__(self, aws: Aws) -> None:
        self._client = aws.events
        self.placed: list[dict[str, Any]] = []

    def put_events(self, Entries: Sequence[Mapping[str, str]]) -> dict[str, object]:  # noqa: N803 - boto3's name
        self.placed += [json.loads(entry["Detail"]) for entry in Entries]
        return {"Entries": [{"EventId": "1"} for _ in Entries]}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the client has
        return getattr(self._client, name)


@pytest.fixture
def events(busy: Aws, monkeypatch: pytest.MonkeyPatch) -> _Events:
    monkeypatch.setattr(replay_orders, "_LONG_POLL_SECONDS", 0)
    monkeypatch.setattr(Deployment, "of", lambda _: busy.deployment)
    return _Events(busy)


@pytest.fixture
def target(busy: Aws, events: _Events, no_turns: None) -> Target:  # noqa: ARG001 - it comes first
    clients = {"dynamodb": busy.dynamodb, "events": events, "sqs": busy.sqs}
    return cast("Target", SimpleNamespace(client=clients.__getitem__, environment="test", is_local=True))


def _archive(aws: Aws) -> None:
    arn = aws.events.describe_event_bus(Name=BUS)["Arn"]
    aws.events.create_archive(ArchiveName=f"{BUS}-archive", EventSourceArn=arn)


def _send(aws: Aws, detail_type: str, detail: Mapping[str, object]) -> None:
    text = json.dumps(detail)
    aws.events.put_events(
        Entries=[{"Source": "order.service", "DetailType": detail_type, "Detail": text, "EventBusName": BUS}]
    )


@pytest.mark.parametrize("messages_per_call", [1, 10])
def test_orders_that_are_lost_are_placed_again_as_they_were_and_once(  # noqa: PLR0913, PLR0917 - fixtures
    busy: Aws,
    target: Target,
    events: _Events,
    messages_per_call: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(replay_orders, "_MESSAGES_PER_CALL", messages_per_call)
    _archive(busy)
    for detail in (LOST, LOST, LOST | {"orderId": "paid"}):
        _send(busy, "OrderPlaced", detail)
    _send(busy, "OrderConfirmed", {"orderId": "other"})

    replay_orders.replay_lost_orders(target, "1h", dry_run=True)
    assert events.placed == []
    assert "and 1 of them are not in the event store" in capsys.readouterr().out

    replay_orders.replay_lost_orders(target, "1h", dry_run=False)
    assert events.placed == [LOST]
    assert "2 orders were placed since" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [
        {"orderId": None},
        {"orderId": ""},
        {"orderId": "x" * 3000},
        {"customerId": 1},
        {"items": []},
        {"items": [{"sku": "prod-001", "quantity": 0}]},
        {"metadata": {"schemaVersion": 2}},
    ],
)
def test_what_is_no_valid_order_is_counted_and_left(
    busy: Aws, target: Target, events: _Events, wrong: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    _archive(busy)
    for detail in (LOST | {"orderId": "wrong"} | wrong, LOST):
        _send(busy, "OrderPlaced", detail)

    replay_orders.replay_lost_orders(target, "1h", dry_run=False)

    assert events.placed == [LOST]
    printed = " ".join(capsys.readouterr().out.split())
    assert "1 orders were placed since" in printed
    assert "1 more messages are no valid orders" in printed


def _body(order_id: str, second: int, quantity: int, **more: object) -> str:
    detail = LOST | {"orderId": order_id, "items": [{"sku": "prod-001", "quantity": quantity}]} | more
    envelope = {"id": "1", "detail-type": "OrderPlaced", "time": f"2026-01-01T12:00:{second:02}Z", "detail": detail}
    return json.dumps(envelope)


@pytest.mark.parametrize("batches", [[[0, 1, 2]], [[2, 1, 0]], [[1], [0], [2]], [[2], [1, 0]]])
def test_of_two_contents_of_one_id_the_earliest_is_placed_and_the_id_is_named(
    target: Target,
    events: _Events,
    batches: list[list[int]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bodies = [_body("two", second, quantity=second + 1) for second in range(3)]
    same = [_body("same", 1, 1, metadata={"eventId": "a"}), _body("same", 2, 1, metadata={"eventId": "b"})]
    known = [_body("paid", 1, 1), _body("paid", 2, 9)]
    given = [[bodies[number] for number in batch] for batch in batches] + [same, known]
    monkeypatch.setattr(replay_orders.OrderArchive, "placed", lambda *_: iter(given))

    replay_orders.replay_lost_orders(target, "1h", dry_run=False)

    assert [(order["orderId"], order["items"][0]["quantity"]) for order in events.placed] == [("two", 1), ("same", 1)]
    assert "came with more than one content, of which the earliest counts: two\n" in capsys.readouterr().out


def test_no_rule_and_no_queue_of_a_replay_is_left(busy: Aws, target: Target) -> None:
    queues = busy.sqs.list_queues()["QueueUrls"]
    _archive(busy)
    _send(busy, "OrderPlaced", LOST)

    replay_orders.replay_lost_orders(target, "1h", dry_run=False)

    assert [
        rule["Name"] for rule in busy.events.list_rules(EventBusName=BUS)["Rules"] if "replay" in rule["Name"]
    ] == []
    assert busy.sqs.list_queues()["QueueUrls"] == queues


def test_a_bus_without_an_archive_is_named(target: Target) -> None:
    with pytest.raises(UserError, match="test-order-bus has no archive"):
        replay_orders.replay_lost_orders(target, "1h", dry_run=False)


def test_a_replay_that_fails_says_why(
    busy: Aws, target: Target, events: _Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    _archive(busy)
    failed = {"State": "FAILED", "StateReason": "no such archive"}
    monkeypatch.setattr(events, "describe_replay", lambda **_: failed, raising=False)

    with pytest.raises(UserError, match="failed: no such archive"):
        replay_orders.replay_lost_orders(target, "1h", dry_run=False)


def test_an_order_that_comes_while_the_archive_is_replayed_is_left_to_the_live_rules(
    busy: Aws, target: Target, events: _Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    _archive(busy)
    _send(busy, "OrderPlaced", LOST)

    def start_replay(**request: Any) -> None:  # noqa: ANN401 - the client's
        busy.events.start_replay(**request)
        _send(busy, "OrderPlaced", LOST | {"orderId": "live"})

    monkeypatch.setattr(events, "start_replay", start_replay, raising=False)

    replay_orders.replay_lost_orders(target, "1h", dry_run=False)

    assert events.placed == [LOST]

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate.relay_catchup import Published, catch_up, commits_since, publish
from services.libs.messaging.event_publisher import EventPublisher
from services.libs.runtime.backoff import Backoff
from services.libs.store.dynamodb_items import to_item
from services.shared.causes import timestamp
from services.shared.commits import Commit
from services.shared.events.event import Bus
from services.shared.json_types import Json
from tests.factories import CAUSE, NOW, decide, inventory, placed_order, seeding, stock_item
from tests.unit.conftest import EVENT_STORE_TABLE, Aws

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient

_HOUR = timedelta(hours=1)


class _Events:
    """EventBridge that refuses what mentions an order of `refused`, always."""

    def __init__(self, *refused: str) -> None:
        self._refused = refused
        self.published: list[str] = []

    def put_events(self, Entries: Sequence[dict[str, str]]) -> dict[str, object]:  # noqa: N803 - boto3's name
        assert len(Entries) <= 10
        results = []
        for entry in Entries:
            detail = json.loads(entry["Detail"])
            refuse = detail.get("orderId") in self._refused
            if not refuse:
                self.published.append(detail["metadata"]["eventId"])
            results.append({"ErrorCode": "ThrottlingException"} if refuse else {"EventId": "1"})
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}


def _publisher(events: _Events) -> EventPublisher:
    names: dict[str, str] = {Bus.ORDER: "order-bus", Bus.PAYMENT: "payment-bus"}
    return EventPublisher(cast("EventBridgeClient", events), names, backoff=Backoff(attempts=3, first_pause_seconds=0))


@pytest.fixture
def events(aws: Aws, monkeypatch: pytest.MonkeyPatch, no_turns: None) -> _Events:  # noqa: ARG001 - it comes first
    """What `catch_up` publishes to, at the time of the tests' commits; it refuses order-b."""
    monkeypatch.setattr(Deployment, "of", lambda _: aws.deployment)
    monkeypatch.setattr(Backoff, "pause", lambda *_: None)
    aws.store.append(seeding(stock=10))
    aws.store.append(_order("order-a", NOW))
    return _Events("order-b")


def _target(aws: Aws, events: _Events) -> Target:
    clients = {"dynamodb": aws.dynamodb, "events": events}
    return cast("Target", SimpleNamespace(client=clients.__getitem__))


def _order(order_id: str, at: datetime) -> Commit:
    return decide(placed_order(order_id), inventory(stock_item()), replace(CAUSE, at=at))


def _since(aws: Aws, since: datetime) -> list[str]:
    return sorted(commit.stream_id for commit in commits_since(aws.dynamodb, EVENT_STORE_TABLE, since, []))


def test_the_commits_of_that_time_and_later_are_found(aws: Aws) -> None:
    aws.store.append(seeding(stock=10))
    for order_id, at in (("a", NOW - _HOUR), ("b", NOW), ("c", NOW + _HOUR)):
        aws.store.append(_order(order_id, at))

    assert _since(aws, NOW) == ["order#b", "order#c", "sku#prod-001"]
    assert _since(aws, NOW + timedelta(milliseconds=1)) == ["order#c"]


def test_commits_are_looked_for_as_of_now(aws: Aws) -> None:
    requests = aws.requests()

    assert _since(aws, NOW) == []

    assert len(requests) == 1
    assert '"ConsistentRead": true' in requests[0]


def test_commits_beyond_the_first_page_of_the_scan_are_found(aws: Aws) -> None:
    for number in range(6):
        aws.store.append(seeding(f"prod-{number}", name="x" * 300_000))

    assert len(_since(aws, NOW)) == 6


def test_every_event_of_every_commit_is_published_under_the_id_that_it_had() -> None:
    events = _Events()
    commits = [_order(f"order-{number:02}", NOW) for number in range(60)]

    assert publish(iter(commits), _publisher(events)) == Published(commits=60, events=120)

    assert sorted(events.published) == sorted(commit.event_id(index) for commit in commits for index in (0, 1))


def test_what_stays_refused_is_named_and_the_others_are_published() -> None:
    events = _Events("order-b")
    commits = [_order(order_id, NOW) for order_id in ("order-a", "order-b", "order-c")]

    published = publish(iter(commits), _publisher(events))

    assert published == Published(commits=2, events=4, refused=["order#order-b version 1"])
    assert len(events.published) == 4


def test_a_dry_run_only_counts(aws: Aws, events: _Events, capsys: pytest.CaptureFixture[str]) -> None:
    catch_up(_target(aws, events), "2026-01-01T12:00:00Z", dry_run=True)

    assert capsys.readouterr().out == "would publish 3 events of 2 commits since 2026-01-01T12:00:00.000Z again\n"
    assert events.published == []


def test_a_commit_whose_message_was_taken_up_up_to_15_minutes_before_is_published(
    aws: Aws, events: _Events, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.store.append(_order("order-slow", NOW - timedelta(minutes=14)))
    aws.store.append(_order("order-old", NOW - timedelta(minutes=16)))

    catch_up(_target(aws, events), timestamp(NOW), dry_run=False)

    assert {event.partition("/")[0] for event in events.published} == {
        "order#order-a",
        "order#order-slow",
        "sku#prod-001",
    }
    assert "since 2026-01-01T12:00:00.123Z" in capsys.readouterr().out


@pytest.mark.parametrize("values", [{}, {"committed_at": "2026-01-01T13:00:00.000Z", "events": ["OrderConfirmed"]}])
def test_what_is_no_commit_is_skipped_and_named_at_the_end(
    aws: Aws, events: _Events, values: dict[str, Json], capsys: pytest.CaptureFixture[str]
) -> None:
    aws.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=to_item({"stream_id": "order#odd", "version": 1, **values}))

    with pytest.raises(UserError, match=r"skipped: order#odd version 1 is no commit: .* is missing"):
        catch_up(_target(aws, events), "2026-01-01T12:00:00Z", dry_run=False)

    assert "published 3 events of 2 commits" in capsys.readouterr().out


def test_the_command_fails_at_the_end_when_something_was_refused(
    aws: Aws, events: _Events, capsys: pytest.CaptureFixture[str]
) -> None:
    catch_up(_target(aws, events), "2026-01-01T12:00:00Z", dry_run=False)
    assert "published 3 events of 2 commits" in capsys.readouterr().out

    aws.store.append(_order("order-b", NOW))
    with pytest.raises(UserError, match=r"kept refusing 1 of these commits, run this again: order#order-b version 1"):
        catch_up(_target(aws, events), "2026-01-01T12:00:00Z", dry_run=False)
    assert "published 3 events of 2 commits" in capsys.readouterr().out

"""Publish the events of all commits since a time again: a stream record lives a day, the event store for ever."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.cli.progress import progress_display, show_progress
from scripts.cli.times import parse_past
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.deploy.turns import one_at_a_time
from scripts.ledger.log_reader import LONGEST_FUNCTION, NoCommitError, readable_commits
from services.libs.messaging.event_publisher import EventPublisher
from services.libs.store.dynamodb_items import to_item
from services.shared.causes import timestamp
from services.shared.commits import Commit

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_COMMITS_AT_ONCE = 50


@dataclass(slots=True)
class Published:
    """How many commits and events were published, and the commits of which EventBridge kept refusing an event."""

    commits: int = 0
    events: int = 0
    refused: list[str] = field(default_factory=list)


@one_at_a_time
def catch_up(target: Target, since: str, *, dry_run: bool) -> None:
    """Publish every event since then again, or only count them; raise UserError where some cannot be."""
    start = parse_past("--since", since, datetime.now(UTC))
    deployment = Deployment.of(target)
    unreadable: list[NoCommitError] = []
    commits = commits_since(
        target.client("dynamodb"), deployment.tables.event_store, start - LONGEST_FUNCTION, unreadable
    )
    published = publish(commits, None if dry_run else publisher_of(target, deployment))
    said = f"{published.events} events of {published.commits} commits since {timestamp(start)}"
    if dry_run:
        out.print(f"would publish {said} again")
    else:
        out.print(f"published {said} again; each has the id it had, so consumers that know it ignore it")
    problems = [f"skipped: {error}" for error in unreadable]
    if published.refused:
        problems.append(
            f"EventBridge kept refusing {len(published.refused)} of these commits, run this again: "
            + ", ".join(published.refused)
        )
    if problems:
        raise UserError("\n".join(problems))


def commits_since(
    client: "DynamoDBClient", table: str, since: datetime, unreadable: list[NoCommitError]
) -> Iterator[Commit]:
    """Give the streams in no order, each with its oldest commit first; other items are appended to `unreadable`."""
    pages = client.get_paginator("scan").paginate(
        TableName=table,
        ConsistentRead=True,
        FilterExpression="committed_at >= :since OR attribute_not_exists(committed_at)",
        ExpressionAttributeValues=to_item({":since": timestamp(since)}),
    )
    return readable_commits((item for page in pages for item in page["Items"]), unreadable)


def publisher_of(target: Target, deployment: Deployment) -> EventPublisher:
    return EventPublisher(target.client("events"), deployment.buses)


def publish(commits: Iterator[Commit], publisher: EventPublisher | None) -> Published:
    """Publish in batches; without a publisher only count. Consumers handle an event once, so repetition is harmless."""
    published = Published()
    with progress_display() as shown:
        commits = show_progress(shown, "commits", commits)
        while batch := list(islice(commits, _COMMITS_AT_ONCE)):
            refused = publisher.publish(batch) if publisher else []
            published.refused += [f"{commit.stream_id} version {commit.version}" for commit in refused]
            published.commits += len(batch) - len(refused)
            published.events += sum(len(commit.events) for commit in batch if commit not in refused)
    return published

"""Publish again what was committed since a time: a stream record lives a day, the event store for ever."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from scripts.console import out
from scripts.deployment import Deployment
from scripts.errors import UserError
from scripts.target import Target
from scripts.times import parse_past
from services.libs.commit_items import commit_from_item
from services.libs.dynamodb_items import to_item
from services.libs.event_publisher import EventPublisher
from services.shared.commits import Commit, timestamp
from services.shared.events import Bus

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_COMMITS_AT_ONCE = 50


@dataclass(slots=True)
class Published:
    """How many commits and events, and those commits of which EventBridge kept refusing an event."""

    commits: int = 0
    events: int = 0
    refused: list[str] = field(default_factory=list)


def run(target: Target, since: str, *, dry_run: bool) -> None:
    """Publish every event since then again, or only count them; raise UserError for what EventBridge keeps refusing."""
    start = parse_past("--since", since, datetime.now(UTC))
    deployment = Deployment.of(target)
    commits = commits_since(target.client("dynamodb"), deployment.event_store_table_name, start)
    buses = {Bus.ORDER: deployment.order_bus_name, Bus.PAYMENT: deployment.payment_bus_name}
    published = publish(commits, None if dry_run else EventPublisher(target.client("events"), buses))
    said = f"{published.events} events of {published.commits} commits since {timestamp(start)}"
    if dry_run:
        out.print(f"would publish {said} again")
        return
    out.print(f"published {said} again; each has the id it had, so what had taken it already did nothing")
    if published.refused:
        raise UserError(
            f"EventBridge kept refusing {len(published.refused)} of these commits, run this again: "
            + ", ".join(published.refused)
        )


def commits_since(client: "DynamoDBClient", table: str, since: datetime) -> Iterator[Commit]:
    """The streams in no order, each with its oldest commit first."""
    pages = client.get_paginator("scan").paginate(
        TableName=table,
        ConsistentRead=True,
        FilterExpression="committed_at >= :since",
        ExpressionAttributeValues=to_item({":since": timestamp(since)}),
    )
    for page in pages:
        yield from map(commit_from_item, page["Items"])


def publish(commits: Iterator[Commit], publisher: EventPublisher | None) -> Published:
    """Publish in batches; without a publisher only count. It is harmless, as every consumer takes an event once."""
    published = Published()
    columns = (SpinnerColumn(), TextColumn("{task.completed} commits"), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        shown = progress.add_task("", total=None)
        while batch := list(islice(commits, _COMMITS_AT_ONCE)):
            refused = publisher.publish(batch) if publisher else []
            published.refused += [f"{commit.stream_id} version {commit.version}" for commit in refused]
            published.commits += len(batch) - len(refused)
            published.events += sum(len(commit.events) for commit in batch if commit not in refused)
            progress.advance(shown, len(batch))
    return published

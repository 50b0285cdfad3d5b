"""List the dead letters: a line per cause, or per message."""

import json
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from rich.markup import escape

from scripts.cli.console import out, print_table, table
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate.dead_letter_queues import QueueSummary, queues, summarise
from services.shared.causes import timestamp

_UNSEEN = "not seen: read by somebody else, or gone; look again later"


class CauseRow(NamedTuple):
    queue: str
    cause: str = ""
    messages: int = 0
    oldest: str = ""
    order: str = ""
    detail: str = ""
    """Of the oldest message, as its order is."""


class MessageRow(NamedTuple):
    """Ids, and no other part of a body."""

    queue: str
    cause: str
    sent: str
    message_id: str
    order: str
    event: str


def list_dead_letters(
    target: Target, *, messages: bool = False, cause: str | None = None, as_json: bool = False
) -> None:
    """Print the causes that contain `cause`, with their oldest message or with each message."""
    client, rows = target.client("sqs"), list[CauseRow | MessageRow]()
    for queue in queues(Deployment.of(target)):
        summary = summarise(client, queue)
        found = (_messages if messages else _causes)(queue.full_name, summary)
        rows += [row for row in found if (cause or "") in row.cause]
    if as_json:
        for row in rows:
            out.print(json.dumps(row._asdict(), ensure_ascii=False), markup=False)
    elif not rows:
        out.print("there is no such dead letter")
    elif messages:
        _print_messages([row for row in rows if isinstance(row, MessageRow)])
    else:
        _print_causes([row for row in rows if isinstance(row, CauseRow)])


def _causes(queue: str, summary: QueueSummary) -> Iterator[CauseRow]:
    for cause, group in sorted(summary.groups.items()):
        _, detail = group.oldest.explain()
        yield CauseRow(queue, cause, group.count, timestamp(group.oldest.sent_at), group.oldest.order_id, detail)
    if summary.unseen:
        yield CauseRow(queue, _UNSEEN, summary.unseen)
    elif not summary.groups:
        yield CauseRow(queue)


def _messages(queue: str, summary: QueueSummary) -> Iterator[MessageRow]:
    for cause, group in sorted(summary.groups.items()):
        for message in sorted(group.messages):
            sent = timestamp(message.sent_at)
            yield MessageRow(queue, cause, sent, message.message_id, message.order_id, message.event_type)


def _print_causes(rows: list[CauseRow]) -> None:
    shown = table("queue", "cause", "messages", "oldest", "its order", numbers={"messages"})
    for row in rows:
        # The detail stands below the cause, so that neither is folded into a narrow column.
        cause = f"{row.cause}\n  {row.detail}" if row.detail else row.cause
        shown.add_row(row.queue, cause, str(row.messages), row.oldest, row.order)
    print_table(shown)


def _print_messages(rows: list[MessageRow]) -> None:
    for (queue, cause), of_cause in groupby(rows, key=lambda row: (row.queue, row.cause)):
        shown = table("sent", "message id", "order", "event", title=f"\n{queue}: {escape(cause)}")
        for row in of_cause:
            shown.add_row(row.sent, row.message_id, row.order, row.event)
        print_table(shown)

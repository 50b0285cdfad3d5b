"""List the dead letters: a line per cause, or per message."""

import json
from collections.abc import Iterator

from scripts.cli.console import out, print_table, table
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate.dead_letter_queues import QueueSummary, queues, summarise
from services.shared.causes import timestamp

Row = dict[str, str | int]
"""One line of the list, by column."""
_UNSEEN = "not seen: read by somebody else, or gone; look again later"


def list_dead_letters(
    target: Target, *, messages: bool = False, cause: str | None = None, as_json: bool = False
) -> None:
    """Print the causes that contain `cause`, or each of their messages: ids only, and no other part of a body."""
    client, rows = target.client("sqs"), list[Row]()
    for queue in queues(Deployment.of(target)):
        summary = summarise(client, queue)
        if cause:
            summary.groups = {name: group for name, group in summary.groups.items() if cause in name}
        found = list((_message_rows if messages else _cause_rows)(summary))
        if summary.unseen:
            found.append({"cause": _UNSEEN, **({} if messages else {"messages": summary.unseen})})
        if not found and not messages and not cause:
            found.append({"cause": "", "messages": 0})
        rows += [{"queue": queue.full_name, **row} for row in found]
    if as_json:
        for row in rows:
            out.print(json.dumps(row), markup=False)
    elif rows:
        headings = ["queue", "cause", *(_MESSAGE_COLUMNS if messages else _CAUSE_COLUMNS)]
        shown = table(*headings, numbers={"messages"})
        for row in rows:
            shown.add_row(*(str(row.get(heading, "")) for heading in headings))
        print_table(shown)
    else:
        out.print("there is no such dead letter")


_CAUSE_COLUMNS = ("messages", "oldest", "oldest's order", "oldest's detail")
_MESSAGE_COLUMNS = ("sent", "message id", "order", "event")


def _cause_rows(summary: QueueSummary) -> Iterator[Row]:
    for cause, group in sorted(summary.groups.items()):
        _, detail = group.oldest.explain()
        oldest = (timestamp(group.oldest.sent_at), group.oldest.order_id, detail)
        yield {"cause": cause, **dict(zip(_CAUSE_COLUMNS, (group.count, *oldest), strict=True))}


def _message_rows(summary: QueueSummary) -> Iterator[Row]:
    for cause, group in sorted(summary.groups.items()):
        for message in sorted(group.messages):
            shown = (timestamp(message.sent_at), message.message_id, message.order_id, message.event_type)
            yield {"cause": cause, **dict(zip(_MESSAGE_COLUMNS, shown, strict=True))}

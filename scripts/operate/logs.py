"""What the functions logged, as a person reads it: one after the other, without the lines of metrics and of Lambda."""

import heapq
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.text import Text

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.cli.times import parse_past
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from services.shared.causes import timestamp
from services.shared.json_types import Json, JsonObject

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient

# https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
_OF_LAMBDA = ("INIT_START ", "START ", "END ", "REPORT ")
_STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}
_MOST_SHOWN = 3
_SHOWN_APART = {"time", "level", "service", "message", "exception"}


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """What a function said; what is not in the project's own form, as that it timed out, counts as an error."""

    milliseconds: int
    service: str
    level: str
    message: str
    fields: str = ""
    exception: str = ""

    @property
    def text(self) -> Text:
        at = timestamp(datetime.fromtimestamp(self.milliseconds / 1000, UTC))
        text = Text(f"{at}  {self.service:<20} ")
        text.append(f"{self.level:<8}", style=_STYLES.get(self.level, ""))
        text.append("  ".join(filter(None, [self.message, self.fields])))
        if self.exception:
            text.append(f"\n{self.exception}")
        return text


def show(target: Target, service: str | None, *, since: str, order: str | None, errors: bool) -> None:
    """Print what one service or all of them logged since then; `errors` leaves out what is no warning or error."""
    start = parse_past("--since", since, datetime.now(UTC))
    groups = {name: function.log_group for name, function in Deployment.of(target).functions.items()}
    if service and service not in groups:
        raise UserError(f"--service {service}: there is none of that name; give one of {', '.join(sorted(groups))}")
    client = target.client("logs")
    services: Collection[str] = [service] if service else groups
    streams = [lines(client, each, groups[each], start, order) for each in services]
    printed = 0
    for line in heapq.merge(*streams):
        if not errors or line.level in _STYLES:
            out.print(line.text)
            printed += 1
    if not printed:
        what = f"{'no warning and no error' if errors else 'nothing'}{f' that names {order}' if order else ''}"
        out.print(f"{what} was logged since {timestamp(start)}", markup=False)


def lines(
    client: "CloudWatchLogsClient", service: str, group: str, start: datetime, order: str | None = None
) -> Iterator[Line]:
    """Give a function's lines, the oldest first; where an order is given, those that name it."""
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=group,
        startTime=int(start.timestamp() * 1000),
        filterPattern=json.dumps(order) if order else "",
    )
    for page in pages:
        for event in page["events"]:
            if line := _line(service, event["timestamp"], event["message"].rstrip(), order):
                yield line


def _line(service: str, milliseconds: int, message: str, order: str | None) -> Line | None:
    try:
        entry = json.loads(message)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        said_by_lambda = not message or message.startswith(_OF_LAMBDA)
        return None if said_by_lambda else Line(milliseconds, service, "ERROR", message)
    if "_aws" in entry:  # metrics, in the embedded metric format
        return None
    return Line(
        milliseconds,
        service,
        str(entry.get("level", "INFO")),
        str(entry.get("message", "")),
        _fields(entry, order),
        str(entry.get("exception", "")),
    )


def _fields(entry: JsonObject, order: str | None) -> str:
    shown = {name: value for name, value in entry.items() if name not in _SHOWN_APART}
    return " ".join(f"{name}={_text(value, order)}" for name, value in shown.items())


def _text(value: Json, order: str | None) -> str:
    """A value for a person: of a long list, such as the orders of a batch, the first ones and how many more."""
    if isinstance(value, list):
        first = sorted(value, key=lambda one: one != order)[:_MOST_SHOWN]
        more = f" and {len(value) - _MOST_SHOWN} more" if len(value) > _MOST_SHOWN else ""
        return ",".join(_text(one, order) for one in first) + more
    return value if isinstance(value, str) else json.dumps(value)

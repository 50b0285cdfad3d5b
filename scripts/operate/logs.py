"""The functions' logs, in the order of time, without the lines of metrics and of Lambda itself."""

import heapq
import json
import textwrap
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.text import Text

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.cli.times import parse_past
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from services.shared.causes import timestamp
from services.shared.json_types import Json

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient

# https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
_LAMBDA_LINES = ("INIT_START ", "START ", "END ", "REPORT ")
_STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}
_OWN_COLUMNS = {"time", "level", "service", "message", "exception"}
_WIDTH = 120
_INDENT = "    "
_MAX_LISTED = 3


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One line of a log. A line that is not in the project's own form, such as a timeout, counts as an error."""

    milliseconds: int
    service: str
    level: str
    message: str
    fields: Mapping[str, Json] = field(default_factory=dict, compare=False)
    exception: str = ""

    @property
    def time(self) -> str:
        return timestamp(datetime.fromtimestamp(self.milliseconds / 1000, UTC))

    def for_people(self, width: int, order: str | None = None) -> Text:
        """Time, service, level and message; below them the fields, as many in a line as fit, and the exception.

        Of a list the first values are shown and how many more there are; `order` comes first.
        """
        text = Text(f"{self.time}  {self.service:<20}  ")
        text.append(f"{self.level:<8}  ", style=_STYLES.get(self.level, ""))
        text.append(self.message)
        fields = "  ".join(f"{name}={_value(value, order)}" for name, value in self.fields.items())
        # Ids are never cut: they are searched for.
        below = textwrap.wrap(fields, width - len(_INDENT), break_long_words=False, break_on_hyphens=False)
        for line in below + self.exception.splitlines():
            text.append(f"\n{_INDENT}{line}")
        return text

    def for_machines(self) -> str:
        exception = {"exception": self.exception} if self.exception else {}
        entry = {"time": self.time, "service": self.service, "level": self.level, "message": self.message}
        return json.dumps({**entry, **self.fields, **exception}, ensure_ascii=False)


def show(  # noqa: PLR0913 - the options of the command
    target: Target,
    service: str | None,
    *,
    since: str,
    order: str | None,
    errors: bool,
    as_json: bool = False,
) -> None:
    """Print the lines of one service or of all since then; with `errors` only warnings and errors."""
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
            if as_json:
                out.print(line.for_machines(), markup=False)
            else:
                out.print(line.for_people(min(out.width, _WIDTH), order))
            printed += 1
    if not printed and not as_json:
        nothing = f"{'no warning and no error' if errors else 'nothing'}{f' that names {order}' if order else ''}"
        out.print(f"{nothing} was logged since {timestamp(start)}", markup=False)


def lines(
    client: "CloudWatchLogsClient", service: str, group: str, start: datetime, order: str | None = None
) -> Iterator[Line]:
    """Give a function's lines, the oldest first; with an order only lines that name it."""
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=group,
        startTime=int(start.timestamp() * 1000),
        filterPattern=json.dumps(order) if order else "",
    )
    for page in pages:
        for event in page["events"]:
            if line := _line(service, event["timestamp"], event["message"].rstrip()):
                yield line


def _line(service: str, milliseconds: int, message: str) -> Line | None:
    try:
        entry = json.loads(message)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        is_lambdas = not message or message.startswith(_LAMBDA_LINES)
        return None if is_lambdas else Line(milliseconds, service, "ERROR", message)
    if "_aws" in entry:  # metrics, in the embedded metric format
        return None
    return Line(
        milliseconds,
        service,
        str(entry.get("level", "INFO")),
        str(entry.get("message", "")),
        {name: value for name, value in entry.items() if name not in _OWN_COLUMNS},
        str(entry.get("exception", "")),
    )


def _value(value: Json, order: str | None) -> str:
    if isinstance(value, list):
        first = sorted(value, key=lambda one: one != order)[:_MAX_LISTED]
        more = f" and {len(value) - _MAX_LISTED} more" if len(value) > _MAX_LISTED else ""
        return ", ".join(_value(one, order) for one in first) + more
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

"""The work beside that of orders: each minute, once per order when it is due, and for each visit of a customer."""

from collections.abc import Mapping
from dataclasses import dataclass

from scripts.measure.capacity.parameters import load_parameters
from scripts.measure.capacity.usage import COMMIT_READ_UNITS, DEADLINE_BYTES, DUE_STREAM_BYTES
from scripts.measure.cost.planned import Planned
from scripts.measure.cost.resource_types import HOURS_PER_MONTH
from services.metrics_service.cloudwatch_reader import declared_sums

MINUTES_PER_MONTH = HOURS_PER_MONTH * 60
SCRAPES_PER_MINUTE = 2
_POLLERS, _POLLS_PER_MINUTE = 5, 3
_SWEEP_SECONDS, _TOLD_SECONDS, _SCRAPE_SECONDS, _VISIT_SECONDS = 0.2, 0.1, 0.1, 0.1
SWEPT_MINUTES, DEADLINE_SHARDS = 4, 8
"""A minute is read until no writer can add to it, each of its shards by a consistent query."""
_STREAMS_PER_MESSAGE = 100
_TICKETS_PER_VISIT, _COMMANDS_PER_TICKET = 1 / 50, 3
_CUSTOMER_COMMIT_UNITS = 3 * 2
"""In one transaction the commit, its counter, and the check that the customer is not erased."""
_CUSTOMER_READ_UNITS = 2
"""The customer's key, and a stream."""
_READ_BYTES = 4096
# Of a checkpoint of 33 KB; of each scrape's page of 1,000 SKUs, 13 KB, and its turns to make it and to read CloudWatch.
_CHECKPOINT_UNITS, _SCRAPE_WRITE_UNITS = 33, 13 + 2
# The inventory of 1,000 SKUs; the checkpoint and the last page, each alone and in the scan of their table; the
# counters, and twice how often they were folded.
SCRAPE_READ_UNITS = 12 + 2 * (9 + 4) + 1 + 2


@dataclass(frozen=True, slots=True)
class Activity:
    why: str
    quantities: Mapping[str, float]
    """Per month, by line of the price list."""


def activities(planned: Planned, visits: int, *, scraped: bool) -> list[Activity]:
    found = [_sweeps(planned), _polls(planned), Activity("the functions' own metrics", {"metric": sums(planned)})]
    return [*found, _visits(planned, visits), *([_scrapes(planned)] if scraped else [])]


def sums(planned: Planned) -> int:
    """The number of sums that the functions may write to CloudWatch."""
    functions = [str(values.get("function_name")) for values in planned.all("aws_lambda_function")]
    return len(list(declared_sums(functions)))


def assumptions(planned: Planned, visits: int, *, scraped: bool) -> list[str]:
    scrapes = (
        f"The metrics are scraped {SCRAPES_PER_MINUTE} times a minute, with 1,000 SKUs in the inventory."
        if scraped
        else "No scrapes of the metrics, as the plan expects none: --scraped adds the cost of a Prometheus."
    )
    visited = (
        "In a visit a customer signs in and reads their profile; in one of 50 they open a ticket. Cognito is left out."
        if visits
        else "No visits of customers, who sign in, and ask for help: --visits-per-month N adds them."
    )
    return [
        f"Each of the {sums(planned)} metrics of the functions has a value in every hour, which is the upper limit.",
        scrapes,
        visited,
        f"Lambda polls an empty queue {_POLLERS * _POLLS_PER_MINUTE} times a minute.",
        "A key costs $1 a month more after each of its first two rotations, of which there is one a year: not counted.",
    ]


def _sweeps(planned: Planned) -> Activity:
    """Each minute: read the cursor and the last minutes, one unit per query at least, and write the cursor."""
    sweeps = MINUTES_PER_MONTH
    quantities = _invoked(planned, sweeps, _SWEEP_SECONDS) | {
        "dynamodb_read_units": (1 + SWEPT_MINUTES * DEADLINE_SHARDS) * sweeps,
        "dynamodb_write_units": sweeps,
    }
    return Activity("the sweeper, each minute", quantities)


def once_due(planned: Planned, orders: int) -> Activity:
    """Each deadline, alone in its group, is read and sent, whether the order is paid or not.

    A message is sent, received and deleted. The order service reads version 2 of the order.
    """
    messages = orders / _STREAMS_PER_MESSAGE
    group_units = SWEPT_MINUTES * (DEADLINE_BYTES + DUE_STREAM_BYTES) / _READ_BYTES
    quantities = _invoked(planned, messages, _TOLD_SECONDS) | {
        "dynamodb_read_units": orders * (group_units + COMMIT_READ_UNITS),
        "sqs_requests": 3 * messages,
    }
    return Activity("orders, once they are due", quantities)


def _visits(planned: Planned, visits: int) -> Activity:
    """A sign-in and a command are a commit each, and an event; a look at the profile and a command open a key."""
    commands = visits * _TICKETS_PER_VISIT * _COMMANDS_PER_TICKET
    commits = requests = visits + commands
    sign_ins, relayed = visits, commits
    quantities = _invoked(planned, sign_ins + requests + relayed, _VISIT_SECONDS) | {
        "api_request": requests,
        "key_request": requests,
        "dynamodb_read_units": (sign_ins + requests) * _CUSTOMER_READ_UNITS,
        "dynamodb_write_units": commits * _CUSTOMER_COMMIT_UNITS,
        "eventbridge_events": commits,
    }
    return Activity("visits of customers", quantities)


def _polls(planned: Planned) -> Activity:
    polls = len(planned.queue_mappings) * _POLLERS * _POLLS_PER_MINUTE * MINUTES_PER_MONTH
    return Activity("polling of empty queues", {"sqs_requests": polls})


def _scrapes(planned: Planned) -> Activity:
    scrapes = SCRAPES_PER_MINUTE * MINUTES_PER_MONTH
    readings = HOURS_PER_MONTH * 3600 / planned.metrics_refresh_seconds
    quantities = _invoked(planned, scrapes, _SCRAPE_SECONDS) | {
        "api_request": scrapes,
        "metric_read": readings * (sums(planned) + len(planned.queue_mappings)),
        "sqs_requests": scrapes * len(planned.all("aws_sqs_queue")),
        "dynamodb_read_units": scrapes * SCRAPE_READ_UNITS,
        "dynamodb_write_units": readings * _CHECKPOINT_UNITS + scrapes * _SCRAPE_WRITE_UNITS,
    }
    return Activity("scrapes of the metrics", quantities)


def _invoked(planned: Planned, times: float, seconds: float) -> dict[str, float]:
    return {
        "lambda_requests": times,
        "lambda_gb_seconds": times * seconds * planned.memory_gb,
        "log_bytes": times * load_parameters().deployment.log_bytes_an_invocation,
    }

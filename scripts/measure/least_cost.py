"""What orders cost, line by line, and the least that the same guarantees can cost."""

from dataclasses import dataclass
from math import ceil

from scripts.measure.units import TRANSACTIONAL, write_units
from scripts.measure.usage import Usage

_RECORDS_A_REQUEST = 10
# The START, END and REPORT lines that Lambda itself writes of an invocation, with CloudWatch's 26 bytes for each.
_PLATFORM_LOG_BYTES = 340
# An order's id in a list.
_LISTED_BYTES = 40


def quantities(usage: Usage) -> dict[str, float]:
    return {
        "dynamodb_write_units": usage.units.write,
        "dynamodb_read_units": usage.units.read,
        "eventbridge_events": usage.events,
        "eventbridge_archived_bytes": usage.event_bytes,
        "sqs_requests": usage.sqs_requests,
        "lambda_requests": usage.invocations.total(),
        "lambda_gb_seconds": usage.gb_seconds,
        "log_bytes": usage.log_bytes,
    }


@dataclass(frozen=True, slots=True)
class Workload:
    """What was asked for, as far as the least cost depends on it."""

    accepted: int
    refused: int
    repeated: int
    """Deliveries of an order beyond its first."""
    skus_an_order: int
    catalogue: int
    """Distinct SKUs of all orders."""
    batch: float
    """Messages an invocation gets, on average."""

    @property
    def orders(self) -> int:
        return self.accepted + self.refused


def minimum(work: Workload, event_bytes: float) -> dict[str, float]:
    """What nobody can leave out who keeps the guarantees, at the same batch size.

    Writes: version 1 and its counters in one transaction (2 units a commit), with the stock where it is accepted, and
    version 2 alike; version 3 moves nothing and needs no transaction (1 unit); a SKU and the counters once a batch
    (2 units each); while an order waits, something that finds it once it is due: an entry of an index (1 unit), or a
    list for the whole batch in its transaction (2 units a KB).
    Reads: version 1 before money is taken (1 unit), version 2 before an order ends, at half the price, as what is old
    there only comes again. Prices could be remembered: nothing.
    Events and messages: the contract's, whose size is taken as measured. Batches: full ones, received and deleted by
    up to ten. Computing takes no time, and only Lambda itself writes logs.
    """
    skus_a_batch = min(work.catalogue, work.batch * work.skus_an_order)
    accepted_batches, all_batches = work.accepted / work.batch, work.orders / work.batch
    listed = ceil(work.batch * _LISTED_BYTES)
    messages = work.orders + work.repeated + 2 * work.accepted
    invocations = (messages + 3 * work.accepted + work.refused) / work.batch
    return {
        "dynamodb_write_units": (
            5 * work.accepted
            + 2 * work.refused
            + 2 * accepted_batches * (2 * skus_a_batch + 1)  # the SKUs of both versions, the counters of version 2
            + 2 * all_batches  # the counters of version 1
            + work.accepted * min(1, TRANSACTIONAL * write_units(listed) / work.batch)  # what is due
        ),
        "dynamodb_read_units": 1.5 * work.accepted,
        "eventbridge_events": 2 * work.orders + work.repeated + 3 * work.accepted,
        "eventbridge_archived_bytes": event_bytes,
        "sqs_requests": messages * (1 + 2 / min(work.batch, _RECORDS_A_REQUEST)),
        "lambda_requests": invocations,
        "log_bytes": invocations * _PLATFORM_LOG_BYTES,
    }

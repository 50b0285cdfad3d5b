"""The quantities that orders use, by line of the price list, and the least that the same guarantees need."""

from dataclasses import dataclass
from math import ceil

from scripts.measure.units import TRANSACTIONAL, write_units
from scripts.measure.usage import Usage

_RECORDS_PER_REQUEST = 10
# Lambda's own START, END and REPORT lines of an invocation, with CloudWatch's 26 bytes per line.
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
class OrderTotals:
    """The orders of one run, as far as their least cost depends on them."""

    accepted: int
    skus_per_order: int
    catalogue: int
    """Distinct SKUs of all orders."""
    batch: float
    """Messages per invocation, on average."""
    refused: int = 0
    repeated: int = 0
    """Deliveries of an order beyond its first."""

    @property
    def orders(self) -> int:
        return self.accepted + self.refused


def least_quantities(totals: OrderTotals, event_bytes: float) -> dict[str, float]:
    """The quantities that the guarantees need at this batch size, whatever the implementation.

    Writes: version 1 and its counters in one transaction (2 units per commit), with the stock of an accepted order;
    version 2 likewise; version 3 changes no stock and needs no transaction (1 unit); a SKU and the counters once per
    batch (2 units each); a record of when the order is due: an index entry (1 unit), or a list for the whole batch in
    its transaction (2 units per KB).
    Reads: version 1 before the charge (1 unit); version 2 before the end, at half the price. Prices can be cached.
    Events and messages: those of the contract, at their measured size, in full batches, received and deleted by ten.
    Computing takes no time, and only Lambda itself writes logs.
    """
    skus_per_batch = min(totals.catalogue, totals.batch * totals.skus_per_order)
    accepted_batches, all_batches = totals.accepted / totals.batch, totals.orders / totals.batch
    listed = ceil(totals.batch * _LISTED_BYTES)
    messages = totals.orders + totals.repeated + 2 * totals.accepted
    invocations = (messages + 3 * totals.accepted + totals.refused) / totals.batch
    return {
        "dynamodb_write_units": (
            5 * totals.accepted
            + 2 * totals.refused
            + 2 * accepted_batches * (2 * skus_per_batch + 1)  # the SKUs of both versions, the counters of version 2
            + 2 * all_batches  # the counters of version 1
            + totals.accepted * min(1, TRANSACTIONAL * write_units(listed) / totals.batch)  # deadlines
        ),
        "dynamodb_read_units": 1.5 * totals.accepted,
        "eventbridge_events": 2 * totals.orders + totals.repeated + 3 * totals.accepted,
        "eventbridge_archived_bytes": event_bytes,
        "sqs_requests": messages * (1 + 2 / min(totals.batch, _RECORDS_PER_REQUEST)),
        "lambda_requests": invocations,
        "log_bytes": invocations * _PLATFORM_LOG_BYTES,
    }

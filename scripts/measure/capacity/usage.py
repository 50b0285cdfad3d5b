"""The AWS use of simulated orders, by the rules of `invoke bench`: a test compares the two."""

import math
from dataclasses import dataclass

from scripts.measure.capacity.parameters import DeploymentDefaults, Limits

_MILLION = 1_000_000
# SQS hands over and deletes ten messages per request, and BatchGetItem reads a hundred items.
_RECORDS_PER_REQUEST, _ITEMS_PER_READ = 10, 100
COMMIT_READ_UNITS = 0.5
"""For an eventually consistent read of a commit: half a unit per 4 KB."""
DEADLINE_BYTES, DUE_STREAM_BYTES = 170, 30
"""Size of a transaction's deadline item without its orders, and per order in it."""
_WRITE_BYTES = 1024


def deadline_units(orders: float) -> int:
    """Write units of the deadline item of this many orders, outside of a transaction."""
    return math.ceil((DEADLINE_BYTES + orders * DUE_STREAM_BYTES) / _WRITE_BYTES)


@dataclass(slots=True)
class Usage:
    """Counted while a simulation runs."""

    limits: Limits
    write_units: float = 0
    read_units: float = 0
    api_calls: float = 0
    events: float = 0
    queue_requests: float = 0
    lambda_requests: float = 0
    lambda_seconds: float = 0
    transactions: float = 0
    committed: float = 0
    """Orders in them."""
    conflicts: float = 0
    returned: float = 0

    def invoked(self, messages: int) -> None:
        """Count a queue's batch: each message is sent, then received and deleted ten per call."""
        self.lambda_requests += 1
        self.queue_requests += messages + 2 * -(-messages // _RECORDS_PER_REQUEST)

    def relayed(self) -> None:
        self.lambda_requests += 1

    def read(self, items: int, units_per_item: float = 1) -> None:
        self.api_calls += -(-items // _ITEMS_PER_READ)
        self.read_units += items * units_per_item

    def transacted(self, orders: int, skus: int, *, due: bool = False) -> None:
        """Count an attempt: commits, SKUs, counters, deadline. A cancelled attempt is billed as well."""
        counters, deadline = 1, deadline_units(orders) if due else 0
        self.api_calls += 1
        self.transactions += 1
        self.committed += orders
        self.write_units += self.limits.transactional_factor.value * (orders + skus + counters + deadline)

    def put(self, orders: int) -> None:
        """Count the third versions of one call, which change no stock and need no transaction."""
        self.api_calls += 1
        self.write_units += orders

    def quantities(self, completed: float, deployment: DeploymentDefaults) -> dict[str, float]:
        """Quantities per million orders, by line of the price list."""
        per_million = _MILLION / completed
        logged = self.lambda_requests * deployment.log_bytes_an_invocation * per_million
        return {
            "dynamodb_write_units": self.write_units * per_million,
            "dynamodb_read_units": self.read_units * per_million,
            "eventbridge_events": self.events * per_million,
            "eventbridge_archived_bytes": _MILLION * deployment.event_bytes_an_order,
            "sqs_requests": self.queue_requests * per_million,
            "lambda_requests": self.lambda_requests * per_million,
            "lambda_gb_seconds": self.lambda_seconds * deployment.memory_gb * per_million,
            "log_bytes": logged + _MILLION * deployment.log_bytes_an_order,
        }

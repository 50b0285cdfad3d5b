"""What orders use, and what that costs."""

from dataclasses import dataclass

from scripts.bench.capacity_parameters import Parameters

_MILLION = 1_000_000


@dataclass(slots=True)
class Usage:
    """Counted while a simulation runs."""

    event_store_units: float = 0
    index_units: float = 0
    inventory_units: float = 0
    counter_units: float = 0
    read_units: float = 0
    events: float = 0
    put_events_calls: float = 0
    queue_requests: float = 0
    lambda_requests: float = 0
    lambda_seconds: float = 0
    conflicts: float = 0
    returned: float = 0

    def invoked(self, messages: int) -> None:
        """Count a queue's batch: each message was sent, and they are received and deleted, ten a call."""
        self.lambda_requests += 1
        self.queue_requests += messages + 2 * -(-messages // 10)

    def relayed(self) -> None:
        self.lambda_requests += 1

    def transacted(self, orders: int, skus: int, version: int) -> None:
        """Count an attempt; a cancelled one is billed as well."""
        self.event_store_units += 2 * orders
        self.index_units += orders if version == 1 else 0
        self.inventory_units += 2 * skus
        self.counter_units += 2
        self.read_units += skus if version == 1 else orders

    @property
    def write_units(self) -> float:
        return self.event_store_units + self.index_units + self.inventory_units + self.counter_units


def cost_per_million(usage: Usage, completed: float, parameters: Parameters) -> dict[str, float]:
    """Dollars for a million orders, line by line."""
    prices, deployment = parameters.prices, parameters.deployment
    an_order = _MILLION / completed
    return {
        "DynamoDB writes": usage.write_units * an_order * prices.write_unit,
        "DynamoDB reads": usage.read_units * an_order * prices.read_unit,
        "EventBridge": usage.events * an_order * prices.custom_event,
        "SQS": usage.queue_requests * an_order * prices.queue_request,
        "Lambda": an_order
        * (
            usage.lambda_requests * prices.lambda_request
            + usage.lambda_seconds * deployment.memory_gb * prices.lambda_gb_second
        ),
        "logs": _MILLION * deployment.log_bytes_an_order / 1e9 * prices.log_gb,
    }

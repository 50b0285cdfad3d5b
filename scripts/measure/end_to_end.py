"""Orders through the whole deployment: from the event on the bus to the order's last commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, sleep

from scripts.cli.console import out
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.measure.result import Speed, percentile
from scripts.measure.scenarios import Scenario
from scripts.measure.usage import Meter, Usage
from scripts.operate.order_client import History, OrderClient
from services.shared.events.payment import PaymentRequested

_ENTRIES_PER_CALL = 10
# Enough to see that there is progress, few enough to take no time of the emulator from the functions.
_POLLED_ORDERS = 20
_POLL_SECONDS = 0.5
_STANDSTILL_SECONDS = 60


@dataclass(frozen=True)
class Run:
    speed: Speed
    usage: Usage
    accepted: int


@dataclass(frozen=True)
class Sent:
    at: Mapping[str, datetime]
    """When each order was first sent, by its id."""
    seconds: float
    """The time that sending all of them took."""


class EndToEnd:
    def __init__(self, target: Target, deployment: Deployment, meter: Meter) -> None:
        self._client = OrderClient(target, deployment)
        self._meter = meter

    def run(self, scenario: Scenario, details: Sequence[dict[str, object]], rate: float | None) -> Run:
        """Send the orders, at `rate` per second or as fast as possible, and wait until they have ended."""
        deliveries = scenario.deliveries(details)
        sleep(_POLL_SECONDS)  # the events of the seeding pass
        self._meter.start()
        sent = self.send(deliveries, rate and rate * scenario.copies)
        self._wait(list(sent.at))
        usage = self._meter.read().place(deliveries)
        histories = self._client.histories(sent.at)
        accepted = sum(PaymentRequested.type_name() in history.events for history in histories.values())
        return Run(speed_of(sent, histories), usage, accepted)

    def warm_up(self, scenario: Scenario) -> None:
        """Start all workers, so that no cold start is measured."""
        self._wait(list(self.send(scenario.details(4 * _ENTRIES_PER_CALL, run="0"), rate=None).at))

    def send(self, deliveries: Sequence[dict[str, object]], rate: float | None) -> Sent:
        """Send at this rate, or less fast where a call takes longer than its turn."""
        size = _ENTRIES_PER_CALL if not rate else 1
        at: dict[str, datetime] = {}
        began = monotonic()
        for start in range(0, len(deliveries), size):
            batch = deliveries[start : start + size]
            for detail, moment in zip(batch, self._client.place(batch), strict=True):
                at.setdefault(str(detail["orderId"]), moment)
            if rate:
                sleep(max(0, began + (start + size) / rate - monotonic()))
        return Sent(at, monotonic() - began)

    def _wait(self, pending: list[str]) -> None:
        """Return once all orders have ended, or after a minute without progress."""
        changed, total = monotonic(), len(pending)
        with out.status("") as status:
            while pending and monotonic() - changed < _STANDSTILL_SECONDS:
                status.update(f"{total - len(pending):,} of {total:,} orders have ended")
                polled = pending[:_POLLED_ORDERS]
                histories = self._client.histories(polled)
                left = [order_id for order_id in polled if not histories[order_id].concluded]
                if len(left) < len(polled):
                    changed = monotonic()
                pending = left + pending[_POLLED_ORDERS:]
                if left:
                    sleep(_POLL_SECONDS)
        sleep(_POLL_SECONDS)  # repeated deliveries and events without a consumer pass


def speed_of(sent: Sent, histories: Mapping[str, History]) -> Speed:
    ended = {order_id: history.concluded.cause.at for order_id, history in histories.items() if history.concluded}
    waits = [(at - sent.at[order_id]).total_seconds() * 1000 for order_id, at in ended.items()]
    seconds = (max(ended.values()) - min(sent.at.values())).total_seconds() if ended else 0
    return Speed(
        orders_per_second=len(ended) / seconds if seconds else 0,
        p50_ms=percentile(waits, 50),
        p99_ms=percentile(waits, 99),
        lost=len(sent.at) - len(ended),
        sent_per_second=len(sent.at) / sent.seconds if sent.seconds else None,
    )

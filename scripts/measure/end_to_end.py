"""Orders through the whole deployment: from the event on the bus to the order's last commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, sleep

from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.measure.result import Speed, percentile
from scripts.measure.scenarios import Scenario
from scripts.measure.usage import Meter, Usage
from scripts.operate.order_client import History, OrderClient
from services.shared.events.payment import PaymentRequested

_ENTRIES_A_CALL = 10
# Enough to see that there is progress, few enough to take no time of the emulator from the functions.
_LOOKED_AT = 20
_POLL_SECONDS = 0.5
_STANDSTILL_SECONDS = 60


@dataclass(frozen=True)
class Run:
    speed: Speed
    usage: Usage
    accepted: int


class EndToEnd:
    def __init__(self, target: Target, deployment: Deployment, meter: Meter) -> None:
        self._client = OrderClient(target, deployment)
        self._meter = meter

    def run(self, scenario: Scenario, details: Sequence[dict[str, object]], rate: float | None) -> Run:
        """Send the orders, at `rate` a second if there is one, and wait for their ends."""
        deliveries = scenario.deliveries(details)
        sleep(_POLL_SECONDS)  # what the seeding has published
        self._meter.start()
        sent = self._send(deliveries, rate and rate * scenario.copies)
        self._wait(list(sent))
        usage = self._meter.read().place(deliveries)
        histories = self._client.histories(sent)
        accepted = sum(PaymentRequested.type_name() in history.events for history in histories.values())
        return Run(_speed(sent, histories), usage, accepted)

    def warm_up(self, scenario: Scenario) -> None:
        """Start as many workers as there will be, so that no cold start is measured."""
        self._wait(list(self._send(scenario.details(4 * _ENTRIES_A_CALL, run="0"), rate=None)))

    def _send(self, deliveries: Sequence[dict[str, object]], rate: float | None) -> dict[str, datetime]:
        """Return when each order was first sent."""
        size = _ENTRIES_A_CALL if not rate else 1
        sent: dict[str, datetime] = {}
        began = monotonic()
        for start in range(0, len(deliveries), size):
            batch = deliveries[start : start + size]
            for detail, at in zip(batch, self._client.place(batch), strict=True):
                sent.setdefault(str(detail["orderId"]), at)
            if rate:
                sleep(max(0, began + (start + size) / rate - monotonic()))
        return sent

    def _wait(self, pending: list[str]) -> None:
        """Return once all have ended, or none has for a while."""
        changed = monotonic()
        while pending and monotonic() - changed < _STANDSTILL_SECONDS:
            looked_at = pending[:_LOOKED_AT]
            histories = self._client.histories(looked_at)
            left = [order_id for order_id in looked_at if not histories[order_id].final]
            if len(left) < len(looked_at):
                changed = monotonic()
            pending = left + pending[_LOOKED_AT:]
            if left:
                sleep(_POLL_SECONDS)
        # What is left are copies, and events that nobody waits for.
        sleep(_POLL_SECONDS)


def _speed(sent: Mapping[str, datetime], histories: Mapping[str, History]) -> Speed:
    ended = {order_id: history.final.cause.at for order_id, history in histories.items() if history.final}
    waits = [(at - sent[order_id]).total_seconds() * 1000 for order_id, at in ended.items()]
    seconds = (max(ended.values()) - min(sent.values())).total_seconds() if ended else 0
    return Speed(
        orders_per_second=len(ended) / seconds if seconds else 0,
        p50_ms=percentile(waits, 50),
        p99_ms=percentile(waits, 99),
        lost=len(sent) - len(ended),
    )

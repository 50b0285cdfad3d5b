"""Orders through the whole deployment, with a stand-in for it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scripts.measure import end_to_end
from scripts.measure.end_to_end import EndToEnd, Sent, speed_of

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that only sleeping and the slow EventBridge below move."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class SlowEventBridge:
    def __init__(self, clock: Clock, call_seconds: float) -> None:
        self._clock, self._call_seconds = clock, call_seconds

    def place(self, orders: Sequence[Mapping[str, object]]) -> list[datetime]:
        sent = START + timedelta(seconds=self._clock.now)
        self._clock.now += self._call_seconds
        return [sent] * len(orders)


def sent_at(rate: float | None, call_seconds: float, monkeypatch: pytest.MonkeyPatch, copies: int = 1) -> Sent:
    clock = Clock()
    monkeypatch.setattr(end_to_end, "OrderClient", lambda *_: SlowEventBridge(clock, call_seconds))
    monkeypatch.setattr(end_to_end, "sleep", clock.sleep)
    monkeypatch.setattr(end_to_end, "monotonic", lambda: clock.now)
    unused: Any = None
    deliveries: list[dict[str, object]] = [{"orderId": str(number)} for number in range(60) for _ in range(copies)]
    return EndToEnd(unused, unused, unused).send(deliveries, rate)


@pytest.mark.parametrize(("call_seconds", "sent_per_second"), [(0.001, 60), (0.025, 40)])
def test_the_rate_sent_falls_behind_the_rate_offered_where_calls_are_slow(
    monkeypatch: pytest.MonkeyPatch, call_seconds: float, sent_per_second: float
) -> None:
    sent = sent_at(60, call_seconds, monkeypatch)

    assert speed_of(sent, {}).sent_per_second == pytest.approx(sent_per_second)


def test_the_rate_sent_counts_an_order_once_however_often_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = sent_at(120, 0.001, monkeypatch, copies=2)

    assert speed_of(sent, {}).sent_per_second == pytest.approx(60)


def test_orders_without_an_end_are_lost() -> None:
    speed = speed_of(Sent({"1": START}, 1.0), {})

    assert (speed.lost, speed.orders_per_second, speed.p50_ms) == (1, 0, None)

"""What Prometheus shows is what happened: counts, durations, and nothing that ever falls. In this order: first calm."""

import json
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import cycle
from threading import Thread
from typing import Any

import pytest

from scripts.errors import UserError
from scripts.ledger import Ledger, read_commits
from scripts.made_secrets import METRICS_TOKEN, required
from scripts.metrics_audit import declared_series, read_page
from services.libs.metrics import BUCKETS_SECONDS
from tests.integration.world import World, eventually
from tests.metrics.prometheus import JOBS, Prometheus
from tests.panels import without_data

_CALM_ORDERS, _ORDERS = 150, 500
_DUPLICATES = 0.2
_BATCH = 20
# CloudWatch is asked once a minute.
_REFRESH_SECONDS = 150
_SETTLE_SECONDS = 300


def _place(world: World, skus: list[str], count: int, between: Callable[[], None] = lambda: None) -> None:
    """Place orders, some of them twice, and see each to its end."""
    dice = random.Random(count)  # noqa: S311 - no secret
    orders = [
        world.order(
            dict.fromkeys(dice.sample(skus, dice.randint(1, 2)), 1) | ({"nowhere": 1} if dice.random() < 0.05 else {}),
            pays=dice.random() < 0.8,
        )
        for _ in range(count)
    ]
    events = [copy for order in orders for copy in [order] * (2 if dice.random() < _DUPLICATES else 1)]
    for start in range(0, len(events), _BATCH):
        world.orders.place(events[start : start + _BATCH])
        between()
    world.wait(*(str(order["orderId"]) for order in orders), timeout_seconds=_SETTLE_SECONDS)


def _batches(world: World, service: str) -> Iterator[dict[str, Any]]:
    """What the function logged of each batch: the type of its events, how many ended how, and how long it took."""
    pages = world.target.client("logs").get_paginator("filter_log_events")
    for page in pages.paginate(logGroupName=world.deployment.log_group_names[service]):
        for event in page["events"]:
            with suppress(ValueError):
                line: dict[str, Any] = json.loads(event["message"])
                if line.get("message") == "handled":
                    yield line


def _logged_histograms(world: World) -> dict[tuple[str, str], list[float]]:
    """Durations by metric and function: each message took as long as its batch."""
    found: dict[tuple[str, str], list[float]] = {}
    own = {
        "OrderPlaced": "order_processing_duration_seconds",
        "PaymentRequested": "payment_processing_duration_seconds",
    }
    for service in ("order-service", "payment-service", "event-relay"):
        for batch in _batches(world, service):
            seconds, messages = [batch["duration_seconds"]], batch["succeeded"] + batch["failed"]
            found.setdefault(("lambda_request_duration_seconds", service), []).extend(seconds * messages)
            if metric := own.get(batch.get("event_types", [""])[0]):
                found.setdefault((metric, ""), []).extend(seconds * batch["succeeded"])
    return found


def _buckets(durations: list[float]) -> dict[str, int]:
    counts = {str(bound): sum(seconds <= bound for seconds in durations) for bound in BUCKETS_SECONDS}
    return counts | {"+Inf": len(durations)}


def _shown_buckets(prometheus: Prometheus, metric: str, function: str) -> dict[str, int]:
    matchers = f'{{function_name="{function}"}}' if function else ""
    shown = prometheus.latest(f"{metric}_bucket{matchers}", JOBS[0])
    return {dict(labels)["le"]: int(value) for labels, value in shown.items()}


@pytest.fixture(scope="module")
def skus(world: World) -> list[str]:
    # One of them runs out.
    return [world.new_sku(stock=stock) for stock in (30, 5_000, 5_000, 5_000)]


def test_each_histogram_has_the_buckets_of_the_durations_that_were_logged(
    world: World, prometheus: Prometheus, skus: list[str]
) -> None:
    eventually(lambda: prometheus.recorded("orders_processed_total", JOBS[1]), "a first scrape")
    _place(world, skus, _CALM_ORDERS)

    def agree() -> bool:
        logged = _logged_histograms(world)
        return len(logged) == 5 and all(
            _shown_buckets(prometheus, *metric) == _buckets(durations) for metric, durations in logged.items()
        )

    eventually(agree, f"agreement, as in {_logged_histograms(world).keys()}", _REFRESH_SECONDS)
    for metric, durations in _logged_histograms(world).items():
        assert _shown_buckets(prometheus, *metric) == _buckets(durations)
        assert len(durations) >= _CALM_ORDERS or metric[1] == "event-relay" or "payment" in metric[0] + metric[1]


def test_each_business_counter_is_what_the_event_store_says_whoever_is_killed(
    world: World, prometheus: Prometheus, skus: list[str]
) -> None:
    killer = _Killer(world)

    _place(world, skus, _ORDERS - _CALM_ORDERS, between=killer.kill)
    killer.join()

    counted = Ledger.of(read_commits(world.target.client("dynamodb"), world.deployment)).counters
    for job in JOBS:
        eventually(lambda job=job: _shown_counters(prometheus, job) == _all_declared(counted), "agreement")  # type: ignore[misc]
        orders = prometheus.recorded("orders_processed_total", job)
        assert sum(values[-1] - values[0] for values in orders.values()) == _ORDERS
    assert killer.killed.keys() == {"order-service", "payment-service", "metrics-service"}
    assert killer.cut_off, "no reader of the metrics was killed while it read"
    assert killer.most_at_once >= 2, "the metrics service was never scraped twice at once"


class _Killer:
    """Kills a worker of each service in turn; one of the metrics service while it and another read the metrics."""

    def __init__(self, world: World) -> None:
        self.killed: Counter[str] = Counter()
        self.most_at_once = 0
        self.cut_off = 0
        self._readers: list[Thread] = []
        self._world = world
        self._url = world.deployment.metrics_url(world.target)
        self._token = required(world.target, METRICS_TOKEN)
        self._services = cycle(("metrics-service", "order-service", "metrics-service", "payment-service"))

    def kill(self) -> None:
        service = next(self._services)
        if service == "metrics-service":
            self._readers += [Thread(target=self._scrape) for _ in range(2)]
            for reader in self._readers[-2:]:
                reader.start()
        if workers := self._world.workers(service):
            if service == "metrics-service":
                self.most_at_once = max(self.most_at_once, len(workers))
            with suppress(ProcessLookupError):
                os.kill(workers[0], signal.SIGKILL)
                self.killed[service] += 1

    def join(self) -> None:
        for reader in self._readers:
            reader.join()

    def _scrape(self) -> None:
        try:
            read_page(self._url, self._token)
        except UserError:
            self.cut_off += 1


def _shown_counters(prometheus: Prometheus, job: str) -> dict[str, int]:
    shown = {}
    for name in {series.partition("|")[0] for series in declared_series()}:
        for labels, value in prometheus.latest(name, job).items():
            texts = {label: text for label, text in labels if label != "__name__"}
            shown[_series(name, texts)] = int(value)
    return shown


def _series(name: str, texts: Mapping[str, str]) -> str:
    return next(
        series
        for series in declared_series()
        if series.startswith(f"{name}|") and dict(part.split("=") for part in series.split("|")[1:]) == texts
    )


def _all_declared(counted: Mapping[str, int]) -> dict[str, int]:
    return {series: counted.get(series, 0) for series in declared_series()}


def test_no_sample_of_any_counter_is_lower_than_the_one_before(prometheus: Prometheus) -> None:
    for job in JOBS:
        recorded = prometheus.sums(job)

        assert len(recorded) > 100
        assert [labels for labels, values in recorded.items() if values != sorted(values)] == []


def test_every_panel_of_every_dashboard_has_data(world: World, prometheus: Prometheus) -> None:
    """Once the last refresh is scraped, and as long as the rates' windows of 4 minutes reach back to the orders."""
    environment = world.target.environment
    eventually(lambda: not without_data(prometheus.url, environment), "data in every panel", _REFRESH_SECONDS)


def test_every_series_was_there_at_0_before_its_first_event(prometheus: Prometheus) -> None:
    for job in JOBS:
        counters = prometheus.recorded("orders_processed_total", job) | prometheus.recorded(
            "lambda_requests_total{function_name='order-service'}", job
        )

        assert {values[0] for values in counters.values()} == {0}

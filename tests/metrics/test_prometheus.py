"""What Prometheus shows is what happened: counts, durations, and nothing that ever falls. In this order: first calm."""

import json
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
import requests

from scripts.cli.errors import UserError
from scripts.cli.waiting import wait_until
from scripts.deploy.generated_secrets import METRICS_TOKEN, required
from scripts.ledger.log_reader import Ledger, read_commits
from scripts.measure.usage import CONSUMERS, SERVICES
from scripts.monitor.metrics_audit import declared_series, read_page
from scripts.operate.dead_letter_queues import redrive
from services.libs.observability.metrics import BUCKETS_SECONDS, DECLARATIONS
from services.libs.store.event_store import EventStore
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.counters import counter
from services.shared.events.support import CustomerFeedback
from services.shared.support_lifecycle import feedback_stream
from tests.integration.world import World, eventually
from tests.metrics.prometheus import JOBS, Prometheus
from tests.metrics.scrapes import HoldingProxy, callers
from tests.panels import without_data

_OWN_DURATIONS = {
    "OrderPlaced": "order_processing_duration_seconds",
    "PaymentRequested": "payment_processing_duration_seconds",
}
_CALM_ORDERS, _ORDERS = 150, 500
_DUPLICATES = 0.2
_BATCH = 20
# CloudWatch is asked once a minute, if the function that asks is not killed or out of time.
_REFRESH_SECONDS = 300
_SETTLE_SECONDS = 200
# Each look reads all that was logged and stored, and Prometheus learns something new every three seconds.
_LOOK_SECONDS = 2
# Shorter than the functions' clients wait for an answer: services/libs/runtime/aws_clients.py.
_HOLD_SECONDS = 1.8
# What the embedded AWS answers for a function that ended under its call.
_KILLED = "Worker process died"


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
    _settle(world, [str(order["orderId"]) for order in orders])


def _settle(world: World, order_ids: list[str]) -> None:
    """See each to its end; what was struck at each of its receives is a dead letter, which an operator moves back."""
    histories = world.orders.wait(order_ids, _SETTLE_SECONDS)
    if not all(history.concluded for history in histories.values()):
        redrive(world.target, queue=None, limit=None, dry_run=False, include_permanent=False)
    world.wait(*order_ids, timeout_seconds=_SETTLE_SECONDS)


def _batches(world: World, service: str) -> Iterator[dict[str, Any]]:
    """What the function logged of each batch: the type of its events, how many ended how, and how long it took."""
    pages = world.target.client("logs").get_paginator("filter_log_events")
    for page in pages.paginate(logGroupName=world.deployment.functions[service].log_group):
        for event in page["events"]:
            with suppress(ValueError):
                line: dict[str, Any] = json.loads(event["message"])
                if line.get("message") == "handled":
                    yield line


def _logged_histograms(world: World) -> dict[tuple[str, str], list[float]]:
    """Durations by metric and function: each message took as long as its batch."""
    found: dict[tuple[str, str], list[float]] = {}
    for service in SERVICES:
        for batch in _batches(world, service):
            seconds, messages = [batch["duration_seconds"]], batch["succeeded"] + batch["failed"]
            found.setdefault(("lambda_request_duration_seconds", service), []).extend(seconds * messages)
            if metric := _OWN_DURATIONS.get(batch.get("event_types", [""])[0]):
                found.setdefault((metric, ""), []).extend(seconds * batch["succeeded"])
    return found


def _writers(world: World) -> list[str]:
    """The functions that write commits and have to do with orders that come by event."""
    return [function for function in CONSUMERS if world.deployment.functions[function].writes_commits]


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
    eventually(lambda: all(prometheus.recorded("orders_processed_total", job) for job in JOBS), "both first scrapes")
    _place(world, skus, _CALM_ORDERS)

    def agree() -> bool:
        logged = _logged_histograms(world)
        return len(logged) == len(SERVICES) + len(_OWN_DURATIONS) and all(
            _shown_buckets(prometheus, *metric) == _buckets(durations) for metric, durations in logged.items()
        )

    eventually(agree, f"agreement, as in {_logged_histograms(world).keys()}", _REFRESH_SECONDS, _LOOK_SECONDS)
    for metric, durations in _logged_histograms(world).items():
        assert _shown_buckets(prometheus, *metric) == _buckets(durations)
        assert len(durations) >= _CALM_ORDERS or "order" not in metric[0] + metric[1]


def test_each_business_counter_is_what_the_event_store_says_whoever_is_killed(
    world: World, prometheus: Prometheus, skus: list[str], proxy: HoldingProxy
) -> None:
    killer = _Killer(world, proxy)

    _place(world, skus, _ORDERS, between=killer.kill)
    killer.join()

    def counted() -> Mapping[str, int]:
        """By the event store as it is now: parcels are still on their way, a step each minute."""
        return _all_declared(Ledger.of(read_commits(world.target.client("dynamodb"), world.deployment, [])).counters)

    for job in JOBS:
        eventually(
            lambda job=job: _shown_counters(prometheus, job) == counted(),  # type: ignore[misc]
            "agreement",
            _REFRESH_SECONDS,
            _LOOK_SECONDS,
        )
        orders = prometheus.recorded("orders_processed_total", job)
        assert sum(values[-1] - values[0] for values in orders.values()) == _CALM_ORDERS + _ORDERS
    assert killer.killed.keys() == {*_writers(world), "metrics-service"}
    # Of those killed, some worked for Prometheus.
    assert 0 < killer.cut_off <= killer.killed["metrics-service"]


class _Killer:
    """Kills a worker of each service in turn; of the metrics service one of two that are in the middle of a page."""

    def __init__(self, world: World, proxy: HoldingProxy) -> None:
        self.killed: Counter[str] = Counter()
        self.cut_off = 0
        self._proxy = proxy
        self._dice = random.Random(_ORDERS)  # noqa: S311 - no secret
        self._readers: list[Thread] = []
        self._world = world
        self._url = world.deployment.metrics_url(world.target)
        self._token = required(world.target, METRICS_TOKEN)
        self._turns = [service for writer in _writers(world) for service in ("metrics-service", writer)]

    def kill(self) -> None:
        """Kill one of the service whose turn it is; while none is to be had, one of the next, and the turn stays."""
        for service in dict.fromkeys(self._turns):
            kill = self._kill_while_two_scrape if service == "metrics-service" else self._kill_one
            if kill(service):
                self._turns.remove(service)
                self._turns.append(service)
                return

    def _kill_while_two_scrape(self, service: str) -> bool:
        with self._proxy.holding():
            for _ in range(2):
                self._readers.append(Thread(target=self._scrape))
                self._readers[-1].start()
            wait_until(lambda: len(self._scraping(service)) > 1, _HOLD_SECONDS)
            scraping = self._scraping(service)
            return len(scraping) > 1 and self._kill(service, scraping)

    def _kill_one(self, service: str) -> bool:
        workers = self._world.workers(service)
        return bool(workers) and self._kill(service, workers)

    def _scraping(self, service: str) -> list[int]:
        """The workers that are in the middle of a page."""
        return callers(self._world.workers(service), set(self._proxy.held))

    def _kill(self, service: str, workers: list[int]) -> bool:
        with suppress(ProcessLookupError):
            os.kill(self._dice.choice(workers), signal.SIGKILL)
            self.killed[service] += 1
            return True
        return False

    def join(self) -> None:
        for reader in self._readers:
            reader.join()

    def _scrape(self) -> None:
        try:
            read_page(self._url, self._token)
        except UserError as error:  # a scrape that was held for too long is answered too, by the service itself
            self.cut_off += _KILLED in str(error)


def _shown_counters(prometheus: Prometheus, job: str) -> dict[str, int]:
    shown = {}
    for name in {series.partition("|")[0] for series in declared_series()}:
        for labels, value in prometheus.latest(name, job).items():
            texts = {label: text for label, text in labels if label != "__name__"}
            shown[_series(name, texts)] = int(value)
    return shown


def _series(name: str, texts: Mapping[str, str]) -> str:
    return counter(name, **{label: texts[label] for label in DECLARATIONS[name].labels})


def _all_declared(counted: Mapping[str, int]) -> dict[str, int]:
    return {series: counted.get(series, 0) for series in declared_series()}


def test_fifty_scrapes_at_once_are_all_answered(world: World) -> None:
    url = world.deployment.metrics_url(world.target)
    headers = {"authorization": f"Bearer {required(world.target, METRICS_TOKEN)}"}

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: requests.get(url, headers=headers, timeout=60).status_code, range(50)))

    assert answers == [200] * 50


def test_no_sample_of_any_counter_is_lower_than_the_one_before(prometheus: Prometheus) -> None:
    for job in JOBS:
        recorded = prometheus.sums(job)

        assert len(recorded) > 100
        assert [labels for labels, values in recorded.items() if values != sorted(values)] == []


def test_every_panel_of_every_dashboard_has_data(world: World, prometheus: Prometheus) -> None:
    """Once the last refresh is scraped, and as long as the rates' windows of 4 minutes reach back to the orders."""
    environment = world.target.environment
    _rate_an_order(world)
    eventually(
        lambda: not without_data(prometheus.url, environment), "data in every panel", _REFRESH_SECONDS, _LOOK_SECONDS
    )


def _rate_an_order(world: World) -> None:
    """Commit feedback as the support service does: there is no average of no ratings."""
    order_id = f"order-{uuid4().hex[:12]}"
    feedback = CustomerFeedback(order_id=order_id, customer_id="customer-1", rating=4)
    commit = Commit(feedback_stream(order_id), 1, (feedback,), Cause("event-1", "correlation-1", datetime.now(UTC)))
    EventStore(world.target.client("dynamodb"), world.deployment.store_tables).append(commit)


def test_every_series_was_there_at_0_before_its_first_event(prometheus: Prometheus) -> None:
    for job in JOBS:
        counters = prometheus.recorded("orders_processed_total", job) | prometheus.recorded(
            "lambda_requests_total{function_name='order-service'}", job
        )

        assert {values[0] for values in counters.values()} == {0}

"""Benchmark an embedded AWS of its own: orders end to end, and functions invoked with large batches."""

import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter

from scripts.cli.console import out, print_table
from scripts.cli.errors import UserError
from scripts.cli.files import write_whole
from scripts.cli.json_files import check_writable, load_json
from scripts.cli.paths import BASELINE_FILE, REPO_ROOT
from scripts.deploy.deployment import Deployment
from scripts.deploy.own_deployment import own_deployment, with_settings
from scripts.deploy.target import Target
from scripts.measure.calls import CountingProxy
from scripts.measure.direct import DirectRun, Step, total
from scripts.measure.end_to_end import EndToEnd, Run
from scripts.measure.least_cost import OrderTotals
from scripts.measure.prices import Prices, read_prices
from scripts.measure.result import (
    Measured,
    Offered,
    Recorded,
    Result,
    Speed,
    above_baseline,
    comparison_table,
    functions_used,
    make_result,
    results_table,
    steps_table,
    write_json,
)
from scripts.measure.scenarios import Scenario
from scripts.measure.usage import CONSUMERS, TO_CONFIRMATION, Meter
from scripts.operate.mappings import Mappings
from scripts.operate.seeding import Seeder

_CHECKED_FIGURES = ("api_calls", "gateway_calls", "dynamodb_write_units", "dynamodb_read_units")
_HOT_STEP = "reserve of a hot SKU"
_LARGEST_BATCH = 10


@dataclass(frozen=True)
class Settings:
    scenarios: Sequence[Scenario] = ()
    direct: Sequence[int] = ()
    """Batch sizes."""
    orders: int = 300
    skus: int = 2
    """Per order, in the direct runs."""
    batch_size: int = 10
    concurrency: int = 2
    rates: Sequence[float | None] = (None,)
    """Orders per second, a run for each; None is as fast as possible. A scenario may have a rate of its own."""
    repeat: int = 1
    """The number of runs for each of these rates."""
    count_requests: bool = True
    """Whether a proxy counts the requests, which takes a little time per call."""

    def environment(self, proxy_url: str) -> dict[str, str]:
        variables = with_settings(
            {"ENVIRONMENT": "bench", "PULSEQUEUE_INSTANCE": "bench"},
            batch_size=self.batch_size,
            maximum_concurrency=self.concurrency,
            payment_success_rate=1,  # every order goes the whole way
        )
        return variables | ({"PULSEQUEUE_WORKER_ENDPOINT": proxy_url} if self.count_requests else {})


_CHECKED = Settings(direct=(1, 10, 50), orders=50)


def run_benchmark(settings: Settings, json_file: Path | None, compare: Path | None) -> None:
    if json_file:
        check_writable(json_file)
    if settings.direct and not settings.count_requests:
        raise UserError("a direct run counts requests: leave out --no-counted")
    if settings.batch_size > _LARGEST_BATCH:
        raise UserError(
            f"--batch-size is {settings.batch_size}: the embedded AWS delivers {_LARGEST_BATCH} messages at most; "
            f"`--direct {settings.batch_size}` invokes the functions with more"
        )
    before = Recorded.read(compare) if compare else None
    prices = read_prices()
    measured = _measure(settings, prices)
    _print(measured, prices)
    if json_file:
        write_json(json_file, _description(settings, prices), measured)
        out.print(f"written to {json_file}", markup=False)
    if before:
        print_table(comparison_table(measured, before))


def check(*, update: bool) -> None:
    """Compare requests and units of a short direct run with the baseline; raise UserError if one has grown."""
    proxy = CountingProxy()
    with proxy.running(), own_deployment(_CHECKED.environment(proxy.url), proxy.forward_to) as target:
        counts = count(target, proxy)
    if update:
        write_whole(
            BASELINE_FILE, json.dumps({name: round(value, 6) for name, value in counts.items()}, indent=2) + "\n"
        )
        out.print(f"the baseline has these {len(counts)} counts now")
        return
    if worse := grown(counts):
        raise UserError(
            "\n".join(worse) + "\nif this is intended, `invoke bench --update-baseline` makes it the baseline"
        )
    out.print(f"none of {len(counts)} counts is above the baseline")


def count(target: Target, proxy: CountingProxy) -> dict[str, float]:
    """Requests and units per order of each step, on any deployment whose functions call AWS through the proxy."""
    bench = Bench(target, _CHECKED, read_prices(), proxy)
    bench.direct()
    return {
        f"{step}: {name}": figures[name] for step, figures in bench.measured.steps.items() for name in _CHECKED_FIGURES
    }


def grown(counts: Mapping[str, float]) -> list[str]:
    """Name the counts that are above the committed baseline."""
    return above_baseline(counts, load_json(BASELINE_FILE, TypeAdapter(dict[str, float])))


def _measure(settings: Settings, prices: Prices) -> Measured:
    proxy = CountingProxy()
    with proxy.running(), own_deployment(settings.environment(proxy.url), proxy.forward_to) as target:
        bench = Bench(target, settings, prices, proxy)
        # The steps after the confirmation wait in their queue: these runs measure the way to it.
        later = [service for service in CONSUMERS if service not in TO_CONFIRMATION]
        Mappings(target, Deployment.of(target), later).switch(enabled=False)
        for scenario in settings.scenarios:
            bench.end_to_end(scenario)
        if settings.direct:
            bench.direct()
        return bench.measured


class Bench:
    """The runs of one benchmark on one deployment; `measured` has their figures."""

    def __init__(self, target: Target, settings: Settings, prices: Prices, proxy: CountingProxy) -> None:
        deployment = Deployment.of(target)
        meter = Meter(target, deployment, proxy)
        self.measured = Measured()
        self._runs = 0
        self._settings = settings
        self._prices = prices
        self._seeder = Seeder.of(target, deployment)
        self._direct = DirectRun(target, deployment, meter)
        self._end_to_end = EndToEnd(target, deployment, meter)

    def end_to_end(self, scenario: Scenario) -> None:
        """Report one run per rate; of repeated runs, the one that `reported_run` picks."""
        rates = (scenario.rate,) if scenario.rate else self._settings.rates
        orders = scenario.orders or self._settings.orders
        self._seed(scenario, orders)
        self._end_to_end.warm_up(scenario)
        for rate in rates:
            name = scenario.name if len(rates) == 1 else f"{scenario.name} {f'{rate:g}/s' if rate else 'full'}"
            runs = [self._run(name, scenario, orders, rate) for _ in range(self._settings.repeat)]
            self._add_run(name, scenario, orders, rate, reported_run(runs))

    def _run(self, name: str, scenario: Scenario, orders: int, rate: float | None) -> Run:
        self._runs += 1
        out.print(f"{name}: {orders:,} orders …", markup=False)
        self._seed(scenario, orders)  # replaces the stock that the warm-up or the run before has sold
        return self._end_to_end.run(scenario, scenario.details(orders, str(self._runs)), rate)

    def _add_run(self, name: str, scenario: Scenario, orders: int, rate: float | None, run: Run) -> None:
        offered = Offered(scenario.name, rate)
        if not self._settings.count_requests:
            self._add(Result(name, orders, run.speed, offered, functions=functions_used(run.usage, orders)))
            return
        totals = OrderTotals(
            accepted=run.accepted,
            refused=orders - run.accepted,
            repeated=orders * (scenario.copies - 1),
            skus_per_order=scenario.skus,
            catalogue=scenario.catalogue,
            batch=run.usage.batch,
        )
        self._add(make_result(name, totals, run.usage, run.speed, self._prices, offered))

    def direct(self) -> None:
        with self._direct.mappings_disabled():
            for batch in self._settings.direct:
                self._direct_batch(batch)
            self._hot_sku()

    def _direct_batch(self, batch: int) -> None:
        orders = self._settings.orders
        scenario = Scenario(f"direct-{batch:03d}", skus=self._settings.skus)
        out.print(f"direct {batch}: {orders:,} orders …", markup=False)
        self._warm_up(scenario, batch)
        steps = self._direct.run(scenario.details(orders), batch)
        for step in steps:
            self._add_step(step, batch, orders)
        totals = OrderTotals(orders, scenario.skus, scenario.catalogue, batch)
        speed = Speed(orders / sum(step.seconds for step in steps))
        self._add(make_result(f"direct {batch}", totals, total(steps), speed, self._prices))

    def _hot_sku(self) -> None:
        """The same number of orders of one SKU at each batch size, one at a time first."""
        for batch in sorted({1, *self._settings.direct}):
            scenario = Scenario(f"hot-{batch:03d}", catalogue=1)
            out.print(f"{_HOT_STEP} at batch {batch} …", markup=False)
            self._warm_up(scenario, batch)
            step = self._direct.reserve(scenario.details(self._settings.orders), batch)
            self._add_step(step, batch, self._settings.orders, name=_HOT_STEP)

    def _warm_up(self, scenario: Scenario, batch: int) -> None:
        """Take cold starts and first connections out of the measurement."""
        self._seed(scenario, self._settings.orders)
        self._direct.run(scenario.details(1, run="0"), batch)

    def _seed(self, scenario: Scenario, orders: int) -> None:
        list(self._seeder.seed(scenario.products(orders)))

    def _add_step(self, step: Step, batch: int, orders: int, name: str | None = None) -> None:
        usage = step.usage
        figures = {
            "api_calls": usage.own_calls,
            "gateway_calls": usage.gateway_calls,
            "dynamodb_write_units": usage.units.write,
            "dynamodb_read_units": usage.units.read,
            "function_ms": usage.busy_ms.total(),
            "wall_ms": step.seconds * 1000,
        }
        per_order = {figure: value / orders for figure, value in figures.items()}
        self.measured.steps[f"{name or step.name} at batch {batch}"] = per_order

    def _add(self, result: Result) -> None:
        self.measured.results.append(result)
        out.print(f"{result.name}: {result.rates}", markup=False)


def reported_run(runs: Sequence[Run]) -> Run:
    """Pick the run that lost most orders; of equals the quickest, which other work on the machine disturbed least."""
    return min(runs, key=lambda run: (-run.speed.lost, run.speed.p50_ms or 0))


def _print(measured: Measured, prices: Prices) -> None:
    out.print()
    if measured.results:
        title = f"Prices of {prices.date}, {prices.region}"
        print_table(results_table(measured.results, prices, title))
    if measured.steps:
        print_table(steps_table(measured.steps))
        _print_hot_sku(measured.steps)


def _print_hot_sku(steps: Mapping[str, Mapping[str, float]]) -> None:
    single = steps[f"{_HOT_STEP} at batch 1"]
    for name, figures in steps.items():
        if name.startswith(_HOT_STEP) and figures is not single:
            by_function, by_clock = (single[key] / figures[key] for key in ("function_ms", "wall_ms"))
            out.print(
                f"{name}: {by_function:.1f} times as fast as one at a time in the function, {by_clock:.1f} by the clock"
            )


def _description(settings: Settings, prices: Prices) -> dict[str, object]:
    revision = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=REPO_ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    chosen = asdict(settings) | {"scenarios": [scenario.name for scenario in settings.scenarios]}
    chosen["counted"] = chosen.pop("count_requests")  # the key in the files of earlier runs
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": revision.stdout.strip(),
        "python": platform.python_version(),
        "prices": str(prices.date),
        "settings": chosen,
    }

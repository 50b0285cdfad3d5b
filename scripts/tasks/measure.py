"""Tasks that measure and predict."""

import inspect
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from invoke.context import Context

from scripts.cli.errors import UserError
from scripts.cli.paths import (
    CAPACITY_PARAMETERS_FILE,
    MEASURED_RATES_FILE,
    PRICES_FILE,
)
from scripts.tasks.command import OWN_DEPLOYMENT, TARGET, command, count, path, target_of


@command(
    {
        "scenario": "scenarios, separated by commas: single, three, hot, half-out, duplicates, paced; all by default. "
        "Or shop alone: requests of a customer at the shop API",
        "direct": "invoke the functions with batches of these sizes, such as 1,10,50, in place of the scenarios",
        "orders": "orders per run; of shop, how often each request is measured",
        "skus": "SKUs per order, where functions are invoked directly",
        "batch_size": "messages per invocation, 10 at most",
        "concurrency": "concurrent invocations per function",
        "rate": "orders per second, a run for each of several such as 20,60,full; full, the default, sends all at once",
        "repeat": "runs per rate; the quickest is reported",
        "counted": "count requests by a proxy, which takes a little time per request",
        "json": "write the figures as JSON to this file",
        "compare": "compare with this file of an earlier run",
        "ci": "only compare requests and units with scripts/measure/baseline.json, and fail if any has grown",
        "update_baseline": "make the measured counts that baseline",
    },
    needs=OWN_DEPLOYMENT,
)
def bench(
    _: Context,
    scenario: str | None = None,
    direct: str | None = None,
    orders: str = "300",
    skus: str = "2",
    batch_size: str = "10",
    concurrency: str = "2",
    rate: str = "full",
    repeat: str = "1",
    counted: bool = True,
    json: str | None = None,
    compare: str | None = None,
    ci: bool = False,
    update_baseline: bool = False,
) -> None:
    """Measure speed, requests and cost of an order.

    docs/performance.md explains the figures.
    """
    options = dict(locals())
    from scripts.measure import bench as benchmark
    from scripts.measure import front_door
    from scripts.measure.scenarios import chosen

    if ci or update_baseline:
        if others := _differing(bench.body, options) - {"ci", "update_baseline"}:
            raise UserError(f"--ci and --update-baseline make a run of their own: leave out {_listed(others)}")
        benchmark.check(update=update_baseline)
        return
    if scenario == front_door.SCENARIO:
        if others := _differing(bench.body, options) - {"scenario", "orders", "json"}:
            raise UserError(f"--scenario shop takes --orders and --json alone: leave out {_listed(others)}")
        front_door.measure_front_door(count("orders", orders), path(json))
        return
    settings = benchmark.Settings(
        scenarios=chosen("" if direct and not scenario else scenario or "all"),
        direct=[count("direct", size) for size in direct.split(",")] if direct else (),
        orders=count("orders", orders),
        skus=count("skus", skus),
        batch_size=count("batch-size", batch_size),
        concurrency=count("concurrency", concurrency),
        rates=[None if text == "full" else count("rate", text) for text in rate.split(",")],
        repeat=count("repeat", repeat),
        count_requests=counted,
    )
    benchmark.run_benchmark(settings, path(json), path(compare))


def _differing(function: Callable[..., None], options: Mapping[str, object]) -> set[str]:
    """Name the options that are not at their defaults; a parameter without a default, as the context, is no option."""
    parameters = inspect.signature(function).parameters.values()
    defaults = {each.name: each.default for each in parameters if each.default is not each.empty}
    return {name for name, default in defaults.items() if options[name] != default}


def _listed(options: Collection[str]) -> str:
    # Of one that is on by default, invoke makes its --no- form.
    named = ("no-counted" if option == "counted" else option.replace("_", "-") for option in sorted(options))
    return ", ".join(f"--{name}" for name in named)


@command(
    {
        "orders_per_month": "orders in the month, 1 or more; a million by default",
        "target": TARGET,
        "batch": "orders per transaction, with the counts that bench measured; by default all is simulated",
        "months": "months for which orders have come: their stored data accumulates",
        "scraped": "a Prometheus scrapes the metrics, although the plan does not expect it",
        "visits_per_month": "how often customers sign in and read their profile in the month; never by default",
        "prices": "a JSON file in place of scripts/measure/prices.json, for another region or contract",
        "json": "write the bill as JSON to this file",
    },
    needs="a plan (`invoke plan`) or a deployment",
)
def cost(
    _: Context,
    orders_per_month: str = "1000000",
    target: str = "local",
    batch: str | None = None,
    months: str = "12",
    scraped: bool = False,
    visits_per_month: str | None = None,
    prices: str | None = None,
    json: str | None = None,
) -> None:
    """Show the monthly bill of a plan or a deployment."""
    from scripts.measure.cost import report

    settings = report.Settings(
        orders_per_month=count("orders-per-month", orders_per_month),
        batch=count("batch", batch) if batch else None,
        months=count("months", months),
        scraped=scraped,
        visits_per_month=count("visits-per-month", visits_per_month) if visits_per_month else 0,
        prices=path(prices) or PRICES_FILE,
    )
    report.show_bill(target_of(target), settings, path(json))


@command(
    {
        "page": "update the tables in this page: docs/capacity.md or docs/performance.md; once per page",
        "json": "print the predictions as JSON",
        "parameters": "a JSON file in place of scripts/measure/capacity/parameters.json",
        "measured": "a file that `invoke bench --json` wrote, in place of docs/performance/rates.json",
        "plot": "write the picture to this file, such as docs/images/capacity.svg; .local/capacity.svg by default",
    },
    iterable=["page"],
)
def simulate(
    _: Context,
    page: list[str],
    json: bool = False,
    parameters: str | None = None,
    measured: str | None = None,
    plot: str | None = None,
) -> None:
    """Predict throughput, latency and cost at any rate.

    The rates go from 1 to 100,000 orders per second; it shows the rate at which each limit bites.
    """
    from scripts.measure.capacity import report

    found = report.predict_capacity(
        parameters_file=path(parameters) or CAPACITY_PARAMETERS_FILE,
        measured_file=path(measured) or MEASURED_RATES_FILE,
        as_json=json,
        plot=path(plot) or report.PICTURE,
    )
    for file in page:
        report.fill(Path(file), found.sheets())


@command({"orders": "orders to measure", "batch_size": "messages per invocation"}, needs=OWN_DEPLOYMENT)
def life(_: Context, orders: str = "100", batch_size: str = "10") -> None:
    """Measure each part of an order's life.

    It shows the requests, units and cost from the order's placement to its refund.
    """
    from scripts.measure.life import measure_life

    measure_life(count("orders", orders), count("batch-size", batch_size))


@command({"orders": "orders to measure", "batch_size": "messages per invocation"}, needs=OWN_DEPLOYMENT)
def right_size(_: Context, orders: str = "300", batch_size: str = "10") -> None:
    """Measure the memory that the functions need.

    It predicts the effect of more memory, too.
    """
    from scripts.measure.right_size import measure_memory

    measure_memory(count("orders", orders), count("batch-size", batch_size))


@command(
    {
        "repeat": "cold starts per function; the median is reported",
        "json": "write the figures as JSON to this file",
        "compiled": "as if the zips brought bytecode, which Lambda cannot keep",
    },
    needs=OWN_DEPLOYMENT,
)
def coldstart(
    _: Context,
    repeat: str = "5",
    json: str | None = None,
    compiled: bool = False,
) -> None:
    """Measure how fast each function starts."""
    from scripts.measure import coldstart as measuring

    measuring.measure_cold_starts(count("repeat", repeat), path(json), compiled=compiled)

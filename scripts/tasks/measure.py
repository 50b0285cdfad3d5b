"""Tasks that measure and predict."""

import inspect
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from invoke.context import Context

from scripts.cli.errors import UserError
from scripts.cli.paths import (
    CAPACITY_PARAMETERS_FILE,
    DIST,
    MEASURED_COUNTS_FILE,
    MEASURED_RATES_FILE,
    PRICES_FILE,
)
from scripts.tasks.command import OWN_DEPLOYMENT, TARGET, command, count, path, target_of


@command(
    {
        "scenario": "which, separated by commas: single, three, hot, half-out, duplicates, paced; all by default",
        "direct": "invoke the functions with batches of these sizes, such as 1,10,50, in place of the scenarios",
        "orders": "how many orders a run",
        "skus": "SKUs of an order, where functions are invoked directly",
        "batch_size": "messages of a queue that an invocation gets, 10 at most",
        "concurrency": "invocations of a function side by side",
        "rate": "orders a second, a run for each of several such as 20,60,full; full, the default, is as fast as they "
        "go",
        "repeat": "how often; the quickest run is reported",
        "counted": "count requests by a proxy, which takes some time of each",
        "json": "write the figures as JSON to this file",
        "compare": "figures that an earlier run wrote, to compare with",
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
    from scripts.measure.scenarios import chosen

    if ci or update_baseline:
        if others := _differing(bench.body, options) - {"ci", "update_baseline"}:
            raise UserError(f"--ci and --update-baseline make a run of their own: leave out {_listed(others)}")
        benchmark.check(update=update_baseline)
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
        counted=counted,
    )
    benchmark.run_benchmark(settings, path(json), path(compare))


def _differing(function: Callable[..., None], options: Mapping[str, object]) -> set[str]:
    """Name the options that are not at their defaults; what has no default, as the context, is no option."""
    parameters = inspect.signature(function).parameters.values()
    defaults = {each.name: each.default for each in parameters if each.default is not each.empty}
    return {name for name, default in defaults.items() if options[name] != default}


def _listed(options: Collection[str]) -> str:
    # Of one that is on by default, invoke makes its --no- form.
    named = ("no-counted" if option == "counted" else option.replace("_", "-") for option in sorted(options))
    return ", ".join(f"--{name}" for name in named)


@command(
    {
        "orders_per_month": "how many orders a month, 1 or more",
        "target": TARGET,
        "batch": "orders of a transaction, to take what bench counted of such; by default all is simulated",
        "months": "for how many months orders have come: what is kept of them gathers",
        "scraped": "a Prometheus scrapes the metrics, though the plan does not expect it",
        "measured": "a file that `invoke bench --json` wrote, in place of docs/performance/after.json",
        "prices": "a JSON file in place of scripts/measure/prices.json, for another region or contract",
        "json": "write the bill as JSON to this file",
    },
    needs="a plan (`invoke plan`)",
)
def cost(
    _: Context,
    orders_per_month: str,
    target: str = "local",
    batch: str | None = None,
    months: str = "12",
    scraped: bool = False,
    measured: str | None = None,
    prices: str | None = None,
    json: str | None = None,
) -> None:
    """Show what a month of the last plan costs."""
    from scripts.measure.cost import report

    if measured and not batch:
        raise UserError("--measured has the counts that --batch takes: give --batch too")
    settings = report.Settings(
        orders_a_month=count("orders-per-month", orders_per_month),
        batch=count("batch", batch) if batch else None,
        months=count("months", months),
        scraped=scraped,
        measured=path(measured) or MEASURED_COUNTS_FILE,
        prices=path(prices) or PRICES_FILE,
    )
    report.show_bill(target_of(target), settings, path(json))


@command(
    {
        "page": "a page to bring the tables of up to date: docs/capacity.md, docs/performance.md; once for each",
        "json": "print the predictions as JSON",
        "seed": "the seed of the random numbers: the same seed, the same run",
        "parameters": "a JSON file in place of scripts/measure/capacity/parameters.json",
        "measured": "a file that `invoke bench --json` wrote, in place of docs/performance/rates.json",
        "plot": "where the picture goes; dist/pictures/capacity.svg by default",
    },
    iterable=["page"],
)
def simulate(
    _: Context,
    page: list[str],
    json: bool = False,
    seed: str = "1",
    parameters: str | None = None,
    measured: str | None = None,
    plot: str = str(DIST / "pictures" / "capacity.svg"),
) -> None:
    """Predict throughput, latency and cost at any rate.

    The rates go from 1 to 100,000 orders a second; it says where each limit bites.
    """
    from scripts.measure.capacity import report

    found = report.predict_capacity(
        parameters_file=path(parameters) or CAPACITY_PARAMETERS_FILE,
        measured_file=path(measured) or MEASURED_RATES_FILE,
        seed=count("seed", seed),
        as_json=json,
        plot=Path(plot),
    )
    for file in page:
        report.fill(Path(file), found.sheets())


@command(
    {"orders": "how many orders", "batch_size": "messages of a queue that an invocation gets"}, needs=OWN_DEPLOYMENT
)
def right_size(_: Context, orders: str = "300", batch_size: str = "10") -> None:
    """Measure what memory the functions need.

    It says what more memory would bring, too.
    """
    from scripts.measure.right_size import measure_memory

    measure_memory(count("orders", orders), count("batch-size", batch_size))


@command(
    {
        "repeat": "how often; the median is reported",
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

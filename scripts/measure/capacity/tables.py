"""The tables of `invoke simulate`, for the terminal and for the pages in docs/."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from scripts.cli.console import table
from scripts.measure.capacity.model import Deployment, Model, ramp_minutes
from scripts.measure.capacity.parameters import Parameters
from scripts.measure.capacity.predictions import (
    MIXES,
    MODES,
    SETTINGS,
    WORKERS,
    Comparison,
    Mix,
    Overload,
    Prediction,
    workload,
)
from scripts.measure.prices import read_prices

_RETURNED_BEFORE_P99 = 0.01


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: columns of text first, then columns of numbers."""

    title: str
    texts: Sequence[str]
    numbers: Sequence[str]
    rows: Sequence[Sequence[str]]

    def printed(self) -> Table:
        """Where the table is too wide, the headings of its numbers fold."""
        shown = table(*self.texts, *self.numbers, title=self.title, numbers=self.numbers)
        for column in shown.columns[: len(self.texts)]:
            column.no_wrap = True
        for row in self.rows:
            shown.add_row(*row)
        return shown

    def markdown(self) -> str:
        head = [*self.texts, *self.numbers]
        rule = ["---"] * len(self.texts) + ["---:"] * len(self.numbers)
        return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *self.rows))


def limits(parameters: Parameters, mix: Mix) -> dict[str, Mapping[str, float]]:
    """Orders per second that each limit allows on a new account, by mode, and from which conflicts are felt."""
    default = Deployment.default(parameters)
    models = {
        mode.name: Model(parameters, parameters.profiles["aws"], workload(mode, mix, None), default) for mode in MODES
    }
    return {name: model.limits() | {"(conflicts are felt)": model.conflict_limit} for name, model in models.items()}


def limit_sheet(parameters: Parameters, mix: Mix) -> Sheet:
    columns = limits(parameters, mix)
    names = list(columns)
    rows = [[limit, *(number(columns[name][limit]) for name in names)] for limit in columns[names[0]]]
    return Sheet(f"Orders/s that each limit allows on a new account, {mix.name}", ["limit"], names, rows)


def rate_sheets(predictions: Sequence[Prediction], parameters: Parameters) -> dict[str, Sheet]:
    """Two tables with a row per rate: the deployment that it needs, and its figures on that deployment."""
    texts = ["mix", "mode"]
    needs = ("offered/s", "holds to", "workers", "rules/s", "write units/s", "shards", "ramp min")
    figures = ("offered/s", "orders/s", "p50 s", "p99 s", "$/million", "conflicts", "back")
    return {
        "needs": Sheet(
            "Each rate: orders/s up to which a new account holds, and the deployment that the rate needs",
            texts,
            needs,
            [[one.mix, one.mode, *_needs(one, parameters)] for one in predictions],
        ),
        "rates": Sheet(
            "Each rate, simulated on that deployment",
            texts,
            figures,
            [[one.mix, one.mode, *_figures(one, parameters)] for one in predictions],
        ),
    }


def _needs(one: Prediction, parameters: Parameters) -> list[str]:
    needs, ramp = one.needs, max(ramp_minutes(parameters, one.needs).values())
    sizes = (needs.maximum_concurrency, needs.invocations_a_second, needs.table_write_units, needs.stock_shards)
    rates = (one.offered_orders_per_second, one.default_orders_per_second)
    return [*map(number, (*rates, *sizes)), f"{ramp:.0f}"]


def _figures(one: Prediction, parameters: Parameters) -> list[str]:
    return [
        *map(number, (one.offered_orders_per_second, one.orders_per_second)),
        f"{one.p50_seconds:.2f}",
        _p99(one, parameters),
        f"{sum(one.dollars_per_million.values()):.2f}",
        f"{one.conflicts_an_order:.2f}",
        f"{one.returned_share:.2%}",
    ]


def _p99(one: Prediction, parameters: Parameters) -> str:
    """The visibility timeout, where more than a hundredth of the orders go back to the queue."""
    if one.returned_share >= _RETURNED_BEFORE_P99:
        return f"> {parameters.deployment.visibility_timeout_seconds:.0f}"
    return f"{one.p99_seconds:.2f}"


def overload_sheet(overloads: Sequence[Overload]) -> Sheet:
    title = "Orders/s completed of those offered, at the limit of the workers, with a SKU's stock in one item"
    rows = []
    for mix in MIXES:
        for mode in MODES:
            row = [one for one in overloads if (one.mix, one.mode) == (mix.name, mode.name)]
            done = [f"{number(one.orders_per_second)} of {number(one.offered_orders_per_second)}" for one in row]
            rows.append([mix.name, mode.name, *done])
    return Sheet(title, ["mix", "mode"], [f"{workers} workers" for workers in WORKERS], rows)


def settings_sheet(predictions: Sequence[Prediction]) -> Sheet:
    rates = sorted({one.offered_orders_per_second for one in predictions})
    rows = []
    for mode in SETTINGS:
        cells = {one.offered_orders_per_second: _trade(one) for one in predictions if one.mode == mode.name}
        rows.append([mode.name, *(cells[rate] for rate in rates)])
    title = f"The trade of batch and window, {predictions[0].mix}" if predictions else ""
    return Sheet(title, ["batch, window"], [f"at {number(rate)}/s" for rate in rates], rows if predictions else [])


def _trade(one: Prediction) -> str:
    return f"p50 {one.p50_seconds:.2g} s, ${sum(one.dollars_per_million.values()):.2f}"


def cost_sheet(predictions: Sequence[Prediction]) -> Sheet:
    names = [f"{one.mode}, {one.mix}" for one in predictions]
    texts = {line: price.text for line, price in read_prices().lines.items()}
    rows = [[text, *(f"{one.dollars_per_million[line]:.2f}" for one in predictions)] for line, text in texts.items()]
    rows.append(["total", *(f"{sum(one.dollars_per_million.values()):.2f}" for one in predictions)])
    rate = number(predictions[0].offered_orders_per_second)
    return Sheet(f"Dollars per million orders, at {rate} orders/s", ["line"], names, rows)


def comparison_sheet(comparisons: Sequence[Comparison]) -> Sheet:
    numbers = (
        "batch", "offered/s", "measured/s", "predicted/s", "ratio", "measured p50", "predicted p50", "p50 ratio",
        "measured p99", "predicted p99",
    )  # fmt: skip
    rows = [_comparison_row(comparison) for comparison in comparisons]
    return Sheet("The embedded AWS: predicted and measured, times in seconds", ["measured run"], numbers, rows)


def _comparison_row(one: Comparison) -> list[str]:
    run, predicted, offered = one.run, one.predicted, one.run.offered_orders_per_second
    rates = (run.orders_per_second, predicted.orders_per_second)
    p50, p99 = (run.p50_seconds, predicted.p50_seconds), (run.p99_seconds, predicted.p99_seconds)
    return [
        *(run.name, str(run.batch_size), "burst" if offered is None else number(offered)),
        *(f"{rate:.1f}" for rate in rates),
        f"{one.rate_ratio:.2f}",
        *(f"{seconds:.3f}" for seconds in p50),
        f"{one.p50_ratio:.2f}",
        *(f"{seconds:.3f}" for seconds in p99),
    ]


def number(value: float) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"  # noqa: PLR2004 - small figures keep their decimals

"""The figures of one benchmark run, as a table and as JSON, beside those of another run and beside the baseline."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Self

from pydantic import BaseModel, TypeAdapter
from rich.table import Table

from scripts.cli.console import table
from scripts.cli.files import write_whole
from scripts.cli.json_files import load_json
from scripts.measure.least_cost import OrderTotals, least_quantities, quantities
from scripts.measure.prices import Prices
from scripts.measure.usage import Usage

_MILLION = 1_000_000
# A count that is this little higher than the baseline is a rounding, not a request.
_TOLERANCE = 0.001
_SENT_TOLERANCE = 0.95


@dataclass(frozen=True)
class Speed:
    orders_per_second: float
    """Completed: orders that ended, over the time from the first event to the last commit."""
    p50_ms: float | None = None
    p99_ms: float | None = None
    lost: int = 0
    sent_per_second: float | None = None
    """Orders, over the time that sending them took."""


@dataclass(frozen=True)
class Offered:
    """The orders that were sent through the whole deployment."""

    scenario: str
    orders_per_second: float | None
    """None: as fast as they can be sent."""


@dataclass(frozen=True)
class Result:
    """Figures per order, costs per million orders."""

    name: str
    orders: int
    speed: Speed
    offered: Offered | None = None
    """None: the functions were invoked directly."""
    batch: float | None = None
    """Messages per invocation, on average."""
    counts: dict[str, float] = field(default_factory=dict)
    calls: dict[str, float] = field(default_factory=dict)
    cost_usd: dict[str, float] = field(default_factory=dict)
    minimum_usd: float = 0
    functions: dict[str, dict[str, float]] = field(default_factory=dict)
    """Invocations and milliseconds, by function."""

    @property
    def total_usd(self) -> float:
        return sum(self.cost_usd.values())

    @property
    def ratio(self) -> float:
        return self.total_usd / self.minimum_usd if self.minimum_usd else 0

    @property
    def rates(self) -> str:
        """The rates in words: offered, sent and completed."""
        completed = f"{self.speed.orders_per_second:.1f} orders/s completed"
        sent = self.speed.sent_per_second
        if not self.offered or sent is None:
            return completed
        offered = self.offered.orders_per_second
        said = f"{'all at once' if offered is None else f'{offered:g} orders/s'} offered, {sent:.1f} sent, {completed}"
        if offered and sent < _SENT_TOLERANCE * offered:
            return f"{said}: bench could not send {offered:g} orders/s here"
        return said


def make_result(  # noqa: PLR0913, PLR0917 - a figure each
    name: str, totals: OrderTotals, usage: Usage, speed: Speed, prices: Prices, offered: Offered | None = None
) -> Result:
    def per_order(values: Mapping[str, float], factor: float = 1) -> dict[str, float]:
        return {name: value / totals.orders * factor for name, value in values.items()}

    used = quantities(usage)
    least = prices.cost(least_quantities(totals, usage.event_bytes))
    return Result(
        name=name,
        orders=totals.orders,
        batch=totals.batch,
        speed=speed,
        offered=offered,
        counts=per_order({"api_calls": usage.own_calls, "gateway_calls": usage.gateway_calls} | used),
        calls=per_order(dict(sorted(usage.calls.items()))),
        cost_usd=per_order(prices.cost(used), _MILLION),
        minimum_usd=sum(per_order(least, _MILLION).values()),
        functions=functions_used(usage, totals.orders),
    )


def functions_used(usage: Usage, orders: int) -> dict[str, dict[str, float]]:
    """Invocations and milliseconds of each function, per order."""
    return {
        function: {"invocations": count / orders, "milliseconds": usage.busy_ms[function] / orders}
        for function, count in usage.invocations.items()
    }


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Interpolated; None for fewer than two values."""
    return quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else None


def results_table(results: Sequence[Result], prices: Prices, title: str) -> Table:
    names = [result.name for result in results]
    shown = table("per order", *names, title=title, numbers=names)

    def row(text: str, values: Iterable[float | None], digits: int = 2) -> None:
        shown.add_row(text, *("" if value is None else f"{value:,.{digits}f}" for value in values))

    row("orders", (result.orders for result in results), 0)
    row("messages per invocation", (result.batch for result in results), 1)
    offered = (result.offered.orders_per_second if result.offered else None for result in results)
    row("orders/s offered", offered, 1)
    row("orders/s sent", (result.speed.sent_per_second for result in results), 1)
    row("orders/s completed", (result.speed.orders_per_second for result in results), 1)
    row("event to final, p50 ms", (result.speed.p50_ms for result in results), 0)
    row("event to final, p99 ms", (result.speed.p99_ms for result in results), 0)
    row("lost", (result.speed.lost for result in results), 0)
    if not all(result.counts for result in results):
        return shown
    for name in ("api_calls", "gateway_calls"):
        row(name.replace("_", " ").replace("api", "API"), (result.counts[name] for result in results), 3)
    for line, price in prices.lines.items():
        text = price.text.replace(", GB", ", bytes,") if price.per == 1e9 else price.text  # noqa: PLR2004
        row(text, (result.counts[line] for result in results), 3)
    for call in sorted({call for result in results for call in result.calls}):
        row(f"  {call}", (result.calls.get(call, 0) for result in results), 3)
    for line, price in prices.lines.items():
        row(f"$ per million: {price.text}", (result.cost_usd[line] for result in results))
    row("$ per million: all", (result.total_usd for result in results))
    row("$ per million: the least possible", (result.minimum_usd for result in results))
    row("ratio", (result.ratio for result in results))
    return shown


@dataclass
class Measured:
    """All figures of one run."""

    results: list[Result] = field(default_factory=list)
    steps: dict[str, dict[str, float]] = field(default_factory=dict)
    """Figures of the functions invoked one after the other, by `<step> at batch <size>`."""

    @property
    def document(self) -> dict[str, object]:
        described = {
            result.name: asdict(result) | {"total_usd": result.total_usd, "ratio": result.ratio}
            for result in self.results
        }
        return {"results": described, "steps": self.steps}


def steps_table(steps: Mapping[str, Mapping[str, float]]) -> Table:
    columns = list(next(iter(steps.values())))
    headings = [name.replace("dynamodb_", "").replace("_", " ") for name in columns]
    shown = table("step, per order", *headings, numbers=headings, title="The functions invoked one after the other")
    for name, figures in steps.items():
        shown.add_row(name, *(f"{figures[column]:.3f}" for column in columns))
    return shown


def write_json(path: Path, description: Mapping[str, object], measured: Measured) -> None:
    """Write the figures with six decimals."""
    text = json.dumps({**description, **measured.document})
    rounded = json.loads(text, parse_float=lambda digits: round(float(digits), 6))
    write_whole(path, json.dumps(rounded, indent=2) + "\n")


class Recorded(BaseModel):
    """The figures in a file of `write_json`."""

    results: dict[str, dict[str, object]]
    steps: dict[str, dict[str, float]]

    @classmethod
    def read(cls, file: Path) -> Self:
        return load_json(file, TypeAdapter(cls))


def comparison_table(measured: Measured, before: Recorded) -> Table:
    """Each figure beside the earlier figure of the same name."""
    shown = table("figure", "before", "now", "ratio", numbers=("before", "now", "ratio"), title="Compared")
    earlier = dict(_figures(before.model_dump()))
    for name, now in _figures(measured.document):
        then = earlier.get(name)
        if then is not None and (now or then):
            shown.add_row(name, f"{then:,.3f}", f"{now:,.3f}", f"{now / then:.2f}" if then else "-")
    return shown


def _figures(node: object, *path: str) -> Iterator[tuple[str, float]]:
    """Every number of the document, by its path below `results` or `steps`."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from _figures(value, *path, name)
    elif isinstance(node, int | float):
        yield ": ".join(path[1:]), node


def above_baseline(counts: Mapping[str, float], baseline: Mapping[str, float]) -> list[str]:
    """Name the counts that are higher than in the baseline, or missing there."""
    return [
        f"{name} is {count:.3f} per order, and was {baseline[name]:.3f}" if name in baseline else f"{name} is new"
        for name, count in counts.items()
        if name not in baseline or count > baseline[name] * (1 + _TOLERANCE)
    ]

"""The figures of one run, as a table and as JSON, beside those of another, and beside the committed baseline."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Self, TypeVar

from pydantic import BaseModel, TypeAdapter
from rich.table import Table

from scripts.cli.console import table
from scripts.cli.files import write_whole
from scripts.cli.json_files import load_json
from scripts.measure.least_cost import Workload, minimum, quantities
from scripts.measure.prices import Prices
from scripts.measure.usage import Usage

_MILLION = 1_000_000
# A count that is this little higher than the baseline is a rounding, not a request.
_TOLERANCE = 0.001
_T = TypeVar("_T")


@dataclass(frozen=True)
class Speed:
    orders_per_second: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    lost: int = 0


@dataclass(frozen=True)
class Offered:
    """What was sent through the whole deployment."""

    scenario: str
    orders_per_second: float | None
    """None: as fast as they went."""


@dataclass(frozen=True)
class Result:
    """Everything is for one order, costs for a million."""

    name: str
    orders: int
    speed: Speed
    offered: Offered | None = None
    """None: the functions were invoked directly."""
    batch: float | None = None
    """Messages an invocation got, on average."""
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


def make_result(  # noqa: PLR0913, PLR0917 - a figure each
    name: str, work: Workload, usage: Usage, speed: Speed, prices: Prices, offered: Offered | None = None
) -> Result:
    def per_order(values: Mapping[str, float]) -> dict[str, float]:
        return {name: value / work.orders for name, value in values.items()}

    used = quantities(usage)
    least = prices.cost(minimum(work, usage.event_bytes))
    return Result(
        name=name,
        orders=work.orders,
        batch=work.batch,
        speed=speed,
        offered=offered,
        counts=per_order({"api_calls": usage.own_calls, "gateway_calls": usage.gateway_calls} | used),
        calls=per_order(dict(sorted(usage.calls.items()))),
        cost_usd={line: usd / work.orders * _MILLION for line, usd in prices.cost(used).items()},
        minimum_usd=sum(least.values()) / work.orders * _MILLION,
        functions=functions_used(usage, work.orders),
    )


def functions_used(usage: Usage, orders: int) -> dict[str, dict[str, float]]:
    """Invocations and milliseconds of each function, for one order."""
    return {
        function: {"invocations": count / orders, "milliseconds": usage.busy_ms[function] / orders}
        for function, count in usage.invocations.items()
    }


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Interpolated; None of fewer than two values."""
    return quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else None


def results_table(results: Sequence[Result], prices: Prices, title: str) -> Table:
    names = [result.name for result in results]
    shown = table("an order", *names, title=title, numbers=names)

    def row(text: str, values: Iterable[float | None], digits: int = 2) -> None:
        shown.add_row(text, *("" if value is None else f"{value:,.{digits}f}" for value in values))

    row("orders", (result.orders for result in results), 0)
    row("messages an invocation", (result.batch for result in results), 1)
    row("orders/s", (result.speed.orders_per_second for result in results), 1)
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
        row(f"$ a million: {price.text}", (result.cost_usd[line] for result in results))
    row("$ a million: all", (result.total_usd for result in results))
    row("$ a million: the least there can be", (result.minimum_usd for result in results))
    row("ratio", (result.ratio for result in results))
    return shown


@dataclass
class Measured:
    """All that a run has found out."""

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
    shown = table("step, an order", *headings, numbers=headings, title="The functions invoked one after the other")
    for name, figures in steps.items():
        shown.add_row(name, *(f"{figures[column]:.3f}" for column in columns))
    return shown


def write_json(path: Path, description: Mapping[str, object], measured: Measured) -> None:
    write_whole(path, json.dumps({**description, **_rounded(measured.document)}, indent=2) + "\n")


def _rounded(value: _T) -> _T:
    if isinstance(value, dict):
        return {key: _rounded(element) for key, element in value.items()}  # type: ignore[return-value] # a dict again
    return round(value, 6) if isinstance(value, float) else value  # type: ignore[return-value] # a float again


def comparison_table(measured: Measured, before: "Recorded") -> Table:
    """Each figure of ours beside the one of the same name."""
    shown = table("figure", "before", "now", "ratio", numbers=("before", "now", "ratio"), title="Compared")
    for path, now, then in _both(measured.document, {"results": before.results, "steps": before.steps}):
        shown.add_row(": ".join(path[1:]), f"{then:,.3f}", f"{now:,.3f}", f"{now / then:.2f}" if then else "-")
    return shown


class Recorded(BaseModel):
    """What `write_json` wrote, as far as it can be compared."""

    results: dict[str, dict[str, object]]
    steps: dict[str, dict[str, float]]

    @classmethod
    def read(cls, file: Path) -> Self:
        return load_json(file, TypeAdapter(cls))


def _both(
    mine: Mapping[str, object], theirs: Mapping[str, object], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], float, float]]:
    for name, value in mine.items():
        other = theirs.get(name)
        if isinstance(value, dict) and isinstance(other, dict):
            yield from _both(value, other, (*path, name))
        elif isinstance(value, int | float) and isinstance(other, int | float) and (value or other):
            yield (*path, name), value, other


def above_baseline(counts: Mapping[str, float], baseline: Mapping[str, float]) -> list[str]:
    """Say which counts are higher than they were, or are not known there."""
    return [
        f"{name} is {count:.3f} an order, and was {baseline[name]:.3f}" if name in baseline else f"{name} is new"
        for name, count in counts.items()
        if name not in baseline or count > baseline[name] * (1 + _TOLERANCE)
    ]

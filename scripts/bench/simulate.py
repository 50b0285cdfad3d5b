"""`invoke simulate`: what the system can carry, where each limit bites, and what to change then."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from scripts.bench.capacity_model import Deployment, Model, ramp_minutes
from scripts.bench.capacity_parameters import PARAMETERS_FILE, Parameters, load_parameters
from scripts.bench.capacity_predictions import (
    MIXES,
    MODES,
    RATES,
    WORKERS,
    Comparison,
    Mode,
    Overload,
    Prediction,
    compare,
    load_runs,
    overload,
    predict,
    workload,
)
from scripts.console import out, table

MEASURED_FILE = Path(__file__).parent / "measured_runs.json"
_RETURNED_BEFORE_P99 = 0.01


@dataclass(frozen=True, slots=True)
class Report:
    parameters: Parameters
    predictions: Sequence[Prediction]
    overloads: Sequence[Overload]
    comparisons: Sequence[Comparison]

    def as_json(self) -> str:
        """All figures, for other programs; NaN becomes null."""
        given = {
            "limits": {
                f"{mode.name}, {mix.name}": _limits(self.parameters, mode, mix_index)
                for mix_index, mix in enumerate(MIXES)
                for mode in MODES
            },
            "predictions": [asdict(prediction) for prediction in self.predictions],
            "overloads": [asdict(overload) for overload in self.overloads],
            "measured": [
                comparison.run.model_dump()
                | {
                    "predicted_orders_per_second": comparison.predicted.orders_per_second,
                    "predicted_p50_seconds": comparison.predicted.p50_seconds,
                    "predicted_p99_seconds": comparison.predicted.p99_seconds,
                }
                for comparison in self.comparisons
            ],
        }
        return json.dumps(_without_nan(given), indent=2)

    def print(self) -> None:
        for index in range(len(MIXES)):
            out.print(_limit_table(self.parameters, index), "")
        out.print(_prediction_table(self.predictions, self.parameters), "")
        out.print(_overload_table(self.overloads), "")
        out.print(_comparison_table(self.comparisons))


def run(
    *,
    parameters_file: Path = PARAMETERS_FILE,
    measured_file: Path = MEASURED_FILE,
    seed: int,
    as_json: bool,
    plot: Path,
) -> Report:
    """Predict, print and draw; raise UserError where a file is not what it should be."""
    parameters, runs = load_parameters(parameters_file), load_runs(measured_file)
    predictions = [predict(parameters, mode, mix, rate, seed) for mix in MIXES for mode in MODES for rate in RATES]
    overloads = [
        overload(parameters, mode, mix, workers, seed) for mix in MIXES for mode in MODES for workers in WORKERS
    ]
    report = Report(parameters, predictions, overloads, compare(parameters, runs, seed))
    if as_json:
        out.print(report.as_json(), markup=False)
    else:
        report.print()
    from scripts.bench import capacity_plot  # noqa: PLC0415 - it takes a second to import

    capacity_plot.draw(report.parameters, predictions, report.comparisons, plot, seed)
    return report


def _limits(parameters: Parameters, mode: Mode, mix_index: int) -> dict[str, float]:
    wanted = workload(mode, MIXES[mix_index], None)
    model = Model(parameters, parameters.profiles["aws"], wanted, Deployment.default(parameters))
    return model.limits() | {"(conflicts grow)": model.conflict_limit}


def _limit_table(parameters: Parameters, mix_index: int) -> Table:
    names = [mode.name for mode in MODES]
    title = f"Orders a second that each limit allows on a new account, {MIXES[mix_index].name}"
    shown = table("limit", *names, title=title, numbers=names)
    columns = [_limits(parameters, mode, mix_index) for mode in MODES]
    for limit in columns[0]:
        shown.add_row(limit, *(_number(column[limit]) for column in columns))
    return shown


def _prediction_table(predictions: Sequence[Prediction], parameters: Parameters) -> Table:
    numbers = (
        "offered/s", "holds to", "workers", "rules/s", "write units/s", "shards", "ramp min", "orders/s",
        "p50 s", "p99 s", "$/million", "conflicts", "back",
    )  # fmt: skip
    title = "Each rate: up to where a new account holds, what must be raised to what, and what the simulation then gets"
    headings = ("mix", "mode", *numbers[:2], "first limit", *numbers[2:])
    shown = table(*headings, title=title, numbers=numbers)
    for one in predictions:
        needs = one.needs
        shown.add_row(
            one.mix, one.mode, _number(one.offered_orders_per_second), _number(one.default_orders_per_second),
            one.default_limit, _number(needs.maximum_concurrency), _number(needs.invocations_a_second),
            _number(needs.table_write_units), _number(needs.stock_shards),
            f"{max(ramp_minutes(parameters, needs).values()):.0f}", _number(one.orders_per_second),
            f"{one.p50_seconds:.2f}", p99_shown(one, parameters), f"{sum(one.dollars_per_million.values()):.2f}",
            f"{one.conflicts_an_order:.2f}", f"{one.returned_share:.2%}",
        )  # fmt: skip
    return shown


def p99_shown(prediction: Prediction, parameters: Parameters) -> str:
    """An order that goes back to the queue is seen again only after the visibility timeout."""
    if prediction.returned_share >= _RETURNED_BEFORE_P99:
        return f"> {parameters.deployment.visibility_timeout_seconds:.0f}"
    return f"{prediction.p99_seconds:.2f}"


def _overload_table(overloads: Sequence[Overload]) -> Table:
    names = [f"{workers} workers" for workers in WORKERS]
    title = (
        "Orders/s done of those offered, as much as the workers of a function can take, with a SKU's stock in one item"
    )
    shown = table("mix", "mode", *names, title=title, numbers=names)
    for mix in MIXES:
        for mode in MODES:
            row = [one for one in overloads if (one.mix, one.mode) == (mix.name, mode.name)]
            figures = [f"{_number(one.orders_per_second)} of {_number(one.offered_orders_per_second)}" for one in row]
            shown.add_row(mix.name, mode.name, *figures)
    return shown


def _comparison_table(comparisons: Sequence[Comparison]) -> Table:
    numbers = (
        "batch",
        "offered/s",
        "measured/s",
        "predicted/s",
        "ratio",
        "measured p50 s",
        "predicted p50 s",
        "p50 ratio",
    )
    shown = table("measured run", *numbers, title="The embedded AWS: predicted and measured", numbers=numbers)
    for one in comparisons:
        offered = one.run.offered_orders_per_second
        shown.add_row(
            one.run.scenario, str(one.run.batch_size), "all at once" if offered is None else _number(offered),
            f"{one.run.orders_per_second:.1f}", f"{one.predicted.orders_per_second:.1f}", f"{one.rate_ratio:.2f}",
            f"{one.run.p50_seconds:.3f}", f"{one.predicted.p50_seconds:.3f}", f"{one.p50_ratio:.2f}",
        )  # fmt: skip
    return shown


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"  # noqa: PLR2004 - small figures keep their decimals


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

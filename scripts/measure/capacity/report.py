"""`invoke simulate`: the capacity of the system, its limits, and the changes that raise them."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.cli.console import err, out, print_table
from scripts.cli.errors import UserError
from scripts.cli.files import write_whole
from scripts.cli.json_files import check_writable
from scripts.cli.paths import CAPACITY_PARAMETERS_FILE, LOCAL_FOLDER, MEASURED_RATES_FILE
from scripts.measure.capacity import tables
from scripts.measure.capacity.measured import load_runs
from scripts.measure.capacity.parameters import Parameters, load_parameters
from scripts.measure.capacity.predictions import (
    MIXES,
    MODES,
    RATES,
    SETTINGS,
    SETTINGS_RATES,
    WORKERS,
    Comparison,
    Overload,
    Prediction,
    compare,
    overload,
    predict,
)
from scripts.measure.capacity.tables import Sheet
from scripts.measure.prices import read_prices

_ADVISED = {MIXES[0].name: MODES[2].name, MIXES[1].name: MODES[3].name, MIXES[2].name: MODES[3].name}
"""The mode that suits each mix: the page shows these only."""
_COST_RATE = 100
PICTURE = LOCAL_FOLDER / "capacity.svg"
_END = "<!-- end -->"


@dataclass(frozen=True, slots=True)
class Report:
    parameters: Parameters
    predictions: Sequence[Prediction]
    overloads: Sequence[Overload]
    comparisons: Sequence[Comparison]
    trades: Sequence[Prediction]

    def as_json(self) -> str:
        """All figures, for other programs; a figure that is not finite becomes null."""
        given = {
            "limits": {mix.name: tables.limits(self.parameters, mix) for mix in MIXES},
            "predictions": [asdict(prediction) for prediction in self.predictions],
            "settings": [asdict(prediction) for prediction in self.trades],
            "overloads": [asdict(overload) for overload in self.overloads],
            "measured": [_compared(comparison) for comparison in self.comparisons],
        }
        return json.dumps(_without_nan(given), indent=2)

    def print(self) -> None:
        """Print the tables of the pages, with the rates of every mode."""
        everything = tables.rate_sheets(self.predictions, self.parameters)
        for sheet in (self.sheets() | everything).values():
            print_table(sheet.printed())
            out.print()

    def sheets(self) -> dict[str, Sheet]:
        """The tables of docs/capacity.md and docs/performance.md, by the names of their places."""
        advised = [one for one in self.predictions if _ADVISED[one.mix] == one.mode]
        costs = [
            one
            for one in self.predictions
            if one.offered_orders_per_second == _COST_RATE and one.mode != MODES[0].name and one.mix != MIXES[1].name
        ]
        return {
            **{f"limits {index}": tables.limit_sheet(self.parameters, mix) for index, mix in enumerate(MIXES)},
            **tables.rate_sheets(advised, self.parameters),
            "overload": tables.overload_sheet(self.overloads),
            "cost": tables.cost_sheet(costs),
            "settings": tables.settings_sheet(self.trades),
            "measured": tables.comparison_sheet(self.comparisons),
        }


def predict_capacity(
    *,
    parameters_file: Path = CAPACITY_PARAMETERS_FILE,
    measured_file: Path = MEASURED_RATES_FILE,
    as_json: bool = False,
    plot: Path = PICTURE,
) -> Report:
    """Predict, print and draw; raise UserError where a file is not valid."""
    parameters, prices, runs = load_parameters(parameters_file), read_prices(), load_runs(measured_file)
    check_writable(plot)
    with err.status("simulating, about half a minute …"):
        report = Report(
            parameters,
            [predict(parameters, prices, mode, mix, rate) for mix in MIXES for mode in MODES for rate in RATES],
            [overload(parameters, mode, mix, workers) for mix in MIXES for mode in MODES for workers in WORKERS],
            compare(parameters, runs),
            [predict(parameters, prices, mode, MIXES[1], rate) for mode in SETTINGS for rate in SETTINGS_RATES],
        )
    if as_json:
        out.print(report.as_json(), markup=False)
    else:
        report.print()
    from scripts.measure.capacity.plot import draw  # noqa: PLC0415 - it takes a second to import

    draw(parameters, report.predictions, runs, plot)
    err.print(f"the picture is in {plot}", markup=False)
    return report


def fill(page: Path, sheets: Mapping[str, Sheet]) -> None:
    """Write each table between the two comments of its place, if the page has one; leave the rest as it is."""
    if not page.is_file():
        raise UserError(f"there is no page {page}")
    text = page.read_text(encoding="utf-8")
    places = {name: f"<!-- simulate: {name} -->" for name in sheets if f"<!-- simulate: {name} -->" in text}
    if not places:
        known = ", ".join(f"<!-- simulate: {name} -->" for name in sheets)
        raise UserError(f"{page} has no place for a table: write one of {known}, and {_END} after it")
    for name, begin in places.items():
        before, _, after = text.partition(begin)
        _, ended, rest = after.partition(_END)
        if not ended:
            raise UserError(f"{page}: after {begin} there is no {_END}")
        text = f"{before}{begin}\n{sheets[name].markdown()}\n{_END}{rest}"
    write_whole(page, text)


def _compared(one: Comparison) -> dict[str, object]:
    return asdict(one.run) | {
        "predicted_orders_per_second": one.predicted.orders_per_second,
        "predicted_p50_seconds": one.predicted.p50_seconds,
        "predicted_p99_seconds": one.predicted.p99_seconds,
    }


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

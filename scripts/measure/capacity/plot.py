"""The picture of docs/capacity.md: measured points and predicted curves together."""

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scripts.measure.capacity.measured import Run
from scripts.measure.capacity.parameters import Parameters
from scripts.measure.capacity.predictions import MIXES, MODES, Prediction, embedded
from scripts.measure.scenarios import SCENARIOS

_COLOURS = {mode.name: colour for mode, colour in zip(MODES, ("#6e7f8d", "#3274d9", "#e0752d", "#37872d"), strict=True)}
_STYLES = {mix.name: style for mix, style in zip(MIXES, ("-", "-.", ":"), strict=True)}
_MEASURED, _EMBEDDED = "#c4162a", "#24292e"
_EMBEDDED_RATES = (1, 2, 5, 10, 20, 40, 60, 80, 100, 120, 150)


def draw(parameters: Parameters, predictions: Sequence[Prediction], runs: Sequence[Run], path: Path) -> None:
    """Write the SVG; the same figures make the same file."""
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    latency, rate, cost = figure.subplots(1, 3)
    curve = [embedded(parameters, SCENARIOS["single"], offered) for offered in _EMBEDDED_RATES]
    _lines(latency, predictions, lambda one: one.p50_seconds)
    latency.plot(_EMBEDDED_RATES, [one.p50_seconds for one in curve], color=_EMBEDDED, label="embedded AWS, predicted")
    _points(latency, runs, lambda run: run.p50_seconds)
    latency.set_ylabel("p50 from event to final state, s")
    _lines(rate, predictions, lambda one: min(one.offered_orders_per_second, one.default_orders_per_second))
    rate.plot(_EMBEDDED_RATES, [one.orders_per_second for one in curve], color=_EMBEDDED)
    _points(rate, runs, lambda run: run.orders_per_second)
    bursts = [run.orders_per_second for run in runs if run.offered_orders_per_second is None]
    rate.plot([max(_EMBEDDED_RATES)] * len(bursts), bursts, "o", color=_MEASURED)
    rate.set_ylabel("orders/s done, nothing raised")
    _lines(cost, predictions, lambda one: sum(one.dollars_per_million.values()))
    cost.set_ylabel("$ per million orders, once raised")
    cost.set_ylim(bottom=0)
    for axes in (latency, rate, cost):
        axes.set_xscale("log")
        axes.set_xlabel("orders/s offered")
        axes.grid(color="#e6e8eb", linewidth=0.8)
        if axes is not cost:
            axes.set_yscale("log")
    handles, labels = latency.get_legend_handles_labels()
    figure.legend(list(handles), list(labels), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "capacity"}):
        figure.savefig(path, format="svg", metadata={"Date": None})


def _lines(axes: Axes, predictions: Sequence[Prediction], figure_of: Callable[[Prediction], float]) -> None:
    for mix, style in _STYLES.items():
        for mode, colour in _COLOURS.items():
            line = [one for one in predictions if (one.mode, one.mix) == (mode, mix)]
            rates, figures = [one.offered_orders_per_second for one in line], [figure_of(one) for one in line]
            axes.plot(rates, figures, color=colour, linestyle=style, linewidth=1.3, label=f"{mode}, {mix}")


def _points(axes: Axes, runs: Sequence[Run], figure_of: Callable[[Run], float]) -> None:
    paced = [(run.offered_orders_per_second, figure_of(run)) for run in runs if run.offered_orders_per_second]
    rates, figures = zip(*paced, strict=True) if paced else ((), ())
    axes.plot(rates, figures, "o", color=_MEASURED, label="embedded AWS, measured")

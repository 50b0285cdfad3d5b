"""Pictures of the dashboards: what the committed panels show, drawn without a Grafana."""

import io
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image

from scripts.cli.console import out
from scripts.monitor.grafana.panel_data import Board, Panel, Prometheus, Series, Window, boards

_COLUMNS = 24
_WIDTH_INCHES, _ROW_INCHES, _HEADER_INCHES = 14.0, 0.32, 0.6
_DPI = 100
_COLOURS = 128
_MARGIN_INCHES = 0.08
_MOST_SERIES = 8
_INK, _FAINT, _GROUND = "#24292e", "#8b949e", "#f4f5f5"
# Of series. None looks like another, or like the colour of a bound.
_PALETTE = ("#3274d9", "#b877d9", "#1f9e9e", "#17305c", "#f06292", "#8c5a2b", "#8796a3", "#73bfe8")
_NAMED = {"green": "#37872d", "orange": "#e0752d", "red": "#c4162a", "blue": "#3274d9"}


def draw(prometheus_url: str, environment: str, folder: Path, minutes: int) -> None:
    """Write a PNG of each dashboard for the last minutes."""
    prometheus, window = Prometheus(prometheus_url, environment), Window.until_now(minutes)
    folder.mkdir(parents=True, exist_ok=True)
    for board in boards():
        path = folder / f"dashboard-{board.name}.png"
        _image(_figure(board, prometheus, window, environment)).save(path, optimize=True)
        out.print(f"{path}: {path.stat().st_size // 1024} KB", markup=False)


def shown(value: float, unit: str) -> str:
    """Write a number as its panel's unit wants it."""
    if not math.isfinite(value):
        return "-"
    if unit == "percentunit":
        return f"{value * 100:.3g}%"
    if unit == "s":
        return _duration(value)
    if unit == "locale" or value < 1000:  # noqa: PLR2004 - shorter has no shorter form
        return f"{value:,.0f}" if value == round(value) else f"{value:,.3g}"
    return f"{value / 1000:.3g} K"


def _duration(seconds: float) -> str:
    for size, name in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"), (0.001, "ms")):
        if seconds >= size:
            return f"{seconds / size:.3g} {name}"
    return "0 s" if seconds == 0 else f"{seconds * 1e6:.3g} µs"


def _image(figure: Figure) -> Image.Image:
    """Draw in few colours, which is enough and makes a small file."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    return Image.open(drawn).convert("RGB").quantize(_COLOURS)


def _figure(board: Board, prometheus: Prometheus, window: Window, environment: str) -> Figure:
    rows = max(panel.place["y"] + panel.place["h"] for panel in board.panels)
    height = rows * _ROW_INCHES + _HEADER_INCHES
    figure = Figure(figsize=(_WIDTH_INCHES, height), facecolor=_GROUND, dpi=_DPI)
    end = datetime.fromtimestamp(window.end, UTC)
    subtitle = f"environment {environment}, {window.minutes} minutes until {end:%Y-%m-%d %H:%M} UTC"
    figure.text(0.01, 1 - 0.38 / height, board.title, size=15, weight="bold", color=_INK)
    figure.text(0.99, 1 - 0.38 / height, subtitle, size=9, color=_FAINT, ha="right")
    for panel in board.panels:
        series = [one for query in panel.queries for one in prometheus.answer(query, window)]
        _draw_panel(_card(figure, panel, height), panel, series, window)
    return figure


def _card(figure: Figure, panel: Panel, height: float) -> Axes:
    """Make a white card where the panel is placed, and give axes over all of it, in inches."""
    column, place = _WIDTH_INCHES / _COLUMNS, panel.place
    left, width = place["x"] * column + _MARGIN_INCHES, place["w"] * column - 2 * _MARGIN_INCHES
    top = height - _HEADER_INCHES - place["y"] * _ROW_INCHES - _MARGIN_INCHES
    tall = place["h"] * _ROW_INCHES - 2 * _MARGIN_INCHES
    card = figure.add_axes((left / _WIDTH_INCHES, (top - tall) / height, width / _WIDTH_INCHES, tall / height))
    card.set(xlim=(0, width), ylim=(0, tall), xticks=[], yticks=[])
    for spine in card.spines.values():
        spine.set_color("#dcdfe3")
    card.text(0.12, tall - 0.12, panel.title, size=9.5, color=_INK, va="top")
    return card


def _draw_panel(card: Axes, panel: Panel, series: Sequence[Series], window: Window) -> None:
    if not any(math.isfinite(one.last) for one in series):
        card.text(0.5, 0.45, "nothing to show", size=10, color=_FAINT, ha="center", transform=card.transAxes)
    elif panel.kind == "stat":
        value = series[0].last
        card.text(
            0.5, 0.4, shown(value, panel.unit), size=22, weight="bold", ha="center", va="center",
            color=_colour(panel, value), transform=card.transAxes,
        )  # fmt: skip
    elif panel.kind == "bargauge":
        _draw_bars(card, panel, series)
    else:
        _draw_lines(card, panel, series, window)


def _draw_bars(card: Axes, panel: Panel, series: Sequence[Series]) -> None:
    (_, width), (_, tall) = card.get_xlim(), card.get_ylim()
    most = max(*(one.last for one in series), 1e-9)
    left, longest, room = width * 0.22, width * 0.64, (tall - 0.5) / len(series)
    for place, one in enumerate(series):
        middle = tall - 0.42 - room * (place + 0.5)
        thick = min(room * 0.6, 0.3)
        long = longest * max(one.last, 0) / most
        card.add_patch(Rectangle((left, middle - thick / 2), longest, thick, color="#eef0f2", linewidth=0))
        card.add_patch(Rectangle((left, middle - thick / 2), long, thick, color=_colour(panel, one.last), linewidth=0))
        card.text(left - 0.1, middle, one.name, size=8.5, color=_INK, ha="right", va="center")
        card.text(left + longest + 0.1, middle, shown(one.last, panel.unit), size=8.5, color=_INK, va="center")


def _draw_lines(card: Axes, panel: Panel, series: Sequence[Series], window: Window) -> None:
    kept = series if len(series) <= _MOST_SERIES else sorted(series, key=_rank, reverse=True)[:_MOST_SERIES]
    rows = _legend(card, panel, kept, hidden=len(series) - len(kept))
    bottom = 0.17 + 0.055 * rows
    axes = card.inset_axes((0.075, bottom, 0.905, 0.86 - bottom))
    lines = [[one.values.get(at, math.nan) for at in window.times] for one in kept]
    if panel.stacked:
        whole = [[0.0 if math.isnan(value) else value for value in line] for line in lines]
        axes.stackplot(window.times, whole, colors=_PALETTE, alpha=0.75, linewidth=0)
    else:
        for line, colour in zip(lines, _PALETTE, strict=False):
            axes.plot(window.times, line, color=colour, linewidth=1.5)
    _style(axes, panel, _highest(lines, stacked=panel.stacked))
    every = max(len(window.times) // 6, 1)
    ticks = window.times[every // 2 :: every]
    axes.set_xticks(ticks, [f"{datetime.fromtimestamp(at, UTC):%H:%M}" for at in ticks])
    axes.set_xlim(window.times[0], window.times[-1])


def _rank(series: Series) -> float:
    return series.last if math.isfinite(series.last) else -1.0


def _highest(lines: Iterable[Sequence[float]], *, stacked: bool) -> float:
    finite = [[value if math.isfinite(value) else 0.0 for value in line] for line in lines]
    return max(map(sum, zip(*finite, strict=True)) if stacked else map(max, finite))


def _style(axes: Axes, panel: Panel, highest: float) -> None:
    axes.set_ylim(0, highest * 1.12 or 1)
    axes.set_facecolor("none")
    axes.grid(axis="y", color="#e6e8eb", linewidth=0.8)
    axes.tick_params(length=0, pad=5, labelsize=8, labelcolor=_FAINT)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, panel.unit)))
    for spine in axes.spines.values():
        spine.set_visible(False)
    for bound, colour in panel.levels if panel.shows_levels else ():
        if math.isfinite(bound):
            axes.axhline(bound, color=_NAMED[colour], linewidth=1, linestyle=(0, (6, 4)), alpha=0.7)


def _legend(card: Axes, panel: Panel, series: Sequence[Series], *, hidden: int) -> int:
    """Name the series below their lines, in as many rows as it gives back."""
    handles = [Rectangle((0, 0), 1, 1, color=colour) for _, colour in zip(series, _PALETTE, strict=False)]
    names = [f"{one.name}  {shown(one.last, panel.unit)}" for one in series]
    if hidden:
        handles.append(Rectangle((0, 0), 1, 1, color="none"))
        names.append(f"and {hidden} more")
    card.legend(
        handles, names, loc="lower left", bbox_to_anchor=(0.01, 0), ncols=3, frameon=False, fontsize=8, labelcolor=_INK,
        handlelength=0.9, handleheight=0.7, columnspacing=1.4, labelspacing=0.3,
    )  # fmt: skip
    return math.ceil(len(names) / 3)


def _colour(panel: Panel, value: float) -> str:
    reached = [colour for bound, colour in panel.levels if value >= bound]
    return _NAMED[reached[-1]]

"""The three kinds of panel that the dashboards use, in one style, and the dashboard around them."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import TypeVar

from grafana_foundation_sdk.builders import bargauge, common, stat, timeseries
from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    FieldColor,
    QueryVariable,
    ThresholdsConfig,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueGraphMode,
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    FieldColorModeId,
    Threshold,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import QueryEditorMode

from scripts.monitor.grafana.promql import ENVIRONMENT

Panel = stat.Panel | timeseries.Panel | bargauge.Panel
_P = TypeVar("_P", stat.Panel, timeseries.Panel, bargauge.Panel)

NUMBER, SECONDS, SHARE = "short", "s", "percentunit"
COUNT = "locale"
"""With every digit: `short` makes 1.23 K of 1,234."""

EXACT = (
    "Exact: the last sample less the first of the time shown; what came before Prometheus' first sample is not in it."
)
"""Of a count in the time shown."""

_TAG = "pulsequeue"
_DATA_SOURCE = DataSourceRef("prometheus", "${datasource}")
# Grafana makes `$__rate_interval` at least four times a query's minimum step. What the endpoint shows is renewed once
# a minute: a shorter window would draw a saw instead of a rate.
_RATE_MINIMUM_STEP = "1m"


def levels(lowest: str, *steps: tuple[float, str]) -> ThresholdsConfig:
    """Colour a value by the highest bound that it reaches."""
    return ThresholdsConfig().steps([Threshold(None, lowest), *(Threshold(value, colour) for value, colour in steps)])


PLAIN = levels("blue")
_COLOUR_BY_SERIES = FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC)
NONE_WANTED = levels("green", (1, "red"))


def figure(  # noqa: PLR0913 - what a panel is
    title: str, text: str, query: str, *, unit: str = COUNT, colours: ThresholdsConfig = PLAIN, width: int = 4
) -> stat.Panel:
    """Show one number: as it is now, or for the whole time shown."""
    return (
        _described(stat.Panel(), title, text, unit, colours)
        .targets([query.instant() for query in _queries({"": query})])
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .span(width)
        .height(4)
    )


def graph(
    title: str, text: str, queries: Mapping[str, str], *, unit: str = NUMBER, colours: ThresholdsConfig | None = None
) -> timeseries.Panel:
    """Draw lines over time, each query given by the legend of its series."""
    panel = _described(timeseries.Panel(), title, text, unit, colours or PLAIN)
    if colours:
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED))
    return (
        panel.targets([query.range() for query in _queries(queries)])
        .color_scheme(_COLOUR_BY_SERIES)
        .min(0)
        .line_width(2)
        .fill_opacity(10)
        .show_points(VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)  # noqa: FBT003 - the library's own form
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.BOTTOM)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .span(12)
        .height(9)
    )


def stacked_graph(title: str, text: str, queries: Mapping[str, str]) -> timeseries.Panel:
    """Draw parts that add up to a whole."""
    return graph(title, text, queries).fill_opacity(40).stacking(common.StackingConfig().mode(StackingMode.NORMAL))


def bars(
    title: str, text: str, queries: Mapping[str, str], *, unit: str = COUNT, colours: ThresholdsConfig = PLAIN
) -> bargauge.Panel:
    """Compare what several series are now, each query given by the legend of its series."""
    return (
        _described(bargauge.Panel(), title, text, unit, colours)
        .targets([query.instant() for query in _queries(queries)])
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .min(0)
        .span(12)
        .height(9)
    )


def dashboard(name: str, title: str, text: str, panels: Sequence[Panel]) -> Dashboard:
    board = (
        Dashboard(f"PulseQueue: {title}")
        .uid(f"{_TAG}-{name}")
        .description(text)
        .tags([_TAG])
        .readonly()
        .refresh("10s")
        .time("now-30m", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_environment_variable())
        .link(_links())
    )
    for number, panel in enumerate(panels, start=1):
        board.with_panel(panel.id(number))
    return board


def _described(panel: _P, title: str, text: str, unit: str, colours: ThresholdsConfig) -> _P:
    panel.title(title).description(text).datasource(_DATA_SOURCE).unit(unit).thresholds(colours)
    return panel.no_value("nothing to show")


def _queries(expressions: Mapping[str, str]) -> list[Dataquery]:
    return [
        _query(expression).legend_format(legend).ref_id(ref_id)
        for ref_id, (legend, expression) in zip(ascii_uppercase, expressions.items(), strict=False)
    ]


def _query(expression: str) -> Dataquery:
    query = Dataquery().expr(expression).editor_mode(QueryEditorMode.CODE)
    return query.interval(_RATE_MINIMUM_STEP) if "$__rate_interval" in expression else query


def _environment_variable() -> QueryVariable:
    return (
        QueryVariable(ENVIRONMENT)
        .label("Environment")
        .datasource(_DATA_SOURCE)
        .query(f"label_values(orders_processed_total, {ENVIRONMENT})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )


def _links() -> DashboardLink:
    return (
        DashboardLink("PulseQueue")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([_TAG])
        .as_dropdown(True)  # noqa: FBT003 - the library's own form
        .include_vars(True)  # noqa: FBT003
        .keep_time(True)  # noqa: FBT003
    )

"""What the committed dashboards lack on a Prometheus."""

import math
from collections.abc import Iterable

from scripts.monitor.grafana.panel_data import Prometheus, Series, Window, boards


def without_data(prometheus_url: str, environment: str, minutes: int = 15) -> list[str]:
    """Run every panel's queries, and name each that gives no number for the last minutes."""
    prometheus, window = Prometheus(prometheus_url, environment), Window.until_now(minutes)
    return [
        f"{board.title}, {panel.title}: no data for `{query.expression}`"
        for board in boards()
        for panel in board.panels
        for query in panel.queries
        if not _numbers(prometheus.answer(query, window))
    ]


def _numbers(found: Iterable[Series]) -> list[float]:
    return [value for series in found for value in series.values.values() if math.isfinite(value)]

"""What a dashboard's panels make of counters, by the engine of Prometheus."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from scripts.local.monitoring_tools import Tools
from scripts.monitor.grafana.panel_data import boards

_MINUTES = 10
_BEFORE_AND_AFTER = {
    'customers_total{status="registered"}': (5, 8),
    'customers_total{status="erased"}': (2, 3),
    "customer_logins_total": (20, 24),
    'support_tickets_total{status="created"}': (9, 10),
    'support_tickets_total{status="resolved"}': (6, 8),
    "support_tickets_waiting": (3, 2),
    'customer_feedback_total{rating="1"}': (7, 8),
    'customer_feedback_total{rating="2"}': (7, 7),
    'customer_feedback_total{rating="3"}': (0, 0),
    'customer_feedback_total{rating="4"}': (1, 1),
    'customer_feedback_total{rating="5"}': (4, 7),
}
"""Of each series in `dev`. Those of another environment must not count."""
_SHOWN = {
    "Customers registered": 3,
    "Customers erased": 1,
    "Sign-ins": 4,
    "Tickets waiting": 2,
    "Tickets resolved": 2,
    "Average rating": (1 + 3 * 5) / 4,
    "Ratings 1": 1,
    "Ratings 2": 0,
    "Ratings 3": 0,
    "Ratings 4": 0,
    "Ratings 5": 3,
}


def _test_of(expected: Mapping[str, float], before_and_after: Mapping[str, tuple[int, int]]) -> str:
    """A test for promtool, which reads JSON as YAML."""
    (board,) = (board for board in boards() if board.name == "customers-and-support")
    expressions = {
        f"{panel.title} {query.legend}".strip(): query.filled_in("dev", _MINUTES)
        for panel in board.panels
        for query in panel.queries
        if query.instant
    }
    assert expressions.keys() == expected.keys() | _SHOWN.keys()
    series = [
        {"series": _in_environment(name, environment), "values": f"{before}x5 {after}x20"}
        for name, (before, after) in before_and_after.items()
        for environment in ("dev", "prod")
    ]
    shown = [
        {"expr": expression, "eval_time": f"{_MINUTES}m", "exp_samples": _samples(expected.get(title))}
        for title, expression in expressions.items()
    ]
    return json.dumps({"tests": [{"interval": "30s", "input_series": series, "promql_expr_test": shown}]})


def _in_environment(series: str, environment: str) -> str:
    name, _, labels = series.partition("{")
    return f'{name}{{environment="{environment}",{labels or "}"}'


def _samples(value: float | None) -> list[dict[str, object]]:
    return [] if value is None else [{"labels": "{}", "value": value}]


def _check(tools: Tools, path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    result = subprocess.run([tools.promtool, "test", "rules", path], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_customers_tickets_and_ratings_are_those_of_the_time_shown(tools: Tools, tmp_path: Path) -> None:
    _check(tools, tmp_path / "test.yml", _test_of(_SHOWN, _BEFORE_AND_AFTER))


def test_there_is_no_average_of_no_ratings(tools: Tools, tmp_path: Path) -> None:
    still = {series: (before, before) for series, (before, _) in _BEFORE_AND_AFTER.items()}
    shown = {title: 0.0 for title in _SHOWN if title != "Average rating"} | {"Tickets waiting": 3}

    _check(tools, tmp_path / "test.yml", _test_of(shown, still))

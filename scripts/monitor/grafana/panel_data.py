"""What the committed dashboards would show: their panels' queries, answered by a Prometheus as Grafana would ask it."""

import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from scripts.cli.errors import UserError
from scripts.cli.paths import DASHBOARDS
from scripts.cli.web import TIMEOUT_SECONDS, checked_url, session, unreachable
from scripts.monitor.grafana.promql import ENVIRONMENT

_STEP_SECONDS = 30
# What Grafana makes of a minimum step of a minute.
_RATE_SECONDS = 4 * 60


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    """As the legend shows it."""
    values: Mapping[float, float]
    """By time; NaN and what is missing are a gap."""

    @property
    def last(self) -> float:
        return next((value for value in reversed(list(self.values.values())) if math.isfinite(value)), math.nan)


@dataclass(frozen=True, slots=True)
class Query:
    expression: str
    legend: str
    instant: bool

    def filled_in(self, environment: str, minutes: int) -> str:
        """The expression with its variables replaced, as Grafana does for a range of so many minutes."""
        return (
            self.expression.replace(f"${ENVIRONMENT}", environment)
            .replace("$__rate_interval", f"{_RATE_SECONDS}s")
            .replace("$__range", f"{minutes * 60}s")
        )


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    kind: str
    unit: str
    place: Mapping[str, int]
    """On a grid of 24 columns: x, y, w, h."""
    levels: tuple[tuple[float, str], ...]
    shows_levels: bool
    stacked: bool
    queries: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Board:
    name: str
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """The time shown."""

    end: float
    minutes: int

    @classmethod
    def until_now(cls, minutes: int) -> "Window":
        return cls(time.time() // _STEP_SECONDS * _STEP_SECONDS, minutes)

    @property
    def start(self) -> float:
        return self.end - self.minutes * 60

    @property
    def times(self) -> list[float]:
        return [self.start + _STEP_SECONDS * step for step in range(self.minutes * 60 // _STEP_SECONDS + 1)]


class Prometheus:
    """The part of its HTTP API that panels use: https://prometheus.io/docs/prometheus/latest/querying/api/."""

    def __init__(self, url: str, environment: str) -> None:
        self._url = checked_url("the URL of Prometheus", url)
        self._environment = environment
        self._session = session(self._url)

    def answer(self, query: Query, window: Window) -> list[Series]:
        expression = query.filled_in(self._environment, window.minutes)
        if query.instant:
            found = self._get("query", {"query": expression, "time": window.end})
        else:
            times = {"start": window.start, "end": window.end, "step": _STEP_SECONDS}
            found = self._get("query_range", {"query": expression, **times})
        return [_series(one, query.legend) for one in found]

    def _get(self, path: str, parameters: Mapping[str, str | float]) -> list[dict[str, Any]]:
        try:
            response = self._session.get(f"{self._url}/api/v1/{path}", params=parameters, timeout=TIMEOUT_SECONDS)
            content = response.json()
        except requests.exceptions.JSONDecodeError as error:
            raise UserError(f"what answers at {self._url} is no Prometheus") from error
        except requests.exceptions.RequestException as error:
            raise unreachable("Prometheus", self._url, error) from error
        if content.get("status") != "success":
            raise UserError(f"Prometheus refuses `{parameters['query']}`: {content.get('error')}")
        result: list[dict[str, Any]] = content["data"]["result"]
        return result


def boards(folder: Path = DASHBOARDS) -> list[Board]:
    return [_board(path) for path in sorted(folder.glob("*.json"))]


def _board(path: Path) -> Board:
    content = json.loads(path.read_text(encoding="utf-8"))
    return Board(path.stem, content["title"], tuple(_panel(panel) for panel in content["panels"]))


def _panel(panel: dict[str, Any]) -> Panel:
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults.get("custom", {})
    return Panel(
        title=panel["title"],
        kind=panel["type"],
        unit=defaults["unit"],
        place=panel["gridPos"],
        levels=tuple(
            (-math.inf if step["value"] is None else step["value"], step["color"])
            for step in defaults["thresholds"]["steps"]
        ),
        shows_levels="thresholdsStyle" in custom,
        stacked=custom.get("stacking", {}).get("mode") == "normal",
        queries=tuple(Query(one["expr"], one["legendFormat"], one["instant"]) for one in panel["targets"]),
    )


def _series(found: dict[str, Any], legend: str) -> Series:
    labels: dict[str, str] = found["metric"]
    points = found["values"] if "values" in found else [found["value"]]
    name = re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), legend)
    return Series(name, {float(at): float(value) for at, value in points})

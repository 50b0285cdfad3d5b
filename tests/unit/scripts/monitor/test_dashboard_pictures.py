"""What panels show is asked of a Prometheus, checked, and drawn."""

import json
import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

from scripts.cli.errors import UserError
from scripts.monitor.grafana import picture
from scripts.monitor.grafana.panel_data import Prometheus, Query, Window, boards
from tests.panels import without_data

_LABELS = {"status": "success", "error_type": "none", "function_name": "order-service", "sku": "prod-001", "queue": "q"}


class FakePrometheus(ThreadingHTTPServer):
    """Answers every query with one series of `value`, but those that contain a key of `answers` with its value."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.value = "3"
        self.answers: dict[str, dict[str, Any] | str] = {}
        self.asked: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, query: str, times: list[float]) -> dict[str, Any] | str:
        for part, answer in self.answers.items():
            if part in query:
                return answer
        return {"status": "success", "data": {"result": [self._series(times)]}}

    def _series(self, times: list[float]) -> dict[str, Any]:
        points = [[at, self.value] for at in times]
        return {"metric": _LABELS} | ({"value": points[0]} if len(points) == 1 else {"values": points})


class _Handler(BaseHTTPRequestHandler):
    server: FakePrometheus

    def do_GET(self) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.server.asked.append(asked)
        times = [float(asked["time"])] if "time" in asked else [float(asked["start"]), float(asked["end"])]
        answer = self.server.answer(asked["query"], times)
        content = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    with FakePrometheus() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _no_data() -> dict[str, Any]:
    return {"status": "success", "data": {"result": []}}


def test_every_query_is_asked_with_its_variables_filled_in(prometheus: FakePrometheus) -> None:
    without_data(prometheus.url, "prod", minutes=10)

    queries = [asked["query"] for asked in prometheus.asked]
    assert len(queries) == sum(len(panel.queries) for board in boards() for panel in board.panels)
    assert not any("$" in query for query in queries)
    assert all('environment="prod"' in query for query in queries)
    assert any("[600s]" in query for query in queries)
    assert any("[240s]" in query for query in queries)


def test_the_inventory_dashboard_has_every_kind_of_panel() -> None:
    kinds = {board.name: {(panel.kind, panel.stacked) for panel in board.panels} for board in boards()}

    assert kinds["inventory"] == set().union(*kinds.values())


def test_panels_that_all_have_data_are_no_problem(prometheus: FakePrometheus) -> None:
    assert without_data(prometheus.url, "dev") == []


@pytest.mark.parametrize("value", ["NaN", "+Inf"])
def test_what_is_no_number_is_no_data(prometheus: FakePrometheus, value: str) -> None:
    prometheus.value = value

    assert len(without_data(prometheus.url, "dev")) == len(prometheus.asked)


def test_a_panel_without_data_is_named_with_its_query(prometheus: FakePrometheus) -> None:
    prometheus.answers["queue_messages"] = _no_data()

    problems = without_data(prometheus.url, "dev")

    assert [problem.split(": no data for ") for problem in problems] == [
        [
            "PulseQueue: after the sale, Fulfilment queue",
            '`sum(queue_messages{environment="$environment",queue="fulfilment-queue"})`',
        ],
        ["PulseQueue: queues and dead letters, Messages waiting", '`sum(queue_messages{environment="$environment"})`'],
        [
            "PulseQueue: queues and dead letters, Messages waiting by queue",
            '`sum by (queue) (queue_messages{environment="$environment"})`',
        ],
    ]


def test_a_query_that_prometheus_refuses_is_named_with_why(prometheus: FakePrometheus) -> None:
    prometheus.answers["time() - max"] = {"status": "error", "error": "parse error"}

    with pytest.raises(UserError, match=r"refuses `.*time\(\) - max.*`: parse error"):
        without_data(prometheus.url, "dev")


def test_a_legend_takes_labels_of_its_series(prometheus: FakePrometheus) -> None:
    query = Query("up", "{{function_name}} {{status}} {{nothing}}!", instant=True)

    (series,) = Prometheus(prometheus.url, "dev").answer(query, Window(1000.0, 5))

    assert series.name == "order-service success !"
    assert series.values == {1000.0: 3.0}


@pytest.mark.parametrize("kind", ["with data", "without", "of several series"])
def test_a_dashboard_is_drawn_in_a_small_file(
    prometheus: FakePrometheus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    # One that has every kind of panel.
    monkeypatch.setattr(picture, "boards", lambda: [board for board in boards() if board.name == "inventory"])
    if kind == "without":
        prometheus.answers[""] = _no_data()
    elif kind == "of several series":
        series = [
            {"metric": {"sku": str(place)}, "values": [[0, "1"]], "value": [0, str(place)]} for place in range(12)
        ]
        prometheus.answers["sku"] = {"status": "success", "data": {"result": series}}

    picture.draw(prometheus.url, "dev", tmp_path, minutes=5)

    (path,) = tmp_path.iterdir()
    assert path.name == "dashboard-inventory.png"
    assert path.stat().st_size < 300_000
    with Image.open(path) as image:
        assert image.width == 1400
        assert len(image.convert("RGB").getcolors() or []) > 10


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1234.0, "locale", "1,234"),
        (1234.0, "short", "1.23 K"),
        (0.5, "short", "0.5"),
        (0.051, "percentunit", "5.1%"),
        (0.0, "s", "0 s"),
        (0.00025, "s", "250 µs"),
        (0.25, "s", "250 ms"),
        (12.0, "s", "12 s"),
        (90.0, "s", "1.5 min"),
        (7200.0, "s", "2 h"),
        (129600.0, "s", "1.5 d"),
        (math.nan, "s", "-"),
    ],
)
def test_numbers_are_written_in_their_unit(value: float, unit: str, text: str) -> None:
    assert picture.shown(value, unit) == text


def test_a_server_that_is_no_prometheus_is_explained(prometheus: FakePrometheus, tmp_path: Path) -> None:
    prometheus.answers[""] = "<html>"

    with pytest.raises(UserError, match="is no Prometheus"):
        picture.draw(prometheus.url, "dev", tmp_path, minutes=5)


def test_an_unreachable_prometheus_is_explained(prometheus: FakePrometheus) -> None:
    url = prometheus.url
    prometheus.server_close()

    with pytest.raises(UserError, match=f"Prometheus cannot be reached at {url}"):
        without_data(url, "dev")


def test_a_bad_url_of_prometheus_is_explained() -> None:
    with pytest.raises(UserError, match="the URL of Prometheus is 'localhost:9090'"):
        without_data("localhost:9090", "dev")


def _distance(one: str, other: str) -> float:
    """Between two colours such as `#3274d9`, of 441 between black and white."""
    return math.dist(bytes.fromhex(one[1:]), bytes.fromhex(other[1:]))


def test_no_two_series_and_no_series_and_bound_look_alike() -> None:
    bounds = [picture._NAMED[name] for name in ("green", "orange", "red")]  # noqa: SLF001
    colours = [*picture._PALETTE, *bounds]  # noqa: SLF001

    pairs = [(one, other) for one, other in combinations(colours, 2) if _distance(one, other) < 60]
    assert pairs == []
    assert len(picture._PALETTE) >= picture._MOST_SERIES  # noqa: SLF001

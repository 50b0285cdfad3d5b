"""The dashboards: built from the declarations, committed as built, and their queries sound."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.cli.errors import UserError
from scripts.cli.paths import DASHBOARDS
from scripts.monitor.grafana import dashboards, promql
from services.libs.observability.metrics import DECLARATIONS

_PROVISIONING = DASHBOARDS.parent / "provisioning"
_BUILT = {name: json.loads(text) for name, text in dashboards.build().items()}
_PANELS = [panel for board in _BUILT.values() for panel in board["panels"]]
_QUERIES = [query["expr"] for panel in _PANELS for query in panel["targets"]]

each_dashboard = pytest.mark.parametrize("board", _BUILT.values(), ids=_BUILT)

# What is left of an expression without its selectors, groupings, ranges and functions are names of series.
_SELECTOR = re.compile(r"(?P<name>[a-z_][a-z0-9_]*)\{(?P<matchers>[^}]*)\}")
_MATCHER = re.compile(r'(?P<label>\w+)(?:=~|!~|!=|=)"[^"]*"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right) ?\((?P<labels>[^)]*)\)")
_RANGE = re.compile(r"\[[^\]]*\]")
_FUNCTION = re.compile(r"\b[a-z_]+ *(?=\()")
_OPERATOR = re.compile(r"\b(?:and|or|unless|bool|offset)\b")


def _series(expression: str) -> dict[str, set[str]]:
    """Every series that an expression names, with the labels that its selectors name."""
    found: dict[str, set[str]] = {}
    for selector in _SELECTOR.finditer(expression):
        labels = {matcher["label"] for matcher in _MATCHER.finditer(selector["matchers"])}
        found.setdefault(selector["name"], set()).update(labels)
    rest = expression
    for pattern in (_SELECTOR, _RANGE, _GROUPING, _FUNCTION, _OPERATOR):
        rest = pattern.sub(" ", rest)
    return found | {name: set() for name in re.findall(r"[a-z_][a-z0-9_]*", rest)}


def _grouping_labels(expression: str) -> set[str]:
    return {label for grouping in _GROUPING.finditer(expression) for label in re.findall(r"\w+", grouping["labels"])}


def _declared_labels(name: str) -> set[str]:
    labels = {"environment", *promql.declaration(name).labels}
    return labels | {"le"} if name.endswith("_bucket") else labels


def test_the_parser_finds_series_labels_and_groupings() -> None:
    expression = (
        'sum by (le) (rate(a_bucket{x="1",y!="2"}[$__rate_interval])) / on () group_left () (bare > 0) or vector(0)'
    )

    assert _series(expression) == {"a_bucket": {"x", "y"}, "bare": set()}
    assert _grouping_labels(expression) == {"le"}


def test_committed_dashboards_are_what_the_code_builds() -> None:
    assert dashboards.stale() == {}


def test_every_declared_metric_is_on_a_dashboard() -> None:
    shown = {id(promql.declaration(name)) for query in _QUERIES for name in _series(query)}

    assert [name for name, declared in DECLARATIONS.items() if id(declared) not in shown] == []


@each_dashboard
def test_every_query_uses_declared_metrics_and_labels_of_the_chosen_environment(board: dict[str, Any]) -> None:
    for query in (query["expr"] for panel in board["panels"] for query in panel["targets"]):
        series = _series(query)

        for name, labels in series.items():
            assert labels <= _declared_labels(name), query
        assert _grouping_labels(query) <= set().union(*(_declared_labels(name) for name in series)), query
        assert query.count('environment="$environment"') == len(_SELECTOR.findall(query)), query
        assert all("environment" in labels for labels in series.values()), query


@each_dashboard
def test_every_panel_explains_itself_and_has_a_unit(board: dict[str, Any]) -> None:
    for panel in board["panels"]:
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in {"short", "locale", "s", "percentunit"}, panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@each_dashboard
def test_no_rate_is_taken_over_less_than_the_endpoint_needs_to_renew_its_figures(board: dict[str, Any]) -> None:
    for query in (query for panel in board["panels"] for query in panel["targets"]):
        ranges = re.findall(r"\brate\([^\[\]]*\[([^\]]*)\]", query["expr"])

        assert set(ranges) <= {"$__rate_interval"}
        assert not ranges or query["interval"] == "1m"


@each_dashboard
def test_a_panel_with_increase_says_that_it_extrapolates(board: dict[str, Any]) -> None:
    for panel in board["panels"]:
        if any("increase(" in query["expr"] for query in panel["targets"]):
            assert "extrapolate" in panel["description"]


@each_dashboard
def test_every_dashboard_refreshes_and_lets_its_environment_be_chosen(board: dict[str, Any]) -> None:
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}

    assert board["refresh"] == "10s"
    assert board["uid"].startswith("pulsequeue-")
    assert variables["datasource"]["query"] == "prometheus"
    assert variables["environment"]["query"] == "label_values(orders_processed_total, environment)"


@each_dashboard
def test_panels_of_a_dashboard_have_their_own_ids_and_do_not_overlap(board: dict[str, Any]) -> None:
    places = [panel["gridPos"] for panel in board["panels"]]
    cells = [
        (x, y) for at in places for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
    ]

    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_no_two_dashboards_share_a_uid_or_title() -> None:
    assert len({board["uid"] for board in _BUILT.values()}) == len(_BUILT)
    assert len({board["title"] for board in _BUILT.values()}) == len(_BUILT)


@pytest.mark.parametrize("labels", [{"colour": "red"}, {"status": "maybe"}])
def test_a_series_that_is_not_declared_cannot_be_built(labels: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="orders_processed_total is not declared with"):
        promql.series("orders_processed_total", **labels)


@pytest.mark.parametrize(
    "name", ["orders_total", "orders_processed_total_bucket", "lambda_request_duration_seconds_max"]
)
def test_a_metric_that_is_not_declared_cannot_be_built(name: str) -> None:
    with pytest.raises(KeyError):
        promql.series(name)


def test_writing_dashboards_says_what_changed_and_removes_what_is_no_dashboard_any_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dashboards.write(tmp_path)
    (tmp_path / "queues.json").write_text("{}")
    (tmp_path / "old.json").write_text("{}")
    (tmp_path / "payments.json").unlink()
    capsys.readouterr()

    with pytest.raises(UserError, match=r"old\.json \(removed\), payments\.json \(new\), queues\.json \(changed\)"):
        dashboards.check(tmp_path)
    dashboards.write(tmp_path)

    said = capsys.readouterr().out
    assert "queues.json: changed" in said
    assert "3 of 8 dashboards changed" in said
    assert dashboards.stale(tmp_path) == {}


def test_provisioning_takes_prometheus_from_the_environment_and_scrapes_as_dashboards_expect() -> None:
    (source,) = yaml.safe_load((_PROVISIONING / "datasources" / "prometheus.yml").read_text())["datasources"]

    assert source["type"] == "prometheus"
    assert source["url"] == "$PROMETHEUS_URL"
    assert source["jsonData"]["timeInterval"] == "30s"


def test_provisioned_dashboards_cannot_be_edited_away() -> None:
    (provider,) = yaml.safe_load((_PROVISIONING / "dashboards" / "pulsequeue.yml").read_text())["providers"]

    assert provider["allowUiUpdates"] is False
    assert provider["options"]["path"] == "/etc/grafana/dashboards"


@pytest.mark.parametrize("panel", _PANELS, ids=lambda panel: panel["title"])
def test_each_series_of_a_graph_has_a_colour_of_its_own(panel: dict[str, Any]) -> None:
    color = panel["fieldConfig"]["defaults"].get("color")

    # Without a mode of its own a graph may colour its series by the bounds, several of them alike.
    assert color == ({"mode": "palette-classic"} if panel["type"] == "timeseries" else None)

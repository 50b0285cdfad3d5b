"""What promtool cannot know: that rules speak of metrics that exist, and that every alert is tested and explained."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import Histogram

from scripts.cli.paths import REPO_ROOT
from scripts.monitor.grafana.promql import values_of
from services.libs.observability.metrics import DECLARATIONS, Declaration
from tests.unit.monitoring.rules import Selector, grouping_labels, rule_tests, rules, selectors

TARGET_LABELS = {"environment", "instance", "job"}
RECORDED = {rule["record"] for rule in rules("record")}
ALERTS = {rule["alert"]: rule for rule in rules("alert")}
QUERIES = [rule["expr"] for rule in (*rules("record"), *rules("alert"))]
TESTS = rule_tests()


def declaration(name: str) -> tuple[Declaration, set[str]] | None:
    """Find a series' declaration and its labels; a histogram is three series."""
    if declared := DECLARATIONS.get(name):
        return None if isinstance(declared.metric, Histogram) else (declared, set(declared.labels))
    base, _, part = name.rpartition("_")
    declared = DECLARATIONS.get(base)
    if declared and isinstance(declared.metric, Histogram) and part in {"bucket", "count", "sum"}:
        return declared, {*declared.labels, *(["le"] if part == "bucket" else [])}
    return None


def problems(selector: Selector) -> Iterator[str]:
    if selector.metric in RECORDED:
        levels = selector.metric.partition(":")[0]
        yield from (f"{selector} has no label {label}" for label, _, _ in selector.matchers if label not in levels)
        return
    if selector.metric == "up":
        return
    found = declaration(selector.metric)
    if not found:
        yield f"no metric {selector.metric} is declared"
        return
    declared, labels = found
    for label, operator, value in selector.matchers:
        if label not in labels | TARGET_LABELS:
            yield f"{selector.metric} has no label {label}"
        elif operator in {"=", "!="} and declared.own_label_sets and label in declared.labels:
            never = value not in values_of(declared, label)
            yield from [f"{label} of {selector.metric} is never {value}"] if never else []


@pytest.mark.parametrize("query", QUERIES)
def test_rules_name_only_metrics_and_labels_that_are_declared(query: str) -> None:
    found = list(selectors(query))
    known = {label for one in found if (it := declaration(one.metric)) for label in it[1]}
    recorded = {label for one in found if one.metric in RECORDED for label in ("environment", "function_name", "sku")}

    assert found
    assert [problem for one in found for problem in problems(one)] == []
    assert grouping_labels(query) <= known | recorded | TARGET_LABELS


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("sum(rate(orders_total[5m]))", "no metric orders_total is declared"),
        ('orders_processed_total{state="error"}', "orders_processed_total has no label state"),
        ('orders_processed_total{status="failure"}', "status of orders_processed_total is never failure"),
        ("order_processing_duration_seconds", "no metric order_processing_duration_seconds is declared"),
        ("stock_quantity_bucket and on (sku) stock_reserved", "no metric stock_quantity_bucket is declared"),
    ],
)
def test_a_wrong_name_is_noticed(query: str, problem: str) -> None:
    assert [text for selector in selectors(query) for text in problems(selector)] == [problem]


@pytest.mark.parametrize("series", [one["series"] for test in TESTS for one in test["input_series"]])
def test_rule_tests_feed_only_series_that_exist(series: str) -> None:
    (selector,) = selectors(series)

    assert list(problems(selector)) == []


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not(alert: str) -> None:
    cases = [case for test in TESTS for case in test.get("alert_rule_test", []) if case["alertname"] == alert]

    assert any(case["exp_alerts"] for case in cases)
    assert any(not case["exp_alerts"] for case in cases)


def test_each_recorded_series_has_a_test() -> None:
    tested = {
        selector.metric
        for test in TESTS
        for case in test.get("promql_expr_test", [])
        for selector in selectors(case["expr"])
    }

    assert tested == RECORDED


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_says_how_bad_it_is_and_has_an_entry_in_the_runbook(alert: str) -> None:
    rule: dict[str, Any] = ALERTS[alert]
    headings = re.findall(r"^#+ (\S+)$", (REPO_ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)

    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["for"]
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{alert.lower()}"
    assert alert in headings

"""The rule files as data, and what a query selects."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.cli.paths import MONITORING_SOURCE

PROMETHEUS = MONITORING_SOURCE / "prometheus"
ALERTMANAGER = MONITORING_SOURCE / "alertmanager"

_STRING = r'"(?:[^"\\]|\\.)*"'
_MATCHER = re.compile(rf"(\w+)\s*(=~|!~|!=|=)\s*({_STRING})")
_SELECTOR = re.compile(rf"\b([a-zA-Z_:][\w:]*)\s*(\{{(?:{_STRING}|[^}}])*\}})?")
_GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_WORDS = frozenset({"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring"})


@dataclass(frozen=True)
class Selector:
    metric: str
    matchers: tuple[tuple[str, str, str], ...]
    """Label, operator, value."""


def load(path: Path) -> Any:  # noqa: ANN401 - YAML may be anything
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rules(kind: str) -> list[dict[str, Any]]:
    """All rules of a kind: alert or record."""
    files = sorted((PROMETHEUS / "rules").glob("*.yml"))
    return [rule for file in files for group in load(file)["groups"] for rule in group["rules"] if kind in rule]


def rule_tests() -> list[dict[str, Any]]:
    return [test for file in sorted((PROMETHEUS / "tests").glob("*.yml")) for test in load(file)["tests"]]


def grouping_labels(query: str) -> set[str]:
    return {label.strip() for _, labels in _GROUPING.findall(query) for label in labels.split(",") if label.strip()}


def selectors(query: str) -> Iterator[Selector]:
    """Everything that is read: each name that is no function, word, grouping label, matcher or duration."""
    rest = re.sub(r"\[[^\]]*\]", "", _GROUPING.sub("", query))
    for match in _SELECTOR.finditer(rest):
        name, braces = match.groups()
        is_function = rest[match.end() :].lstrip().startswith("(") and not braces
        if name in _WORDS or is_function:
            continue
        matchers = _MATCHER.findall(braces or "")
        yield Selector(name, tuple((label, operator, value.strip('"')) for label, operator, value in matchers))

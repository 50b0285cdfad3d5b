"""Read EMF, as CloudWatch does: lines of a function's log become metrics. MiniStack keeps them as text.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
A document that is not valid is a line of the log and nothing else, as on AWS.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_MOST_METRICS = 100
_MOST_DIMENSIONS = 30


@dataclass(frozen=True)
class DataPoint:
    namespace: str
    name: str
    dimensions: Mapping[str, str]
    timestamp_seconds: float
    values: tuple[float, ...]


def data_points(log_text: str) -> Iterator[DataPoint]:
    """Yield the values of every valid document; a document is one line."""
    for line in log_text.splitlines():
        if '"_aws"' in line:
            try:
                yield from list(_document_points(json.loads(line)))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue


def _document_points(document: Mapping[str, Any]) -> Iterator[DataPoint]:
    timestamp = int(document["_aws"]["Timestamp"]) / 1000
    for directive in document["_aws"]["CloudWatchMetrics"]:
        metrics = directive["Metrics"]
        if len(metrics) > _MOST_METRICS:
            raise ValueError("too many metrics")
        for names in directive["Dimensions"]:
            dimensions = {name: _text(document[name]) for name in names}
            if len(dimensions) > _MOST_DIMENSIONS:
                raise ValueError("too many dimensions")
            for metric in metrics:
                values = _numbers(document[metric["Name"]])
                yield DataPoint(_text(directive["Namespace"]), metric["Name"], dimensions, timestamp, values)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _numbers(value: object) -> tuple[float, ...]:
    values = value if isinstance(value, list) else [value]
    are_numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)
    if not are_numbers or not 0 < len(values) <= _MOST_METRICS:
        raise ValueError("not a number, nor 1 to 100 of them")
    return tuple(map(float, values))


def add_to_minute(points: list[dict[str, Any]], point: DataPoint, period_seconds: int = 60) -> None:
    """Add to a metric's stored points. There is one point per minute: MiniStack reads all points on every request."""
    minute = point.timestamp_seconds // period_seconds * period_seconds
    stored = next((one for one in reversed(points) if one["Timestamp"] == minute and "_stat" in one), None)
    if stored is None:
        stored = {"Timestamp": minute, "Unit": "None", "Dimensions": dict(point.dimensions), "Value": 0.0}
        stored["_stat"] = {"SampleCount": 0.0, "Sum": 0.0, "Minimum": float("inf"), "Maximum": float("-inf")}
        points.append(stored)
    statistics = stored["_stat"]
    statistics["SampleCount"] += len(point.values)
    statistics["Sum"] += sum(point.values)
    statistics["Minimum"] = min(statistics["Minimum"], *point.values)
    statistics["Maximum"] = max(statistics["Maximum"], *point.values)

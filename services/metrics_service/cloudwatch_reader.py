"""Reads the sums of every declared series from CloudWatch, whole or not at all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from services.libs.observability.embedded_metrics import ENVIRONMENT_DIMENSION, cloudwatch_names
from services.libs.observability.metrics import DECLARATIONS, NAMESPACE, QUEUE_OLDEST_MESSAGE_AGE, Source
from services.metrics_service.domain import MINUTE_SECONDS, MinuteSums
from services.shared.counters import counter
from services.shared.faults import DependencyError, SecondsLeft

if TYPE_CHECKING:
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef, MetricDataResultTypeDef

CALL_SECONDS = 6
"""The longest that a call takes, by the timeouts of the client. With less time left no call is started."""
_MAX_QUERIES_PER_CALL = 500


@dataclass(frozen=True, slots=True)
class _Metric:
    series: str
    """Our name of it."""
    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str


class CloudWatchReader:
    """`functions` are the deployed ones; `queues` has their names in AWS, by the value of the label `queue`."""

    def __init__(
        self, client: "CloudWatchClient", environment: str, functions: Sequence[str], queues: Mapping[str, str]
    ) -> None:
        self._client = client
        self._sums = [
            _Metric(counter(name, **labels), NAMESPACE, name, {ENVIRONMENT_DIMENSION: environment, **labels}, "Sum")
            for name, labels in declared_sums(functions)
        ]
        self._ages = [
            _Metric(label, "AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": name}, "Maximum")
            for label, name in queues.items()
        ]

    def sums(self, since: datetime, until: datetime, seconds_left: SecondsLeft) -> dict[str, MinuteSums]:
        """What each minute added, by series; a series without a value is left out. Raises DependencyError."""
        return self._read(self._sums, since, until, seconds_left)

    def oldest_message_ages(self, since: datetime, until: datetime, seconds_left: SecondsLeft) -> dict[str, float]:
        """Seconds by queue, at the end of the time; 0 if SQS published none, as for an empty queue."""
        found = self._read(self._ages, since, until, seconds_left)
        return {metric.series: 0.0 for metric in self._ages} | {queue: ages[max(ages)] for queue, ages in found.items()}

    def _read(
        self, metrics: Sequence[_Metric], since: datetime, until: datetime, seconds_left: SecondsLeft
    ) -> dict[str, MinuteSums]:
        found: dict[str, dict[int, float]] = {}
        for start in range(0, len(metrics), _MAX_QUERIES_PER_CALL):
            batch = {
                f"q{number}": metric for number, metric in enumerate(metrics[start : start + _MAX_QUERIES_PER_CALL])
            }
            # A series that is PartialData at first is completed on a later page, so its last status counts.
            statuses = dict.fromkeys(batch, "nothing")
            for result in self._results(batch, since, until, seconds_left):
                statuses[result["Id"]] = result["StatusCode"]
                minutes = found.setdefault(batch[result["Id"]].series, {})
                for time, value in zip(result["Timestamps"], result["Values"], strict=True):
                    minutes[int(time.timestamp())] = value
            if incomplete := set(statuses.values()) - {"Complete"}:
                raise DependencyError(f"CloudWatch answered {', '.join(sorted(incomplete))}")
        return {series: minutes for series, minutes in found.items() if minutes}

    def _results(
        self, metrics: Mapping[str, _Metric], since: datetime, until: datetime, seconds_left: SecondsLeft
    ) -> "Iterator[MetricDataResultTypeDef]":
        _check_time(seconds_left)
        pages = self._client.get_paginator("get_metric_data").paginate(
            MetricDataQueries=[_query(query_id, metric) for query_id, metric in metrics.items()],
            StartTime=since,
            EndTime=until,
            ScanBy="TimestampAscending",
        )
        for page in pages:
            yield from page["MetricDataResults"]
            if page.get("NextToken"):
                _check_time(seconds_left)


def _check_time(seconds_left: SecondsLeft) -> None:
    if seconds_left() < CALL_SECONDS:
        raise DependencyError("too little time is left to ask CloudWatch")


def _query(query_id: str, metric: _Metric) -> "MetricDataQueryTypeDef":
    return {
        "Id": query_id,
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions.items()],
            },
            "Period": MINUTE_SECONDS,
            "Stat": metric.statistic,
        },
    }


def declared_sums(functions: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the name and the labels of each metric that these functions may write."""
    for declaration in DECLARATIONS.values():
        if declaration.source is Source.CLOUDWATCH and declaration.metric is not QUEUE_OLDEST_MESSAGE_AGE:
            for values in declaration.label_sets(functions):
                labels = dict(zip(declaration.labels, values, strict=True))
                yield from ((name, labels) for name in cloudwatch_names(declaration))

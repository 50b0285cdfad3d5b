"""Write a function's metrics as EMF: log lines that CloudWatch turns into metrics, without an API call.

Every sample of a counter or a histogram is a sum, so it becomes a metric of which only the Sum is read. Each bucket of
a histogram is a metric of its own. It counts the observations between its bound and the one below; the reader adds them
up. So an observation writes three values, and not one per bucket above it: CloudWatch bills by the byte. The format:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry

from services.libs.observability.metrics import NAMESPACE, REGISTRY, Declaration

ENVIRONMENT_DIMENSION = "environment"

_Labels = tuple[tuple[str, str], ...]


def bucket_name(histogram: str, upper_bound: float) -> str:
    """Such as `lambda_request_duration_seconds_bucket_le_0_1`, or `…_le_1814400_0` for 21 days."""
    return f"{histogram}_bucket_le_{str(upper_bound).replace('.', '_')}"


def cloudwatch_names(declaration: Declaration) -> tuple[str, ...]:
    """The names in CloudWatch that hold one series of a counter or histogram."""
    (family,) = declaration.metric.describe()
    if family.type == "counter":
        return (f"{family.name}_total",)
    buckets = (bucket_name(family.name, bound) for bound in declaration.buckets)
    return (*buckets, f"{family.name}_count", f"{family.name}_sum")


class EmbeddedMetrics:
    def __init__(
        self,
        environment: str,
        registry: CollectorRegistry = REGISTRY,
        write: Callable[[str], object] = print,
    ) -> None:
        self._environment = environment
        self._registry = registry
        self._write = write
        self._written: dict[tuple[str, _Labels], float] = {}

    def flush(self) -> None:
        """Write the changes since the last flush, one document per set of labels."""
        changes: dict[_Labels, dict[str, float]] = {}
        for name, labels, value in _samples(self._registry):
            # Every observation is a whole number of milliseconds; the difference of two sums of floats is not.
            added = round(value - self._written.get((name, labels), 0), 3)
            if added:
                changes.setdefault(labels, {})[name] = added
                self._written[name, labels] = value
        for labels, values in changes.items():
            self._write(json.dumps(self._document(dict(labels), values), separators=(",", ":")))

    def _document(self, labels: Mapping[str, str], values: Mapping[str, float]) -> dict[str, object]:
        dimensions = {ENVIRONMENT_DIMENSION: self._environment, **labels}
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [list(dimensions)],
            "Metrics": [{"Name": name} for name in values],
        }
        description = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
        return {"_aws": description, **dimensions, **values}


def _samples(registry: CollectorRegistry) -> Iterator[tuple[str, _Labels, float]]:
    """Every sum under its name in CloudWatch. The bucket +Inf is left out: it follows from the count."""
    for family in registry.collect():
        if family.type not in ("counter", "histogram"):
            continue
        below = 0.0
        for sample in family.samples:
            labels = dict(sample.labels)
            bound = labels.pop("le", None)
            if bound is None and not sample.name.endswith("_created"):
                yield sample.name, tuple(labels.items()), sample.value
            elif bound == "+Inf":
                below = 0.0
            elif bound:
                yield bucket_name(family.name, float(bound)), tuple(labels.items()), sample.value - below
                below = sample.value

"""The page that Prometheus reads: every declared metric with its values, in the form that the reader asks for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder

from services.libs.observability.embedded_metrics import bucket_name
from services.libs.observability.metrics import DECLARATIONS, Declaration, bound_label
from services.shared.counters import counter

# The versions that an Accept header may name, by media type. A wildcard gets plain text.
_VERSIONS = {
    "application/openmetrics-text": ("", "1.0.0"),
    "text/plain": ("", "0.0.4", "1.0.0"),
    "text/*": ("",),
    "*/*": ("",),
}


@dataclass(frozen=True, slots=True)
class Values:
    sums: Mapping[str, float] = field(default_factory=dict)
    """Of counters and of the parts of histograms, by series; one that is missing is 0."""
    gauges: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By metric, and by the value of its only label; the value is empty if it has no label."""


class Page:
    """The metrics of a page, in the form of a registry of `prometheus_client`. `functions` are the deployed ones."""

    def __init__(self, values: Values, functions: Sequence[str]) -> None:
        self._values = values
        self._functions = functions

    def render(self, accept: str) -> tuple[str, str]:
        """Return the content type that suits an Accept header best, and the text."""
        encode, content_type = choose_encoder(_preferred(accept))
        return content_type, encode(self).decode()

    def collect(self) -> Iterator[Metric]:
        for name, declaration in DECLARATIONS.items():
            (family,) = declaration.metric.describe()
            collect = {"counter": self._counter, "histogram": self._histogram, "gauge": self._gauge}[family.type]
            yield collect(name, family.documentation, declaration)

    def _counter(self, name: str, text: str, declaration: Declaration) -> Metric:
        family = CounterMetricFamily(name, text, labels=declaration.labels)
        for values, labels in self._label_sets(declaration):
            family.add_metric(values, self._sum(name, labels))
        return family

    def _histogram(self, name: str, text: str, declaration: Declaration) -> Metric:
        family = HistogramMetricFamily(name, text, labels=declaration.labels)
        for values, labels in self._label_sets(declaration):
            inside = (self._sum(bucket_name(name, bound), labels) for bound in declaration.buckets)
            bounds = (bound_label(bound) for bound in declaration.buckets)
            buckets = list(zip(bounds, accumulate(inside), strict=True))
            # Buckets and count reach CloudWatch separately. Neither ever falls, so the larger of them does not.
            buckets.append(("+Inf", max(self._sum(f"{name}_count", labels), buckets[-1][1])))
            family.add_metric(values, buckets, self._sum(f"{name}_sum", labels))
        return family

    def _gauge(self, name: str, text: str, declaration: Declaration) -> Metric:
        family = GaugeMetricFamily(name, text, labels=declaration.labels)
        for label, value in self._values.gauges.get(name, {}).items():
            family.add_metric([label] if declaration.labels else [], value)
        return family

    def _label_sets(self, declaration: Declaration) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
        for values in declaration.label_sets(self._functions):
            yield values, dict(zip(declaration.labels, values, strict=True))

    def _sum(self, name: str, labels: Mapping[str, str]) -> float:
        return self._values.sums.get(counter(name, **labels), 0)


def _preferred(accept: str) -> str:
    """The media range with the most weight of those that we can serve: `choose_encoder` takes the first it knows."""
    weights: dict[str, float] = {}
    for accepted in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in accepted.split(";"))
        values = dict(one.partition("=")[::2] for one in parameters)
        weight = _weight(values.get("q", "1"))
        if weight > 0 and values.get("version", "") in _VERSIONS.get(kind, ()):
            weights[accepted] = weight
    return max(weights, key=weights.__getitem__, default="")


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0

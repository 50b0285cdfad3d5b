"""PromQL over the declared metrics: what is not declared is found while the dashboards are built.

Counts are the last sample less the first, so exact: `increase()` would extrapolate to the ends of the range.
"""

from prometheus_client import Histogram

from scripts.lambdas_config import LAMBDAS
from services.libs.observability.metrics import DECLARATIONS, Declaration, bound_label

ENVIRONMENT = "environment"
"""The label that Prometheus puts on the target, and the dashboards' variable that picks its value."""
_IN_ENVIRONMENT = f'{ENVIRONMENT}="${ENVIRONMENT}"'
_HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")


def declaration(name: str) -> Declaration:
    """Find the metric that a series belongs to: those of a histogram have a suffix."""
    for part in _HISTOGRAM_PARTS:
        histogram = DECLARATIONS.get(name.removesuffix(part))
        if histogram and name.endswith(part) and isinstance(histogram.metric, Histogram):
            return histogram
    return DECLARATIONS[name]


def series(name: str, **labels: str | tuple[str, ...]) -> str:
    """Select a metric's series, by one value or several of a label, in the environment that the dashboard shows."""
    declared = declaration(name)
    chosen = {label: value if isinstance(value, tuple) else (value,) for label, value in labels.items()}
    for label, values in chosen.items():
        if label not in declared.labels or not set(values) <= (values_of(declared, label) or set(values)):
            raise ValueError(f"{name} is not declared with {label}={labels[label]!r}")
    return _selector(name, *(_matcher(label, values) for label, values in chosen.items()))


def _matcher(label: str, values: tuple[str, ...]) -> str:
    return f'{label}="{values[0]}"' if len(values) == 1 else f'{label}=~"{"|".join(values)}"'


def values_of(declared: Declaration, label: str) -> set[str]:
    """Empty if only run time knows them, as it does queues."""
    place = declared.labels.index(label)
    return {values[place] for values in declared.label_sets(config.function for config in LAMBDAS)}


def rate(counter: str, *by: str) -> str:
    """Give the mean of each second, over some minutes."""
    return f"sum{_by(by)}(rate({counter}[$__rate_interval]))"


def per_minute(counter: str, *by: str) -> str:
    return f"{rate(counter, *by)} * 60"


def count(counter: str, *by: str) -> str:
    """Count what happened in the time shown."""
    return f"sum{_by(by)}(max_over_time({counter}[$__range]) - min_over_time({counter}[$__range]))"


def share(part: str, whole: str) -> str:
    """Divide, and give nothing where nothing happened, for 0/0 is no number."""
    return f"{part} / ({whole} > 0)"


def rate_share(part: str, whole: str, *by: str) -> str:
    return share(rate(part, *by), rate(whole, *by))


def quantile(fraction: float, histogram: str, *by: str) -> str:
    """Estimate it within the bucket that it lies in; it gives NaN, a gap in a graph, where nothing happened."""
    return f"histogram_quantile({fraction}, {rate(series(f'{histogram}_bucket'), 'le', *by)})"


def quantile_in_range(fraction: float, histogram: str, *by: str) -> str:
    """Estimate it for the whole time shown; it gives nothing where nothing happened."""
    return f"histogram_quantile({fraction}, {count(series(f'{histogram}_bucket'), 'le', *by)}) >= 0"


def mean(histogram: str, *by: str) -> str:
    return rate_share(series(f"{histogram}_sum"), series(f"{histogram}_count"), *by)


def within(histogram: str) -> dict[str, str]:
    """Give the share of what took no longer than each bucket's bound, by that bound."""
    whole = count(series(f"{histogram}_count"))
    buckets = {
        bound: _selector(f"{histogram}_bucket", f'le="{bound_label(bound)}"')
        for bound in declaration(f"{histogram}_bucket").buckets
    }
    return {f"within {_time(bound)}": share(count(bucket), whole) for bound, bucket in buckets.items()}


def _time(seconds: float) -> str:
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:g} {name}"
    return f"{seconds:g} s"


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)}) " if labels else ""


def _selector(name: str, *matchers: str) -> str:
    return f"{name}{{{','.join([_IN_ENVIRONMENT, *matchers])}}}"

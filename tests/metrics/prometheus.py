"""What Prometheus recorded, sample by sample: no extrapolation, no interpolation."""

import requests

from services.libs.observability.metrics import DECLARATIONS

JOBS = ("pulsequeue", "pulsequeue-again")
_ALL = "24h"

Labels = tuple[tuple[str, str], ...]
Recorded = dict[Labels, list[float]]
"""The values of each series in the order of time; its labels with its name, without those that Prometheus adds."""

_ADDED = {"environment", "instance", "job"}


class Prometheus:
    def __init__(self, url: str) -> None:
        self.url = url

    def recorded(self, selector: str, job: str) -> Recorded:
        """Every sample of the series that one job scraped."""
        labels = f'job="{job}"'
        name, _, matchers = selector.partition("{")
        matchers = ",".join(filter(None, [matchers.removesuffix("}"), labels]))
        parameters = {"query": f"{name}{{{matchers}}}[{_ALL}]"}
        response = requests.get(f"{self.url}/api/v1/query", parameters, timeout=30).json()
        assert response["status"] == "success", response
        return {
            tuple(sorted((label, value) for label, value in series["metric"].items() if label not in _ADDED)): [
                float(value) for _, value in series["values"]
            ]
            for series in response["data"]["result"]
        }

    def latest(self, selector: str, job: str) -> dict[Labels, float]:
        return {labels: values[-1] for labels, values in self.recorded(selector, job).items()}

    def sums(self, job: str) -> Recorded:
        """Every counter, and every part of a histogram."""
        found: Recorded = {}
        for name, declaration in DECLARATIONS.items():
            (family,) = declaration.metric.describe()
            parts = {"counter": [name], "histogram": [f"{name}_{part}" for part in ("bucket", "sum", "count")]}
            for part in parts.get(family.type, []):
                found |= self.recorded(part, job)
        return found

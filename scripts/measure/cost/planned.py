"""The managed resources of a plan or of a deployment, and their settings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from scripts.cli.errors import UserError

Values = Mapping[str, Any]
"""A resource in Terraform's JSON form."""


@dataclass(frozen=True, slots=True)
class Resource:
    address: str
    kind: str
    values: Values


@dataclass(frozen=True, slots=True)
class Planned:
    variables: Mapping[str, Any]
    resources: Sequence[Resource]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Read a plan or a state in Terraform's JSON form; raise UserError where it has no resources."""
        values = document.get("planned_values") or document.get("values") or {}
        resources = sorted(_resources(values.get("root_module", {})), key=lambda resource: resource.address)
        if not resources:
            raise UserError("there are no resources to pay for: `invoke plan` for an environment that deploys some")
        return cls({name: given.get("value") for name, given in document.get("variables", {}).items()}, resources)

    @property
    def region(self) -> str:
        return str(self.variables.get("region") or "")

    def all(self, kind: str) -> list[Values]:
        return [resource.values for resource in self.resources if resource.kind == kind]

    def largest(self, kind: str, setting: str, default: float) -> float:
        """The largest value of a setting among the resources of a kind."""
        return max((float(values[setting]) for values in self.all(kind) if values.get(setting)), default=default)

    @property
    def memory_gb(self) -> float:
        return self.largest("aws_lambda_function", "memory_size", 128) / 1024

    @property
    def queue_mappings(self) -> list[Values]:
        """The mappings of queues: only they have a scaling configuration."""
        return [values for values in self.all("aws_lambda_event_source_mapping") if values.get("scaling_config")]

    @property
    def batch_size(self) -> int:
        return int(max((values.get("batch_size") or 1 for values in self.queue_mappings), default=1))

    @property
    def window_seconds(self) -> float:
        windows = (values.get("maximum_batching_window_in_seconds") or 0 for values in self.queue_mappings)
        return float(max(windows, default=0))

    @property
    def workers(self) -> int:
        """The most workers of a service with that batch size."""
        services = [values for values in self.queue_mappings if values.get("batch_size") == self.batch_size]
        scaling = (block["maximum_concurrency"] for values in services for block in values["scaling_config"])
        return int(max(scaling, default=1))

    @property
    def metrics_refresh_seconds(self) -> float:
        """The function's variable, or the setting: a first plan does not know the variable yet."""
        for values in self.all("aws_lambda_function"):
            for block in values.get("environment") or ():
                if seconds := (block.get("variables") or {}).get("REFRESH_SECONDS"):
                    return float(seconds)
        return float((self.variables.get("settings") or {}).get("metrics_refresh_seconds") or 60)

    @property
    def scrapes_expected(self) -> bool:
        """Whether there is an alarm for missing scrapes of the metrics."""
        return any(
            values.get("treat_missing_data") == "breaching" for values in self.all("aws_cloudwatch_metric_alarm")
        )


def _resources(module: Mapping[str, Any]) -> Iterator[Resource]:
    for found in module.get("resources", ()):
        if found["mode"] == "managed":
            yield Resource(found["address"], found["type"], found.get("values", {}))
    for child in module.get("child_modules", ()):
        yield from _resources(child)

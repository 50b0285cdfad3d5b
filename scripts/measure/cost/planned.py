"""What a plan deploys: its managed resources and their settings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from scripts.cli.errors import UserError

Values = Mapping[str, Any]  # as Terraform's JSON has a resource


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
        """Read a plan in Terraform's JSON form; raise UserError where it deploys nothing."""
        root = document.get("planned_values", {}).get("root_module", {})
        resources = sorted(_resources(root), key=lambda resource: resource.address)
        if not resources:
            raise UserError("the plan has no resources, so there is nothing to pay for")
        return cls({name: given.get("value") for name, given in document.get("variables", {}).items()}, resources)

    @property
    def region(self) -> str:
        return str(self.variables.get("region") or "")

    def all(self, kind: str) -> list[Values]:
        return [resource.values for resource in self.resources if resource.kind == kind]

    def largest(self, kind: str, setting: str, default: float) -> float:
        """The largest value that a resource of this kind has for it."""
        return max((float(values[setting]) for values in self.all(kind) if values.get(setting)), default=default)

    @property
    def memory_gb(self) -> float:
        return self.largest("aws_lambda_function", "memory_size", 128) / 1024

    @property
    def queue_mappings(self) -> list[Values]:
        """What takes batches from a queue; only such a mapping has a scaling configuration."""
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
        """Of each service that takes batches of that size."""
        services = [values for values in self.queue_mappings if values.get("batch_size") == self.batch_size]
        scaling = (block["maximum_concurrency"] for values in services for block in values["scaling_config"])
        return int(max(scaling, default=1))

    @property
    def metrics_refresh_seconds(self) -> float:
        """As the function is told; a first plan does not know that yet, only the settings."""
        for values in self.all("aws_lambda_function"):
            for block in values.get("environment") or ():
                if seconds := (block.get("variables") or {}).get("REFRESH_SECONDS"):
                    return float(seconds)
        return float((self.variables.get("settings") or {}).get("metrics_refresh_seconds") or 60)

    @property
    def scrapes_expected(self) -> bool:
        """Whether it is an alarm that nobody scrapes the metrics."""
        return any(
            values.get("treat_missing_data") == "breaching" for values in self.all("aws_cloudwatch_metric_alarm")
        )


def _resources(module: Mapping[str, Any]) -> Iterator[Resource]:
    for found in module.get("resources", ()):
        if found["mode"] == "managed":
            yield Resource(found["address"], found["type"], found.get("values", {}))
    for child in module.get("child_modules", ()):
        yield from _resources(child)

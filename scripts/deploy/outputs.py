"""The parts of what Terraform says it made: each thing by the name that its module and the code share."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of what Terraform says; what it says beyond that is left out."""

    model_config = ConfigDict(frozen=True)


class Queue(Part):
    name: str
    url: str
    service: str
    """Whose function takes its messages, such as order-service."""
    dead_letters: str
    """Under which name they are in the map of these."""


class DeadLetters(Part):
    name: str
    url: str


class Function(Part):
    name: str
    log_group: str
    timeout_seconds: int
    queue: str | None
    """Under which name it is in the map of queues; None for one that something else sets off."""
    schedule: str | None
    """The name of the rule that sets it off by the clock."""
    writes_commits: bool


class TableNames(Part):
    """Those that the tools name, and whatever else there is."""

    model_config = ConfigDict(alias_generator=lambda field: field.replace("_", "-"), extra="allow")

    event_store: str
    inventory: str
    metrics: str
    simulated_gateway: str
    deadline: str

    def by_name(self) -> dict[str, str]:
        """Every table, such as `event-store`, and its name in AWS."""
        return self.model_dump(by_alias=True)


class MetricsApi(Part):
    id: str
    url: str

"""The parts of the Terraform output `deployment`. Modules and code share the names of its keys."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of the output. Fields that are not declared here are ignored."""

    model_config = ConfigDict(frozen=True)


class Queue(Part):
    name: str
    url: str
    service: str
    """Service whose function drains the queue, such as order-service."""
    dead_letters: str
    """Key in `dead_letters`."""


class DeadLetters(Part):
    name: str
    url: str


class Function(Part):
    name: str
    log_group: str
    timeout_seconds: int
    queue: str | None
    """Key in `queues`; None if something else triggers it."""
    schedule: str | None
    """Name of the rule that triggers it on a schedule; None if there is none."""
    serves: bool
    """Whether routes of an HTTP API lead to it."""
    writes_commits: bool


class TableNames(Part):
    """The tables that the tools use by name, and any others."""

    model_config = ConfigDict(alias_generator=lambda field: field.replace("_", "-"), extra="allow")

    event_store: str
    inventory: str
    metrics: str
    simulated_gateway: str
    deadline: str
    customer_key: str

    def by_name(self) -> dict[str, str]:
        """Every table, such as `event-store`, and its name in AWS."""
        return self.model_dump(by_alias=True)


class HttpApi(Part):
    id: str
    url: str


class UserPool(Part):
    id: str
    client_id: str
    issuer: str

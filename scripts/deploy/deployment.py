"""A deployment, read from Terraform's outputs."""

from collections.abc import Mapping
from typing import Self

from pydantic import ValidationError, field_validator

from scripts.cli.errors import UserError
from scripts.deploy.environments import how_to_deploy, is_for_development
from scripts.deploy.outputs import DeadLetters, Function, HttpApi, Part, Queue, TableNames, UserPool
from scripts.deploy.remote_state import outputs_file, read_outputs
from scripts.deploy.target import Target
from services.libs.store.event_store import Tables
from services.shared.events.event import Bus


class Deployment(Part):
    """The resources that Terraform made, by the names that its modules and the code share."""

    environment: str
    region: str
    buses: Mapping[str, str]
    queues: Mapping[str, Queue]
    dead_letters: Mapping[str, DeadLetters]
    tables: TableNames
    functions: Mapping[str, Function]
    """By their names in logs and metrics, such as order-service and catalog-service-api."""
    metrics_api: HttpApi
    shop_api: HttpApi
    user_pool: UserPool
    wrapping_key_arn: str
    """The KMS key that wraps customers' keys."""
    alarm_topic_arn: str
    runbook_url: str
    allow_forced_payment_result: bool
    payment_success_rate: float
    return_window_days: int
    return_arrival_days: int

    @field_validator("buses")
    @classmethod
    def _has_every_bus(cls, buses: Mapping[str, str]) -> Mapping[str, str]:
        if missing := [bus.value for bus in Bus if bus not in buses]:
            raise ValueError(f"there is no bus {', '.join(missing)}")
        return buses

    @property
    def store_tables(self) -> Tables:
        names = self.tables
        return Tables(names.event_store, names.inventory, names.metrics, names.deadline, names.customer_key)

    def metrics_url(self, target: Target) -> str:
        """Where Prometheus scrapes."""
        return f"{_stage_url(self.metrics_api, target)}/metrics" if target.is_local else self.metrics_api.url

    def shop_url(self, target: Target) -> str:
        """The URL that a route such as /v1/health follows."""
        return _stage_url(self.shop_api, target) if target.is_local else self.shop_api.url

    @classmethod
    def of(cls, target: Target) -> Self:
        output = read_outputs(target).get("deployment", {})
        how = f"`invoke deploy-dev --target {target.name}`" if is_for_development(target) else how_to_deploy(target)
        where = f"{target.environment} to {target.name}"
        if not output:
            raise UserError(f"nothing is deployed as {where}{_others(target)}: {how}")
        try:
            return cls.model_validate(output)
        except ValidationError as error:
            missing = ", ".join(dict.fromkeys(".".join(map(str, one["loc"])) for one in error.errors()))
            raise UserError(
                f"another revision is deployed as {where}: its output has no valid {missing}. Update it: {how}"
            ) from error


def _stage_url(api: HttpApi, target: Target) -> str:
    """The embedded AWS serves an API at another address than its URL."""
    return f"{target.endpoint_url}/_aws/execute-api/{api.id}/{target.environment}"


def _others(target: Target) -> str:
    """Name the environments that are deployed to this embedded AWS: the name may be mistyped."""
    if not target.is_local:
        return ""
    folders = target.state_folder.parent.glob("*")
    names = sorted(folder.name for folder in folders if (folder / outputs_file(target).name).exists())
    return f" (but {', '.join(names)} is)" if names else ""

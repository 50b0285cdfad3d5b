"""The deployment of the system to a target: its Terraform root, its state, and what it says it made."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from botocore.exceptions import ClientError

from scripts.build_lambda import DIST
from scripts.console import out
from scripts.errors import UserError
from scripts.local.emulator import REPO_ROOT
from scripts.target import Target
from scripts.terraform import Terraform, terraform_path
from services.libs.event_store import Tables

_ENVIRONMENTS = REPO_ROOT / "infra" / "envs"
_BOOTSTRAP_ROOT = REPO_ROOT / "infra" / "bootstrap"
_PLAN_FILE = "deployment.tfplan"


@dataclass(frozen=True)
class Deployment:
    order_bus_name: str
    payment_bus_name: str
    order_queue_url: str
    payment_queue_url: str
    order_dlq_url: str
    payment_dlq_url: str
    relay_dlq_url: str
    sweep_dlq_url: str
    notification_queue_url: str
    notification_dlq_url: str
    alarm_topic_arn: str
    metrics_api_id: str
    metrics_api_gateway_url: str
    allow_forced_payment_result: bool
    payment_success_rate: float
    reservation_sweep_rule_name: str
    inventory_table_name: str
    event_store_table_name: str
    simulated_gateway_table_name: str
    metrics_table_name: str
    function_names: Mapping[str, str]
    """By service, such as order-service."""
    log_group_names: Mapping[str, str]
    bus_dlq_url: str | None
    """None without a customer's key."""

    @property
    def tables(self) -> Tables:
        return Tables(self.event_store_table_name, self.inventory_table_name, self.metrics_table_name)

    def metrics_url(self, target: Target) -> str:
        """Where the metrics are scraped; the embedded AWS serves an API elsewhere than its URL says."""
        if target.is_local:
            return f"{target.endpoint_url}/_aws/execute-api/{self.metrics_api_id}/{target.environment}/metrics"
        return self.metrics_api_gateway_url

    @classmethod
    def of(cls, target: Target) -> Self:
        made = _outputs(target).get("deployment", {})
        names = {field.name for field in fields(cls)}
        if not names <= made.keys():
            raise UserError(
                f"nothing is deployed as {target.environment} to {target.name}: "
                f"`invoke deploy-dev --target {target.name}`"
            )
        return cls(**{name: made[name] for name in names})


def check_ready(target: Target) -> None:
    """Raise UserError where what every deployment needs is missing."""
    terraform_path()
    target.session()
    target.process_environment()


def root_of(target: Target) -> Path:
    """Find the environment's own root; any name that has none is an environment for development."""
    own = _ENVIRONMENTS / target.environment
    return own if own.is_dir() else _ENVIRONMENTS / "dev"


def check_for_development(target: Target) -> None:
    """Raise UserError for staging and production."""
    if root_of(target).name != "dev":
        raise UserError(
            f"{target.environment} is deployed in steps, each with --target {target.name}: build, plan, and once you "
            "have read what it says apply, metrics-token and post-deploy-test"
        )


def bootstrap(target: Target) -> None:
    """Make the bucket that keeps Terraform's state, unless it is there already."""
    bucket = _state_bucket(target)
    state = target.state_folder / "bootstrap.tfstate"
    # With a state the bucket is ours, and may have been left half made: Terraform knows. Without one, somebody made it.
    if not state.exists() and _state_bucket_exists(target):
        out.print(f"the state bucket {bucket} exists")
        return
    terraform = Terraform(_BOOTSTRAP_ROOT, target)
    terraform.init({"path": str(state)})
    plan_file = target.state_folder / "bootstrap.tfplan"
    terraform.plan(plan_file, {"prefix": target.prefix, "region": target.region})
    terraform.apply(plan_file)
    plan_file.unlink()
    out.print(f"the state bucket {bucket} is as it should be")


def plan(target: Target) -> None:
    """Save what a deployment would change, for `apply` to do exactly that."""
    packages = DIST / target.name
    if not packages.is_dir():
        raise UserError(f"there are no packages to deploy: `invoke build --target {target.name}`")
    if not _state_bucket_exists(target):
        raise UserError(f"there is no bucket for Terraform's state: `invoke bootstrap --target {target.name}`")
    variables = {
        "environment": target.environment,
        "region": target.region,
        # Relative, so that the state does not depend on where this checkout is.
        "packages_dir": os.path.relpath(packages, root_of(target)),
    }
    _initialised(target).plan(target.state_folder / _PLAN_FILE, variables).print_changes()


def read_plan(target: Target) -> dict[str, Any]:
    """Give the last plan in Terraform's JSON form, whole: https://developer.hashicorp.com/terraform/internals/json-format."""
    return Terraform(root_of(target), target).show_plan(_planned(target))


def apply(target: Target) -> None:
    plan_file = _planned(target)
    _outputs_file(target).unlink(missing_ok=True)
    progress = Terraform(root_of(target), target).apply(plan_file)
    plan_file.unlink()
    if target.is_local:
        _outputs_file(target).write_text(json.dumps(_initialised(target).outputs()))
    out.print(f"{progress.done} changes made")


def _planned(target: Target) -> Path:
    plan_file = target.state_folder / _PLAN_FILE
    if not plan_file.exists():
        raise UserError(f"there is no plan to apply: `invoke plan --target {target.name}`")
    return plan_file


def _outputs(target: Target) -> Mapping[str, Any]:
    """Ask Terraform, which takes seconds; on the embedded AWS, which nobody else deploys to, read what it last said."""
    if not _state_bucket_exists(target):
        return {}
    if target.is_local and _outputs_file(target).exists():
        outputs: dict[str, Any] = json.loads(_outputs_file(target).read_text())
        return outputs
    return _initialised(target).outputs()


def _outputs_file(target: Target) -> Path:
    return target.state_folder / "outputs.json"


def _initialised(target: Target) -> Terraform:
    terraform = Terraform(root_of(target), target)
    backend = {
        "bucket": _state_bucket(target),
        "key": f"{target.environment}/terraform.tfstate",
        "region": target.region,
        "use_lockfile": "true",
    }
    if target.is_local:
        settings = ("use_path_style", "skip_credentials_validation", "skip_requesting_account_id")
        backend |= dict.fromkeys((*settings, "skip_metadata_api_check", "skip_region_validation"), "true")
    terraform.init(backend)
    return terraform


def _state_bucket(target: Target) -> str:
    return f"{target.prefix}-terraform-state"


def _state_bucket_exists(target: Target) -> bool:
    try:
        target.client("s3").head_bucket(Bucket=_state_bucket(target))
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("404", "NoSuchBucket"):
            return False
        if code in ("301", "403"):
            raise UserError(
                f"the bucket {_state_bucket(target)} for Terraform's state cannot be used from here: it is in another "
                "region or account, or these credentials may not read it"
            ) from error
        raise
    return True

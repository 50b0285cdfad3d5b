"""The deployment of the system to a target: its Terraform root, its state, and what it says it made."""

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self

from botocore.exceptions import ClientError
from pydantic import ValidationError, field_validator

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.cli.paths import BOOTSTRAP_ROOT, DIST, ENVIRONMENT_ROOTS, REPO_ROOT
from scripts.deploy import github_access
from scripts.deploy.outputs import DeadLetters, Function, MetricsApi, Part, Queue, TableNames
from scripts.deploy.plan.drift import found as found_drift
from scripts.deploy.plan.guard import (
    PLAN_FILE,
    REVIEW_FILE,
    check,
    check_allowed,
    package_digests,
    plan_sha256,
    read_review,
    to_json,
    uploads,
)
from scripts.deploy.plan.model import ResourceChange, Review, Stamp
from scripts.deploy.plan.review import review
from scripts.deploy.plan.terminal import show
from scripts.deploy.target import Target
from scripts.deploy.terraform import Terraform, terraform_path
from services.libs.store.event_store import Tables
from services.shared.events.event import Bus


class Deployment(Part):
    """What Terraform made, by the names that its modules and the code share."""

    environment: str
    region: str
    buses: Mapping[str, str]
    queues: Mapping[str, Queue]
    dead_letters: Mapping[str, DeadLetters]
    tables: TableNames
    functions: Mapping[str, Function]
    """Such as order-service: those of scripts/lambdas_config.py."""
    metrics_api: MetricsApi
    alarm_topic_arn: str
    runbook_url: str
    allow_forced_payment_result: bool
    payment_success_rate: float

    @field_validator("buses")
    @classmethod
    def _has_every_bus(cls, buses: Mapping[str, str]) -> Mapping[str, str]:
        if missing := [bus.value for bus in Bus if bus not in buses]:
            raise ValueError(f"there is no bus {', '.join(missing)}")
        return buses

    @property
    def store_tables(self) -> Tables:
        names = self.tables
        return Tables(names.event_store, names.inventory, names.metrics, deadlines=names.deadline)

    def metrics_url(self, target: Target) -> str:
        """Where the metrics are scraped; the embedded AWS serves an API elsewhere than its URL says."""
        if target.is_local:
            return f"{target.endpoint_url}/_aws/execute-api/{self.metrics_api.id}/{target.environment}/metrics"
        return self.metrics_api.url

    @classmethod
    def of(cls, target: Target) -> Self:
        made = _outputs(target).get("deployment", {})
        how = f"`invoke deploy-dev --target {target.name}`" if is_for_development(target) else _steps(target)
        where = f"{target.environment} to {target.name}"
        if not made:
            raise UserError(f"nothing is deployed as {where}: {how}")
        try:
            return cls.model_validate(made)
        except ValidationError as error:
            lacks = ", ".join(dict.fromkeys(".".join(map(str, one["loc"])) for one in error.errors()))
            raise UserError(
                f"what is deployed as {where} is of another revision, and does not say {lacks} as this one does: {how}"
            ) from error


def check_ready(target: Target) -> None:
    """Raise UserError where what every deployment needs is missing."""
    terraform_path()
    target.session()
    target.process_environment()


def root_of(target: Target) -> Path:
    """Find the environment's own root; any name that has none is an environment for development."""
    own = ENVIRONMENT_ROOTS / target.environment
    return own if own.is_dir() else ENVIRONMENT_ROOTS / "dev"


def is_for_development(target: Target) -> bool:
    """Say whether it is neither staging nor production."""
    return root_of(target).name == "dev"


def check_for_development(target: Target) -> None:
    """Raise UserError for staging and production."""
    if not is_for_development(target):
        raise UserError(_steps(target))


def _steps(target: Target) -> str:
    return (
        f"{target.environment} is deployed in steps, each with --target {target.name}: build, plan; read the plan; "
        "then apply, metrics-token and post-deploy-test"
    )


def bootstrap(target: Target, github_repository: str | None = None) -> None:
    """Make the bucket that keeps Terraform's state, and the roles for a repository's GitHub Actions if one is named."""
    bucket = state_bucket(target)
    # By the account too, of which an environment may be in more than one.
    state = target.state_folder / f"{target.prefix}-bootstrap.tfstate"
    # With a state the bucket is ours, and may have been left half made: Terraform knows. Without one, somebody made it.
    if not state.exists() and _state_bucket_exists(target):
        if github_repository is not None:
            raise UserError(
                f"the state bucket {bucket} was made elsewhere: do this where {state.relative_to(REPO_ROOT)} is"
            )
        out.print(f"the state bucket {bucket} exists")
        return
    terraform = Terraform(BOOTSTRAP_ROOT, target)
    terraform.init({"path": str(state)})
    variables = {"prefix": target.prefix, "environment": target.environment, "region": target.region}
    plan_file = target.state_folder / "bootstrap.tfplan"
    try:
        terraform.plan(plan_file, variables | github_access.settings(target, terraform.outputs(), github_repository))
        terraform.apply(plan_file)
    finally:
        plan_file.unlink(missing_ok=True)
    out.print(f"the state bucket {bucket} is as it should be")
    github_access.show(target, terraform.outputs())


def plan(target: Target, folder: Path | None = None, *, destroy: bool = False) -> Review:
    """Save what a deployment would change, or `destroy`, for `apply` to do exactly that; show a review of it.

    Both are kept in the environment's own folder, or in one that can be handed over to another machine.
    """
    folder = (folder or target.state_folder).resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be the folder of a plan: {error.strerror or error}") from error
    terraform = _ready(target)
    (folder / REVIEW_FILE).unlink(missing_ok=True)
    plan_file = folder / PLAN_FILE
    terraform.plan(plan_file, _variables(target), *(["-destroy"] if destroy else []))
    document = terraform.show_plan(plan_file)
    stamp = Stamp(plan_sha256(plan_file), terraform.state(), uploads(document))
    found = review(document, target, stamp, destroy=destroy)
    (folder / REVIEW_FILE).write_text(to_json(found))
    show(found)
    return found


def read_plan(target: Target) -> dict[str, Any]:
    """Give the last plan in Terraform's JSON form, whole: https://developer.hashicorp.com/terraform/internals/json-format."""
    read_review(target.state_folder, _plan_command(target))
    return Terraform(root_of(target), target).show_plan(target.state_folder / PLAN_FILE)


def apply(target: Target, folder: Path | None = None, allowed: Collection[str] = (), *, destroy: bool = False) -> None:
    """Do what a plan says, if that was reviewed, is not stale, and all that blocks is `allowed` by its address."""
    folder = (folder or target.state_folder).resolve()
    plan_file = folder / PLAN_FILE
    reviewed = read_review(folder, _plan_command(target))
    planned, wanted = f"{reviewed.environment} on {reviewed.target}", f"{target.environment} on {target.name}"
    if planned != wanted:
        raise UserError(f"the plan is one for {planned}, not for {wanted}")
    if reviewed.destroy and not destroy:
        raise UserError(f"the plan takes {planned} down: `invoke destroy-dev --target {target.name}` does that")
    terraform = _initialised(target)
    packages = package_digests(root_of(target), reviewed.stamp.packages)
    check(reviewed, Stamp(plan_sha256(plan_file), terraform.state(), packages), _plan_command(target))
    # What blocks is told by the plan itself: the review beside it is a file that anybody may have written in.
    again = review(terraform.show_plan(plan_file), target, reviewed.stamp, destroy=reviewed.destroy)
    check_allowed(again, allowed)
    _outputs_file(target).unlink(missing_ok=True)
    progress = terraform.apply(plan_file)
    plan_file.unlink()
    (folder / REVIEW_FILE).unlink()
    if target.is_local:
        _outputs_file(target).write_text(json.dumps(terraform.outputs()))
    out.print(f"{progress.done} changes made")


def drift(target: Target) -> tuple[ResourceChange, ...]:
    """Give what was changed outside Terraform since the last apply; nothing is changed by that."""
    terraform, plan_file = _ready(target), target.state_folder / "drift.tfplan"
    try:
        terraform.plan(plan_file, _variables(target), "-refresh-only")
        document = terraform.show_plan(plan_file)
    finally:
        plan_file.unlink(missing_ok=True)
    return found_drift(document)


def _ready(target: Target) -> Terraform:
    """Initialise Terraform, or raise UserError where what a plan needs is missing."""
    if not (DIST / target.name).is_dir():
        raise UserError(f"there are no packages to deploy: `invoke build --target {target.name}`")
    if not _state_bucket_exists(target):
        raise UserError(f"there is no bucket for Terraform's state: `invoke bootstrap --target {target.name}`")
    return _initialised(target)


def _variables(target: Target) -> Mapping[str, str]:
    return {
        "environment": target.environment,
        "region": target.region,
        # Relative, so that the state does not depend on where this checkout is.
        "packages_dir": os.path.relpath(DIST / target.name, root_of(target)),
        **github_access.boundary(target),
    }


def _plan_command(target: Target) -> str:
    return f"invoke plan --target {target.name}"


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
        "bucket": state_bucket(target),
        "key": f"{target.environment}/terraform.tfstate",
        "region": target.region,
        "use_lockfile": "true",
    }
    if target.is_local:
        settings = ("use_path_style", "skip_credentials_validation", "skip_requesting_account_id")
        backend |= dict.fromkeys((*settings, "skip_metadata_api_check", "skip_region_validation"), "true")
    terraform.init(backend)
    return terraform


def state_bucket(target: Target) -> str:
    return f"{target.prefix}-terraform-state"


def _state_bucket_exists(target: Target) -> bool:
    try:
        target.client("s3").head_bucket(Bucket=state_bucket(target))
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("404", "NoSuchBucket"):
            return False
        if code in ("301", "403"):
            raise UserError(
                f"the bucket {state_bucket(target)} for Terraform's state cannot be used from here: it is in another "
                "region or account, or these credentials may not read it"
            ) from error
        raise
    return True

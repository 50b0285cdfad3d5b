"""Terraform's state of an environment: the bucket that keeps it, and the outputs in it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from scripts.cli.errors import UserError
from scripts.deploy.environments import root_of
from scripts.deploy.plan.model import State
from scripts.deploy.target import Target
from scripts.deploy.terraform import Terraform


def read_outputs(target: Target) -> Mapping[str, Any]:
    """Return Terraform's outputs. Asking takes seconds, so the embedded AWS keeps those of the last apply in a file."""
    if not state_bucket_exists(target):
        return {}
    if target.is_local and outputs_file(target).exists():
        outputs: dict[str, Any] = json.loads(outputs_file(target).read_text(encoding="utf-8"))
        return outputs
    return initialised_terraform(target).outputs()


def read_state(target: Target) -> State:
    """Return lineage and serial of the state, as the bucket has it; both are empty if there is none."""
    s3 = target.client("s3")
    try:
        found = s3.get_object(Bucket=state_bucket(target), Key=state_key(target))
    except s3.exceptions.NoSuchKey:
        return State()
    state = json.loads(found["Body"].read())
    return State(state["lineage"], state["serial"])


def outputs_file(target: Target) -> Path:
    return target.state_folder / "outputs.json"


def initialised_terraform(target: Target) -> Terraform:
    terraform = Terraform(root_of(target), target)
    backend = {
        "bucket": state_bucket(target),
        "key": state_key(target),
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


def state_key(target: Target) -> str:
    return f"{target.environment}/terraform.tfstate"


def state_bucket_exists(target: Target) -> bool:
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

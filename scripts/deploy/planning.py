"""Plan a deployment, review the plan, and keep both for `apply`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.cli.errors import UserError
from scripts.cli.files import write_whole
from scripts.cli.json_files import check_writable
from scripts.cli.paths import DIST
from scripts.deploy import github_access, settings
from scripts.deploy.environments import root_of
from scripts.deploy.plan import drift, guard, markdown
from scripts.deploy.plan.model import ResourceChange, Review, Stamp
from scripts.deploy.plan.review import review
from scripts.deploy.plan.terminal import show
from scripts.deploy.remote_state import initialised_terraform, read_state, state_bucket_exists
from scripts.deploy.state_lock import check_unlocked
from scripts.deploy.target import Target
from scripts.deploy.terraform import Terraform
from scripts.deploy.turns import one_at_a_time


@one_at_a_time
def plan(target: Target, folder: Path | None = None, *, destroy: bool = False) -> Review:
    """Save a plan of a deployment, or of its end with `destroy`, for `apply`; give its review.

    Plan and review are kept in the environment's own folder, or in one that can be handed over to another machine.
    """
    folder = (folder or target.state_folder).resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"a plan cannot be kept in {folder}: {error.strerror or error}") from error
    terraform = _ready(target)
    (folder / guard.REVIEW_FILE).unlink(missing_ok=True)
    plan_file = folder / guard.PLAN_FILE
    terraform.plan(plan_file, _variables(target), *(["-destroy"] if destroy else []))
    document = terraform.show_plan(plan_file)
    stamp = Stamp(guard.plan_sha256(plan_file), read_state(target), guard.planned_packages(document))
    found = review(document, target, stamp, destroy=destroy)
    write_whole(folder / guard.REVIEW_FILE, guard.to_json(found))
    return found


def read_plan(target: Target) -> dict[str, Any]:
    """Read the last plan in Terraform's JSON form: https://developer.hashicorp.com/terraform/internals/json-format."""
    guard.read_review(target.state_folder, plan_command(target))
    return Terraform(root_of(target), target).show_plan(target.state_folder / guard.PLAN_FILE)


def plan_with_review_files(
    target: Target, *, folder: Path | None, markdown_file: Path | None, json_file: Path | None
) -> None:
    """Plan, show the review, and write it to these files too. `folder` keeps plan and review for `apply`."""
    outputs = [(file, write) for file, write in ((markdown_file, markdown.write), (json_file, guard.to_json)) if file]
    for file, _ in outputs:
        check_writable(file)
        file.write_text("", encoding="utf-8")  # no older plan's review stays there
    reviewed = plan(target, folder)
    show(reviewed)
    for file, write in outputs:
        write_whole(file, write(reviewed))


@one_at_a_time
def find_drift(target: Target) -> tuple[ResourceChange, ...]:
    """Find the changes made outside Terraform since the last apply. This changes nothing itself."""
    terraform, plan_file = _ready(target), target.state_folder / "drift.tfplan"
    try:
        terraform.plan(plan_file, _variables(target), "-refresh-only")
        document = terraform.show_plan(plan_file)
    finally:
        plan_file.unlink(missing_ok=True)
    return drift.found(document)


def _ready(target: Target) -> Terraform:
    """Initialise Terraform. Raise UserError where packages or state bucket are missing, or a setting has no effect."""
    settings.check(target)
    if not (DIST / target.name).is_dir():
        raise UserError(f"there are no packages to deploy: `invoke build --target {target.name}`")
    if not state_bucket_exists(target):
        raise UserError(f"there is no bucket for Terraform's state: `invoke bootstrap --target {target.name}`")
    check_unlocked(target)
    return initialised_terraform(target)


def _variables(target: Target) -> Mapping[str, str]:
    return {
        "environment": target.environment,
        "region": target.region,
        # Relative, so that the state does not depend on where this checkout is.
        "packages_dir": os.path.relpath(DIST / target.name, root_of(target)),
        **github_access.boundary(target),
    }


def plan_command(target: Target) -> str:
    return f"invoke plan --target {target.name}"

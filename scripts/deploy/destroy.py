"""Take an environment for development down."""

import shutil
from pathlib import Path

from scripts.cli.confirmation import Confirmation
from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.deploy import applying, environments, github_access, planning, remote_state
from scripts.deploy.plan.risks import PROTECTED
from scripts.deploy.target import Target
from scripts.deploy.turns import one_at_a_time


@one_at_a_time
def destroy_environment(target: Target, confirmed: str | None) -> None:
    """Destroy all that Terraform made, once the environment's name is given as `confirmed` or typed in a terminal."""
    if not environments.is_for_development(target):
        raise UserError(f"{target.environment} is not an environment for development: no task takes it down")
    confirmation = Confirmation(target.environment, "--yes-destroy", "destroyed")
    confirmation.check(confirmed)
    folder = target.state_folder / "destroy"
    try:
        _destroy(target, folder, None if confirmed else confirmation)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _tell_what_remains(target)


def _destroy(target: Target, folder: Path, confirmation: Confirmation | None) -> None:
    review = planning.plan(target, folder, destroy=True)
    if protected := [risk.address for risk in review.risks if risk.kind == PROTECTED]:
        listed = "\n".join(f"  {address}" for address in protected)
        raise UserError(
            f"nothing was destroyed, for deletion protection is on:\n{listed}\n"
            "turn it off, in the configuration and by an apply or where it was turned on, and try again"
        )
    if not review.changes:
        out.print(f"there is nothing of {target.environment} on {target.name}")
        return
    if confirmation:
        confirmation.ask("All of this is lost for good, with what is in it.")
    applying.apply(target, folder, [risk.address for risk in review.blocking], destroy=True)


def _tell_what_remains(target: Target) -> None:
    bucket, parameters = remote_state.state_bucket(target), _parameters(target)
    out.print(f"what remains of {target.environment}:")
    out.print(f"  the bucket {bucket} with every version of Terraform's state", markup=False)
    for name in parameters:
        out.print(f"  the parameter {name}", markup=False)
    if policy := github_access.boundary(target):
        name = f"pulsequeue-{target.environment}"
        out.print(
            f"  for GitHub Actions the roles {name}-plan and {name}-deploy, their policies, the boundary "
            f"{policy['permissions_boundary_arn']} and the provider they sign in by: "
            f"`invoke bootstrap --target {target.name} --github-repository ''` takes away what it made of these",
            markup=False,
        )
    if target.is_local:
        out.print("`invoke local-down` ends these too, with the embedded AWS")
        return
    if parameters:
        out.print(f"to remove them: aws ssm delete-parameters --names {' '.join(parameters)}", markup=False)
    out.print(
        "the bucket stays for the next deployment; it has to be emptied and deleted by hand in S3 if there is none"
    )
    out.print("a KMS key can be restored in KMS until its deletion is due")


def _parameters(target: Target) -> list[str]:
    """Give what tasks made: the secrets that no Terraform state shall hold."""
    pages = target.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=f"/{target.environment}/")
    return sorted(parameter["Name"] for page in pages for parameter in page["Parameters"])

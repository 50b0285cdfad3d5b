"""Destroy an environment for development."""

import shutil
from pathlib import Path

from scripts.cli.confirmation import Confirmation
from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.deploy import applying, environments, github_access, planning, remote_state
from scripts.deploy.plan.risks import PROTECTED
from scripts.deploy.plan.terminal import show
from scripts.deploy.target import Target
from scripts.deploy.turns import one_at_a_time


@one_at_a_time
def destroy_environment(target: Target, confirmed: str | None) -> None:
    """Destroy everything that Terraform made, once the environment's name is `confirmed` or typed in a terminal."""
    if not environments.is_for_development(target):
        raise UserError(f"{target.environment} is not an environment for development: no task destroys it")
    confirmation = Confirmation(target.environment, "--yes-destroy", "destroyed")
    confirmation.check(confirmed)
    folder = target.state_folder / "destroy"
    try:
        _destroy(target, folder, None if confirmed else confirmation)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _show_remains(target)


def _destroy(target: Target, folder: Path, confirmation: Confirmation | None) -> None:
    review = planning.plan(target, folder, destroy=True)
    show(review)
    if protected := [risk.address for risk in review.risks if risk.kind == PROTECTED]:
        listed = "\n".join(f"  {address}" for address in protected)
        raise UserError(
            f"nothing was destroyed, as deletion protection is on:\n{listed}\n"
            "turn it off in the configuration and apply that, or where it was turned on by hand, and try again"
        )
    if not review.changes:
        out.print(f"nothing is deployed as {target.environment} on {target.name}")
        return
    if confirmation:
        confirmation.ask("All of this is lost for good, with its data.")
    changes = applying.apply(target, folder, [risk.address for risk in review.blocking], destroy=True)
    out.print(f"changes made: {changes}")


def _show_remains(target: Target) -> None:
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
            f"`invoke bootstrap --target {target.name} --github-repository ''` removes those that it made",
            markup=False,
        )
    if target.is_local:
        out.print("`invoke local-down` ends the embedded AWS and everything in it")
        return
    if parameters:
        out.print(f"to remove them: aws ssm delete-parameters --names {' '.join(parameters)}", markup=False)
    out.print("the bucket stays for the next deployment; if there is none, empty and delete it in S3 by hand")
    out.print("a KMS key can be restored in KMS until its deletion is due")


def _parameters(target: Target) -> list[str]:
    """List the secrets that tasks made, outside of Terraform's state."""
    pages = target.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=f"/{target.environment}/")
    return sorted(parameter["Name"] for page in pages for parameter in page["Parameters"])

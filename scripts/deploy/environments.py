"""The environments: the Terraform root of each, and whether it is for development."""

from pathlib import Path

from scripts.cli.errors import UserError
from scripts.cli.paths import ENVIRONMENT_ROOTS
from scripts.deploy.target import Target


def root_of(target: Target) -> Path:
    """Find the environment's own root; a name without one is an environment for development."""
    own = ENVIRONMENT_ROOTS / target.environment
    return own if own.is_dir() else ENVIRONMENT_ROOTS / "dev"


def is_for_development(target: Target) -> bool:
    """Whether it is neither staging nor production."""
    return root_of(target).name == "dev"


def check_for_development(target: Target) -> None:
    """Raise UserError for staging and production."""
    if not is_for_development(target):
        raise UserError(how_to_deploy(target))


def how_to_deploy(target: Target) -> str:
    return (
        f"{target.environment} is deployed in steps, each with --target {target.name}: build, plan, then read the "
        "review, then apply, monitor.token, shop.carrier-secret, shop.cursor-secret and post-deploy-test"
    )

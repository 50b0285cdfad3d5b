"""The access of GitHub Actions that `invoke bootstrap` makes, and the part of it that a deployment uses."""

from collections.abc import Mapping
from typing import Any

from scripts.cli.console import out, table
from scripts.deploy.target import Target

_ISSUER = "token.actions.githubusercontent.com"


def settings(target: Target, made: Mapping[str, Any], repository: str | None) -> dict[str, str]:
    """Return the variables of infra/bootstrap. The repository stays unless another one, or "" for none, is named.

    An account has one provider. Once made here it stays, because other environments sign in through it.
    """
    wanted = made.get("github_repository") if repository is None else repository
    owned = made.get("owns_github_provider") or (wanted and not _provider_exists(target))
    return ({"github_repository": wanted} if wanted else {}) | ({"create_github_provider": "true"} if owned else {})


def show(target: Target, made: Mapping[str, Any]) -> None:
    """Print the variables that the workflows need in the repository."""
    if made.get("github_repository") is None:
        return
    variables = table("variable of the repository", "value")
    for kind in ("plan", "deploy"):
        variables.add_row(f"{target.environment.upper()}_{kind.upper()}_ROLE_ARN", made[f"{kind}_role_arn"])
    variables.add_row("AWS_REGION", target.region)
    out.print(variables)


def boundary(target: Target) -> dict[str, str]:
    """Return the variable with the permissions boundary of functions' roles, if the environment has one."""
    arn = _arn(target, f"policy/pulsequeue-{target.environment}-boundary")
    iam = target.client("iam")
    try:
        iam.get_policy(PolicyArn=arn)
    except iam.exceptions.NoSuchEntityException:
        return {}
    return {"permissions_boundary_arn": arn}


def _provider_exists(target: Target) -> bool:
    arn = _arn(target, f"oidc-provider/{_ISSUER}")
    listed = target.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    return any(provider["Arn"] == arn for provider in listed)


def _arn(target: Target, name: str) -> str:
    identity = target.client("sts").get_caller_identity()
    partition = identity["Arn"].split(":")[1]
    return f"arn:{partition}:iam::{identity['Account']}:{name}"

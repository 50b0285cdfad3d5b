"""What `invoke bootstrap` makes so that GitHub Actions can deploy, and what a deployment takes from it."""

from collections.abc import Mapping
from typing import Any

from scripts.cli.console import out, table
from scripts.deploy.target import Target

_ISSUER = "token.actions.githubusercontent.com"


def settings(target: Target, made: Mapping[str, Any], repository: str | None) -> dict[str, str]:
    """Give the variables of infra/bootstrap: the repository stays as it was unless another, or nobody, is named.

    An account's one provider, once made here, stays in any case: others sign in by it.
    """
    wanted = made.get("github_repository") if repository is None else repository
    owned = made.get("owns_github_provider") or (wanted and not _provider_exists(target))
    return ({"github_repository": wanted} if wanted else {}) | ({"create_github_provider": "true"} if owned else {})


def show(target: Target, made: Mapping[str, Any]) -> None:
    """Tell which of GitHub's variables the workflows want."""
    if made.get("github_repository") is None:
        return
    variables = table("variable of the repository", "value")
    for kind in ("plan", "deploy"):
        variables.add_row(f"{target.environment.upper()}_{kind.upper()}_ROLE_ARN", made[f"{kind}_role_arn"])
    variables.add_row("AWS_REGION", target.region)
    out.print(variables)


def boundary(target: Target) -> dict[str, str]:
    """Give the variable that binds the functions' roles, where the environment has the policy for it."""
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

"""The bearer token of the metrics endpoint, in SSM: made here, so that it is in no Terraform state."""

import secrets

from scripts.console import out
from scripts.target import Target


def read(target: Target) -> str | None:
    return read_parameter(target, "metrics-token")


def read_parameter(target: Target, name: str) -> str | None:
    """Read one of the environment's secrets; None where it was never set."""
    client = target.client("ssm")
    try:
        response = client.get_parameter(Name=_path(target, name), WithDecryption=True)
    except client.exceptions.ParameterNotFound:
        return None
    return response["Parameter"]["Value"]


def ensure(target: Target) -> str:
    """Give the token, made now if there is none."""
    return read(target) or _make(target)


def run(target: Target, *, rotate: bool, show: bool) -> None:
    before = read(target)
    token = _make(target) if rotate or not before else before
    what = "is new" if token != before else "exists already"
    out.print(f"the token in {_path(target, 'metrics-token')} {what}")
    if before and rotate:
        out.print("`invoke monitoring-up` brings it to a Prometheus on this machine")
    if show:
        out.print(token, markup=False)


def _make(target: Target) -> str:
    token = secrets.token_urlsafe(32)
    target.client("ssm").put_parameter(
        Name=_path(target, "metrics-token"),
        Description="Bearer token of the metrics endpoint.",
        Value=token,
        Type="SecureString",
        Overwrite=True,
    )
    return token


def _path(target: Target, name: str) -> str:
    return f"/{target.environment}/{name}"

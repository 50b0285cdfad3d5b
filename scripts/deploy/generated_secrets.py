"""Generate secrets and keep them in SSM, so that they are in no Terraform state and nobody has to invent them."""

import secrets
from dataclasses import dataclass

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.deploy.target import Target


@dataclass(frozen=True, slots=True)
class GeneratedSecret:
    name: str
    task: str
    description: str
    advice: str
    """What to do after a rotation."""


METRICS_TOKEN = GeneratedSecret(
    "metrics-token",
    "monitor.token",
    "Bearer token of the metrics endpoint.",
    "`invoke monitor.up` brings it to a Prometheus on this machine",
)
GRAFANA_PASSWORD = GeneratedSecret(
    "grafana-admin-password",
    "monitor.password",
    "Password of Grafana's first administrator.",
    "Grafana takes it up when its task starts anew",
)
CARRIER_SECRET = GeneratedSecret(
    "carrier-secret",
    "shop.carrier-secret",
    "Secret that carriers sign their messages with.",
    "give it to the carrier: messages signed with the old one are refused within a minute",
)
CURSOR_SECRET = GeneratedSecret(
    "cursor-secret",
    "shop.cursor-secret",
    "Secret that signs the cursors of paged lists.",
    "who pages through a list at this moment starts again at its first page",
)
FRONT_DOOR = (CARRIER_SECRET, CURSOR_SECRET)
"""Those that the shop API needs."""


def read(target: Target, name: str) -> str | None:
    """Read one of the environment's secrets, None where it was never set."""
    client = target.client("ssm")
    try:
        response = client.get_parameter(Name=_path(target, name), WithDecryption=True)
    except client.exceptions.ParameterNotFound:
        return None
    return response["Parameter"]["Value"]


def required(target: Target, secret: GeneratedSecret) -> str:
    value = read(target, secret.name)
    if value is None:
        raise UserError(f"{_path(target, secret.name)} was not made yet: `invoke {secret.task} --target {target.name}`")
    return value


def ensure(target: Target, secret: GeneratedSecret) -> str:
    """Return the secret; make it if it is missing."""
    return read(target, secret.name) or _make(target, secret, replace=False)


def provide_secret(target: Target, secret: GeneratedSecret, *, rotate: bool, show: bool) -> None:
    before = read(target, secret.name)
    value = _make(target, secret, replace=rotate) if rotate or not before else before
    out.print(f"{_path(target, secret.name)} {'is new' if value != before else 'exists already'}")
    if before and rotate:
        out.print(secret.advice)
    if show:
        out.print(value, markup=False)


def _make(target: Target, secret: GeneratedSecret, *, replace: bool) -> str:
    value, client = secrets.token_urlsafe(32), target.client("ssm")
    try:
        client.put_parameter(
            Name=_path(target, secret.name),
            Description=secret.description,
            Value=value,
            Type="SecureString",
            Overwrite=replace,
        )
    except client.exceptions.ParameterAlreadyExists:  # somebody else made it meanwhile
        return required(target, secret)
    return value


def _path(target: Target, name: str) -> str:
    return f"/{target.environment}/{name}"

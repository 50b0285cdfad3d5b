"""Tasks that make the secrets of the shop API, and replace them."""

from invoke.context import Context

from scripts.tasks.command import TARGET, command, target_of

_ACCESS = "ENVIRONMENT; with --target aws, AWS credentials too"
_OPTIONS = {"target": TARGET, "rotate": "make a new secret in place of the old", "show": "print the secret"}


@command(_OPTIONS, needs=_ACCESS)
def carrier_secret(_: Context, target: str = "local", rotate: bool = False, show: bool = False) -> None:
    """Make the secret that carriers sign with, if missing."""
    from scripts.deploy import generated_secrets

    generated_secrets.provide_secret(target_of(target), generated_secrets.CARRIER_SECRET, rotate=rotate, show=show)


@command(_OPTIONS, needs=_ACCESS)
def cursor_secret(_: Context, target: str = "local", rotate: bool = False, show: bool = False) -> None:
    """Make the secret that signs cursors, if missing."""
    from scripts.deploy import generated_secrets

    generated_secrets.provide_secret(target_of(target), generated_secrets.CURSOR_SECRET, rotate=rotate, show=show)

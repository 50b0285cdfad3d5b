"""The webhooks that alarms are sent to: each URL is a secret, and is in the Parameter Store and nowhere else."""

import sys
from getpass import getpass

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.deploy.target import Target
from services.notification_service.webhooks import is_webhook_url

_CHANNELS = ("slack", "teams")


def set_webhook(target: Target, channel: str) -> None:
    """Take the URL from a prompt that shows nothing, or from the standard input."""
    name = _parameter(target, channel)
    url = (getpass(f"webhook URL of {channel} (it is not shown): ") if sys.stdin.isatty() else sys.stdin.read()).strip()
    if not is_webhook_url(url):
        raise UserError(
            "that is not an https URL, so nothing was changed: copy the whole webhook URL, https:// included"
        )
    target.client("ssm").put_parameter(Name=name, Value=url, Type="SecureString", Overwrite=True)
    out.print(
        f"{name} is set: CloudWatch alarms go to {channel} within a minute, and Prometheus' alerts once "
        "`invoke monitor.up` has run again; `invoke alerts` shows who is told"
    )


def remove_webhook(target: Target, channel: str) -> None:
    name, client = _parameter(target, channel), target.client("ssm")
    try:
        client.delete_parameter(Name=name)
    except client.exceptions.ParameterNotFound:
        out.print(f"{name} was not set")
        return
    out.print(
        f"{name} is removed: CloudWatch alarms no longer go to {channel} after a minute, and Prometheus' alerts once "
        "`invoke monitor.up` has run again"
    )


def _parameter(target: Target, channel: str) -> str:
    if channel not in _CHANNELS:
        raise UserError(f"there is no channel {channel!r}: use {' or '.join(_CHANNELS)}")
    return f"/{target.environment}/{channel}-webhook-url"

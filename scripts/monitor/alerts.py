"""Which alerts fire now, since when, and whom each of them reaches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import requests
import yaml

from scripts.cli.console import out, table
from scripts.cli.errors import UserError
from scripts.cli.web import TIMEOUT_SECONDS, session, unreachable
from scripts.deploy import generated_secrets
from scripts.deploy.target import Target
from scripts.monitor import monitoring
from scripts.monitor.monitoring_config import CLOUDWATCH_RECEIVER, INTEGRATIONS, PEOPLE_RECEIVER

if TYPE_CHECKING:
    from types_boto3_cloudwatch import CloudWatchClient

_SET_WEBHOOK = "`invoke monitor.set-webhook slack`"
_WITHOUT_DATA = "INSUFFICIENT_DATA"
_OWN_LABELS = frozenset({"alertname", "environment", "severity", "notified_by"})


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert of Prometheus that fires now, and the receivers that Alertmanager routes it to."""

    name: str
    about: str
    """Its labels that tell it from others of its name, such as `queue=order-dlq`."""
    since: datetime
    receivers: tuple[str, ...]
    silenced: bool
    """Silenced by somebody, or inhibited by another alert: its receivers are not told."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm of CloudWatch, its state (`OK`, `ALARM`, `INSUFFICIENT_DATA`), and since when it is in it."""

    name: str
    state: str
    since: datetime


def show_alerts(target: Target) -> None:
    """Print the alerts that fire, the states of the CloudWatch alarms, and who is told of both."""
    channels = [channel for channel in INTEGRATIONS if generated_secrets.read(target, f"{channel}-webhook-url")]
    port = _alertmanager_port(target)
    if port is None:
        out.print("no Alertmanager runs on this machine, so its alerts are not known here: `invoke monitor.up`")
    else:
        _print_alerts(read_alerts(port), running := alertmanager_channels(port))
        out.print(f"\nAlertmanager tells {_named(running)}")
        if sorted(running) != sorted(channels):
            out.print(f"the webhooks that are set are of {_named(channels)}: `invoke monitor.up` tells Alertmanager")
    _print_alarms(read_alarms(target.client("cloudwatch"), target.environment))
    out.print(f"\nCloudWatch alarms tell {_named(channels)}")
    if target.is_local:
        out.print("the embedded AWS does not judge its alarms: Alertmanager tells of their causes too")
    if not channels:
        out.print(f"nobody is told of anything: {_SET_WEBHOOK}, or teams, and then `invoke monitor.up`")


def read_alerts(alertmanager_port: int) -> list[Alert]:
    """The alerts that fire, the oldest first."""
    found = [
        Alert(
            name=alert["labels"]["alertname"],
            about=" ".join(f"{name}={text}" for name, text in alert["labels"].items() if name not in _OWN_LABELS),
            since=datetime.fromisoformat(alert["startsAt"]),
            receivers=tuple(receiver["name"] for receiver in alert["receivers"]),
            silenced=alert["status"]["state"] == "suppressed",
        )
        for alert in _get(alertmanager_port, "alerts")
    ]
    return sorted(found, key=lambda alert: (alert.since, alert.name, alert.about))


def alertmanager_channels(alertmanager_port: int) -> list[str]:
    """The channels, such as `slack`, to which Alertmanager sends alerts by its running configuration."""
    configuration = yaml.safe_load(_get(alertmanager_port, "status")["config"]["original"])
    people = next(one for one in configuration["receivers"] if one["name"] == PEOPLE_RECEIVER)
    return [service for service, integration in INTEGRATIONS.items() if people.get(integration)]


def read_alarms(cloudwatch: "CloudWatchClient", environment: str) -> list[Alarm]:
    """The environment's alarms, those that ring first."""
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{environment}-")
    alarms = [
        Alarm(alarm["AlarmName"], alarm["StateValue"], alarm["StateUpdatedTimestamp"])
        for page in pages
        for alarm in page["MetricAlarms"]
    ]
    return sorted(alarms, key=lambda alarm: (alarm.state != "ALARM", alarm.name))


def _alertmanager_port(target: Target) -> int | None:
    daemon = monitoring.of(target).alertmanager
    return daemon.port if daemon.is_alive() else None


def _get(port: int, path: str) -> Any:  # noqa: ANN401 - JSON
    url = f"http://127.0.0.1:{port}/api/v2/{path}"
    try:
        response = session(url).get(url, timeout=TIMEOUT_SECONDS)
        response.raise_for_status()
        return response.json()
    except requests.exceptions.ConnectionError as error:
        raise unreachable("Alertmanager", url, error) from error
    except requests.exceptions.RequestException as error:
        raise UserError(f"Alertmanager at {url} gives no answer that can be read: {error}") from error


def _print_alerts(alerts: Sequence[Alert], channels: Sequence[str]) -> None:
    if not alerts:
        out.print("no alert fires")
        return
    shown = table("alert", "about", "since", "told to", title="Alerts that fire")
    for alert in alerts:
        shown.add_row(alert.name, alert.about, _time(alert.since), receivers_of(alert, channels))
    out.print(shown)


def receivers_of(alert: Alert, channels: Sequence[str]) -> str:
    """Name the receivers of an alert; `channels` are the channels to which Alertmanager sends."""
    if alert.silenced:
        return "nobody: silenced, or implied by another alert"
    whom: Mapping[str, str] = {
        PEOPLE_RECEIVER: _named(channels),
        CLOUDWATCH_RECEIVER: f"whom the CloudWatch alarm {alert.name} tells",
    }
    return ", ".join(whom.get(receiver, receiver) for receiver in alert.receivers) or "nobody"


def _print_alarms(alarms: Sequence[Alarm]) -> None:
    shown = table("alarm", "state", "since", title="\nCloudWatch alarms")
    for alarm in alarms:
        if alarm.state != _WITHOUT_DATA:
            shown.add_row(alarm.name, alarm.state, _time(alarm.since))
    if shown.row_count:
        out.print(shown)
    if without_data := len(alarms) - shown.row_count:
        out.print(f"\nCloudWatch alarms that have no data yet: {without_data}")
    if not alarms:
        out.print("\nthere is no CloudWatch alarm")


def _named(services: Sequence[str]) -> str:
    return " and ".join(services) if services else "nobody: no webhook is set"


def _time(time: datetime) -> str:
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S}"

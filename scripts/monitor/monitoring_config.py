"""What Prometheus and Alertmanager read, rendered from infra/monitoring for a folder of their own."""

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from scripts.check import runbook
from scripts.cli.files import whole, write_whole
from scripts.cli.paths import MONITORING_SOURCE

SLACK, TEAMS = "slack", "teams"
INTEGRATIONS = {SLACK: "slack_configs", TEAMS: "msteamsv2_configs"}
"""The part of a receiver that tells each service."""
PEOPLE_RECEIVER, CLOUDWATCH_RECEIVER = "people", "cloudwatch-alarm"
"""The receivers in alertmanager.yml. The second tells nobody: a CloudWatch alarm of the same cause does."""
_CONTAINER_FOLDER = "/etc/alertmanager"
_ALERTMANAGER = "localhost:9093"


def render_rules(folder: Path, runbook_url: str) -> None:
    """Write what `render_prometheus` names, with links to the runbook."""
    _copy(MONITORING_SOURCE / "prometheus" / "rules", folder / "rules")
    for rules in (folder / "rules").iterdir():
        text = rules.read_text(encoding="utf-8").replace(f"{runbook.PATH}#", f"{runbook_url}#")
        write_whole(rules, text)


def render_prometheus(  # noqa: PLR0913 - what a configuration consists of
    folder: Path, *, url: str, environment: str, token: str, alertmanager_port: int, scrape_seconds: int | None = None
) -> Path:
    """Write the configuration to scrape one deployment, and give its path; a running Prometheus sees a new target.

    `scrape_seconds` replaces the interval between two scrapes, and how long each may take.
    """
    write_secret(folder / "secrets" / "metrics-token", token)
    _write(folder / "targets" / "metrics.json", json.dumps([scrape_target(url, environment)]))
    text = (MONITORING_SOURCE / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    if scrape_seconds:
        text = re.sub(r"(scrape_interval|scrape_timeout): \w+", rf"\g<1>: {scrape_seconds}s", text)
    return _write(folder / "prometheus.yml", text.replace(_ALERTMANAGER, f"127.0.0.1:{alertmanager_port}"))


def scrape_target(url: str, environment: str) -> dict[str, Any]:
    """Describe the endpoint in the form of file_sd: https://prometheus.io/docs/prometheus/latest/configuration/configuration."""
    parts = urlsplit(url)
    labels = {"environment": environment, "__scheme__": parts.scheme, "__metrics_path__": parts.path}
    return {"targets": [parts.netloc], "labels": labels}


def render_alertmanager(folder: Path, webhooks: Mapping[str, str], *, alarms_ring: bool = True) -> Path:
    """Write the configuration that tells the services of `webhooks`, and nobody else, and give its path.

    Where no CloudWatch alarm rings, Alertmanager tells of the alerts that are left to one elsewhere.
    """
    _copy(MONITORING_SOURCE / "alertmanager" / "templates", folder / "templates")
    shutil.rmtree(folder / "secrets", ignore_errors=True)  # one may be set no more
    for service, url in webhooks.items():
        write_secret(folder / "secrets" / f"{service}-webhook-url", url)
    text = (
        (MONITORING_SOURCE / "alertmanager" / "alertmanager.yml")
        .read_text(encoding="utf-8")
        .replace(_CONTAINER_FOLDER, str(folder))
    )
    configuration = yaml.safe_load(text)
    for receiver in configuration["receivers"]:
        for service in INTEGRATIONS.keys() - webhooks.keys():
            receiver.pop(INTEGRATIONS[service], None)
    if not alarms_ring:
        configuration["route"].pop("routes")
    return _write(folder / "alertmanager.yml", yaml.safe_dump(configuration, sort_keys=False))


def write_secret(path: Path, secret: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    exclusive = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with whole(path) as partial, os.fdopen(os.open(partial, exclusive, 0o600), "w", encoding="utf-8") as file:
        file.write(secret)


def _copy(source: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)  # a server may read it at any moment
    return path

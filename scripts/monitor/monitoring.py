"""A real Prometheus and Alertmanager on this machine, which watch a deployment."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.request import urlopen

from botocore.exceptions import BotoCoreError, ClientError

from scripts.check import runbook
from scripts.cli.console import out
from scripts.cli.environment import without_aws
from scripts.cli.errors import UserError
from scripts.cli.paths import LOCAL_FOLDER, MONITORING_FOLDER
from scripts.cli.waiting import wait_until
from scripts.deploy import generated_secrets
from scripts.deploy.deployment import Deployment
from scripts.deploy.generated_secrets import METRICS_TOKEN
from scripts.deploy.target import Target
from scripts.local import monitoring_tools
from scripts.local.daemon import Daemon, answers, free_port
from scripts.local.monitoring_tools import Tools
from scripts.monitor.monitoring_config import SLACK, TEAMS, render_alertmanager, render_prometheus, render_rules

_READY_SECONDS = 30
_READY_PATH = "/-/ready"
# A new Prometheus has its first sample at once, and not up to 30 s later: else it would miss the orders of a demo.
_FIRST_SCRAPE_INTERVAL_SECONDS, _FIRST_SCRAPE_SECONDS = 2, 20
_RESEND_SECONDS = 5


@dataclass(frozen=True)
class Endpoint:
    """Where a deployment shows its metrics, and the token that it wants."""

    url: str
    environment: str
    token: str


@dataclass(frozen=True)
class Monitoring:
    """Both servers and their files, in one folder."""

    folder: Path
    environ: Mapping[str, str]

    @property
    def prometheus(self) -> Daemon:
        return Daemon(self.folder, "prometheus")

    @property
    def alertmanager(self) -> Daemon:
        return Daemon(self.folder, "alertmanager")

    def up(
        self,
        tools: Tools,
        endpoint: Endpoint,
        webhooks: Mapping[str, str],
        runbook_url: str,
        *,
        alarms_ring: bool = True,
    ) -> None:
        """Start what is not up; what is up gets the current endpoint, token, rules and receivers."""
        render_alertmanager(self.folder / "alertmanager", webhooks, alarms_ring=alarms_ring)
        port = self._serve(
            self.alertmanager,
            [
                str(tools.alertmanager),
                f"--config.file={self.folder / 'alertmanager' / 'alertmanager.yml'}",
                f"--storage.path={self.folder / 'alertmanager' / 'data'}",
                "--cluster.listen-address=",
            ],
            tools.working_folder,
            "PULSEQUEUE_ALERTMANAGER_PORT",
            9093,
        )
        render_rules(self.folder / "prometheus", runbook_url)
        configure = partial(
            render_prometheus,
            self.folder / "prometheus",
            url=endpoint.url,
            environment=endpoint.environment,
            token=endpoint.token,
            alertmanager_port=port,
        )
        is_new = not self.prometheus.is_alive()
        configure(scrape_seconds=_FIRST_SCRAPE_INTERVAL_SECONDS if is_new else None)
        port = self._serve(
            self.prometheus,
            [
                str(tools.prometheus),
                f"--config.file={self.folder / 'prometheus' / 'prometheus.yml'}",
                f"--storage.tsdb.path={self.folder / 'prometheus' / 'data'}",
                # An alert that is raised before Prometheus knows Alertmanager would reach it a minute later.
                f"--rules.alert.resend-delay={_RESEND_SECONDS}s",
                *([f"--web.local-assets={tools.web_assets}"] if tools.web_assets else []),
            ],
            tools.working_folder,
            "PULSEQUEUE_PROMETHEUS_PORT",
            9090,
        )
        if is_new:
            wait_until(lambda: _has_scraped(port), _FIRST_SCRAPE_SECONDS)
            configure()
            self.prometheus.signal(signal.SIGHUP)

    def down(self) -> bool:
        """End both; what they recorded stays, the secrets do not. False if there was nothing to end."""
        stopped = [daemon.stop() for daemon in Daemon.all_in(self.folder)]
        for secrets in self.folder.glob("*/secrets"):
            shutil.rmtree(secrets)
        return any(stopped)

    def _serve(self, daemon: Daemon, command: Sequence[str], cwd: Path, variable: str, default_port: int) -> int:
        with daemon.claimed() as lock:
            if lock is None:
                _await_ready(daemon, None)
                daemon.signal(signal.SIGHUP)  # read the configuration again
                return daemon.port
            port = free_port(self.environ.get(variable) or str(default_port), variable)
            address = f"127.0.0.1:{port}"
            process = daemon.launch(
                [*command, f"--web.listen-address={address}", f"--web.external-url=http://{address}"],
                lock,
                port=port,
                cwd=cwd,
                env=without_aws(self.environ),
            )
        _await_ready(daemon, process)
        return port


def up(target: Target) -> None:
    tools = monitoring_tools.find(target.environ)
    deployment = Deployment.of(target)
    endpoint = Endpoint(
        deployment.metrics_url(target), target.environment, generated_secrets.ensure(target, METRICS_TOKEN)
    )
    monitoring = of(target)
    webhooks = _webhooks(target, tools)
    # The embedded AWS does not judge its alarms.
    monitoring.up(tools, endpoint, webhooks, runbook.url(deployment.runbook_url), alarms_ring=not target.is_local)
    told = " and ".join(webhooks) or "nobody: no webhook is set (`invoke monitor.set-webhook slack`, then this again)"
    out.print(f"Prometheus is up, on {url(target)}, and scrapes {endpoint.url}")
    out.print(f"Alertmanager is up, on http://127.0.0.1:{monitoring.alertmanager.port}, and tells {told}")


def down(target: Target) -> None:
    stopped = of(target).down()
    out.print(
        "Prometheus and Alertmanager are stopped" if stopped else "neither Prometheus nor Alertmanager was running"
    )


def up_if_possible(target: Target) -> None:
    """Do as `up`; where that cannot be, say why, and go on."""
    try:
        up(target)
    except (UserError, BotoCoreError, ClientError, OSError) as error:
        out.print(f"no monitoring: {error}", markup=False)


def stop_all() -> None:
    """End those of every deployment that this checkout watches."""
    for environments in ("aws", "instances/*/environments"):
        for folder in LOCAL_FOLDER.glob(f"{environments}/*/{MONITORING_FOLDER}"):
            Monitoring(folder, os.environ).down()


def url(target: Target) -> str | None:
    """Give the address of Prometheus; None where it is not up."""
    daemon = of(target).prometheus
    return f"http://127.0.0.1:{daemon.port}" if daemon.is_alive() else None


def of(target: Target) -> Monitoring:
    return Monitoring(target.state_folder / MONITORING_FOLDER, target.environ)


def _webhooks(target: Target, tools: Tools) -> dict[str, str]:
    found = {
        service: webhook
        for service in (SLACK, TEAMS)
        if (webhook := generated_secrets.read(target, f"{service}-webhook-url"))
    }
    if TEAMS in found and not tools.knows_teams:
        out.print("this Alertmanager cannot send to Microsoft Teams, which takes 0.28 or newer: nothing is sent there")
        del found[TEAMS]
    return found


def _has_scraped(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/api/v1/targets?state=active", timeout=2) as answer:
            targets = json.load(answer)["data"]["activeTargets"]
    except (OSError, ValueError):
        return False
    return any(target["health"] == "up" for target in targets)


def _await_ready(daemon: Daemon, process: subprocess.Popen[bytes] | None) -> None:
    def ended() -> bool:
        return process is not None and process.poll() is not None

    wait_until(daemon.state_file.exists, _READY_SECONDS)
    wait_until(lambda: ended() or answers(daemon.port, _READY_PATH), _READY_SECONDS)
    if ended():
        raise UserError(f"{daemon.name} did not start: {daemon.log_tail()}")
    if not answers(daemon.port, _READY_PATH):
        raise UserError(f"{daemon.name} was not ready within {_READY_SECONDS} s: {daemon.log_tail()}")

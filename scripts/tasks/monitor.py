"""Tasks that watch a deployment."""

import os
from pathlib import Path

from invoke.context import Context

from scripts.cli.paths import DIST
from scripts.tasks.command import DEPLOYMENT, TARGET, command, count, target_of

_ACCESS = "ENVIRONMENT; with --target aws, AWS credentials too"


@command({"target": TARGET}, needs=f"{DEPLOYMENT}; Prometheus and Alertmanager (`invoke monitor.tools`)")
def up(_: Context, target: str = "local") -> None:
    """Start a Prometheus and an Alertmanager here.

    They watch a deployment.
    """
    from scripts.monitor import monitoring

    monitoring.up(target_of(target))


@command({"target": TARGET}, needs="ENVIRONMENT")
def down(_: Context, target: str = "local") -> None:
    """Stop that Prometheus and Alertmanager."""
    from scripts.monitor import monitoring

    monitoring.down(target_of(target))


@command({"target": TARGET}, needs=f"{DEPLOYMENT}; for Prometheus' alerts, `invoke monitor.up`")
def alerts(_: Context, target: str = "local") -> None:
    """Show what fires now, and who is told of it.

    It has Alertmanager's alerts and CloudWatch's alarms.
    """
    from scripts.monitor.alerts import show_alerts

    show_alerts(target_of(target))


@command()
def tools(_: Context) -> None:
    """Find Prometheus and Alertmanager, or fetch them.

    They are fetched on Debian and Ubuntu, without root.
    """
    from scripts.local import monitoring_tools

    monitoring_tools.provide()


@command({"target": TARGET, "rotate": "make a new token in place of the old", "show": "print the token"}, needs=_ACCESS)
def token(_: Context, target: str = "local", rotate: bool = False, show: bool = False) -> None:
    """Make the metrics endpoint's token, if missing."""
    from scripts.deploy import generated_secrets

    generated_secrets.provide_secret(target_of(target), generated_secrets.METRICS_TOKEN, rotate=rotate, show=show)


@command(
    {"target": TARGET, "rotate": "make a new password in place of the old", "show": "print the password"},
    needs=_ACCESS,
)
def password(_: Context, target: str = "local", rotate: bool = False, show: bool = False) -> None:
    """Make the password of the Grafana on ECS, if missing."""
    from scripts.deploy import generated_secrets

    generated_secrets.provide_secret(target_of(target), generated_secrets.GRAFANA_PASSWORD, rotate=rotate, show=show)


@command(
    {"channel": "slack or teams", "target": TARGET, "remove": "forget the URL, so that alarms no longer go there"},
    needs=_ACCESS,
    example="monitor.set-webhook slack",
    positional=["channel"],
)
def set_webhook(_: Context, channel: str, target: str = "local", remove: bool = False) -> None:
    """Set where alarms go, in Slack or Teams.

    The URL is asked for, or read from the standard input.
    """
    from scripts.operate import webhooks

    (webhooks.remove_webhook if remove else webhooks.set_webhook)(target_of(target), channel)


@command(
    {"target": TARGET, "rebuild": "first make the counters what the event store says; only while paused"},
    needs=f"{DEPLOYMENT}; the token of the metrics endpoint (`invoke monitor.token`)",
)
def metrics_audit(_: Context, target: str = "local", rebuild: bool = False) -> None:
    """Compare the metrics endpoint with the event store."""
    from scripts.monitor.metrics_audit import audit_metrics

    audit_metrics(target_of(target), rebuild=rebuild)


@command({"check": "write nothing, and fail if a dashboard would change"})
def dashboards(_: Context, check: bool = False) -> None:
    """Write the dashboards as the code builds them."""
    from scripts.monitor.grafana import dashboards

    (dashboards.check if check else dashboards.write)()


@command(
    {
        "url": "where Grafana answers, for example http://127.0.0.1:3000",
        "user": "a user of Grafana, administrator of its organisation",
        "password": "the user's password; - takes the one in GRAFANA_PASSWORD, which no other user of the machine sees",
        "prometheus_url": "where Prometheus answers, as Grafana sees it",
    },
    needs="a Grafana and a Prometheus",
    example="setup-grafana http://127.0.0.1:3000 admin - http://127.0.0.1:9090",
)
def setup_grafana(_: Context, url: str, user: str, password: str, prometheus_url: str) -> None:
    """Set up a Grafana's data source and dashboards."""
    from scripts import setup_grafana

    setup_grafana.set_up(url, user, password, prometheus_url)


@command({"target": "local or aws; it makes no difference here"})
def deliver(_: Context, target: str = "local") -> None:  # noqa: ARG001 - as every step of deploy-dev
    """Set up Grafana from GRAFANA_URL, or write its files.

    Without GRAFANA_URL it writes the files that a Grafana mounts.
    """
    from scripts import setup_grafana

    setup_grafana.deliver()


@command(
    {
        "prometheus": "where Prometheus answers, for example http://127.0.0.1:9090",
        "environment": "the environment whose metrics are drawn; ENVIRONMENT, or else dev, by default",
        "minutes": "how far back",
        "folder": "where the pictures go; dist/pictures by default",
    },
    needs="a Prometheus that watches a deployment (`invoke monitor.up`)",
    example="monitor.picture --prometheus http://127.0.0.1:9090",
)
def picture(
    _: Context,
    prometheus: str,
    environment: str | None = None,
    minutes: str = "30",
    folder: str = str(DIST / "pictures"),
) -> None:
    """Draw the dashboards from a Prometheus."""
    from scripts.monitor.grafana import picture

    environment = environment or os.environ.get("ENVIRONMENT") or "dev"
    picture.draw(prometheus, environment, Path(folder), minutes=count("minutes", minutes))

"""A deployment of its own, watched by a real Prometheus that scrapes it twice over and more often than in use."""

import os
import signal
from collections.abc import Iterator

import pytest
import yaml

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.own_deployment import own_deployment, with_settings
from scripts.deploy.target import Target
from scripts.local import monitoring_tools
from scripts.monitor import monitoring
from tests.integration.world import World
from tests.metrics.prometheus import JOBS, Prometheus
from tests.metrics.scrapes import HoldingProxy

_SETTINGS = {
    "ENVIRONMENT": "metrics",
    "PULSEQUEUE_INSTANCE": "metrics",
    "PULSEQUEUE_PROMETHEUS_PORT": "0",
    "PULSEQUEUE_ALERTMANAGER_PORT": "0",
}
# What a killed worker held comes again after six of them.
_FUNCTION_TIMEOUT_SECONDS = 5
_SCRAPE_INTERVAL = "3s"
# A parcel is delivered within seconds, and the carrier is asked each minute: the panels show orders on their way too.
_FAST_CARRIER = {"carrier_speed": 100_000, "tracking_interval_seconds": 60}


@pytest.fixture(scope="session", autouse=True)
def _tools() -> None:
    try:
        monitoring_tools.find(os.environ)
    except UserError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"NOT TESTED: the metrics' way to Prometheus. {missing}")


@pytest.fixture(scope="session")
def proxy() -> Iterator[HoldingProxy]:
    proxy = HoldingProxy()
    with proxy.running():
        yield proxy


@pytest.fixture(scope="session")
def target(_tools: None, proxy: HoldingProxy) -> Iterator[Target]:
    environ = {**_SETTINGS, "PULSEQUEUE_WORKER_ENDPOINT": proxy.url}
    settings = with_settings(environ, function_timeout_seconds=_FUNCTION_TIMEOUT_SECONDS, **_FAST_CARRIER)
    with own_deployment(settings, proxy.forward_to) as target:
        yield target


@pytest.fixture(scope="session")
def world(target: Target) -> World:
    return World(target, Deployment.of(target))


@pytest.fixture(scope="session")
def prometheus(target: Target) -> Prometheus:
    monitoring.up(target)
    _scrape_twice_and_often(target)
    url = monitoring.url(target)
    assert url is not None
    return Prometheus(url)


def _scrape_twice_and_often(target: Target) -> None:
    watching = monitoring.of(target)
    file = watching.folder / "prometheus" / "prometheus.yml"
    configuration = yaml.safe_load(file.read_text())
    (job,) = configuration["scrape_configs"]
    configuration["global"] |= {"scrape_interval": _SCRAPE_INTERVAL, "scrape_timeout": _SCRAPE_INTERVAL}
    configuration["scrape_configs"] = [job | {"job_name": name} for name in JOBS]
    file.write_text(yaml.safe_dump(configuration))
    watching.prometheus.signal(signal.SIGHUP)

"""A real Prometheus and Alertmanager, with our configuration at a quicker pace."""

import json
import os
import re
import shutil
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

from scripts.cli.paths import MONITORING_SOURCE
from scripts.cli.waiting import wait_until
from scripts.local.monitoring_tools import Tools
from scripts.monitor import monitoring_config
from scripts.monitor.alerts import alertmanager_channels, read_alerts
from scripts.monitor.monitoring import Endpoint, Monitoring
from scripts.monitor.monitoring_config import CLOUDWATCH_RECEIVER, PEOPLE_RECEIVER, SLACK
from tests.monitoring.servers import MetricsEndpoint, Webhook, get_json, serving

TIMEOUT_SECONDS = 90
RUNBOOK_URL = "https://git.example/pulsequeue/runbook.md"
METRICS = """\
stock_quantity{sku="prod-001"} 3
stock_reserved{sku="prod-001"} 1
stock_quantity{sku="prod-002"} 30
stock_reserved{sku="prod-002"} 1
dead_letters{queue="order-dlq"} 2
"""


@pytest.fixture(scope="module")
def quick_configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let every wait of the configuration last a second."""
    folder = tmp_path_factory.mktemp("configuration") / "monitoring"
    shutil.copytree(MONITORING_SOURCE, folder)
    waits = r"((?:scrape_interval|scrape_timeout|evaluation_interval|for|group_wait|group_interval): )\w+"
    for path in folder.rglob("*.yml"):
        path.write_text(re.sub(waits, r"\g<1>1s", path.read_text()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(monitoring_config, "MONITORING_SOURCE", folder)
        yield


@pytest.fixture(scope="module")
def endpoint() -> Iterator[MetricsEndpoint]:
    service = MetricsEndpoint(token="first", text=METRICS)  # noqa: S106 - no real one
    with serving(service):
        yield service


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    service = Webhook()
    with serving(service):
        yield service


@pytest.fixture(scope="module")
def watched(
    tools: Tools,
    quick_configuration: None,  # noqa: ARG001 - in force while this is
    endpoint: MetricsEndpoint,
    webhook: Webhook,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Monitoring]:
    ports = {"PULSEQUEUE_PROMETHEUS_PORT": "0", "PULSEQUEUE_ALERTMANAGER_PORT": "0"}
    monitoring = Monitoring(tmp_path_factory.mktemp("monitoring"), {**os.environ, **ports})
    try:
        monitoring.up(tools, described(endpoint), {SLACK: webhook.url}, RUNBOOK_URL)
        yield monitoring
    finally:
        monitoring.down()


def described(endpoint: MetricsEndpoint) -> Endpoint:
    return Endpoint(endpoint.url, "dev", endpoint.token)


def query(monitoring: Monitoring, text: str) -> list[dict[str, Any]]:
    path = f"/api/v1/query?query={urllib.parse.quote(text)}"
    result: list[dict[str, Any]] = get_json(monitoring.prometheus.port, path)["data"]["result"]
    return result


def eventually(condition: Callable[[], bool]) -> bool:
    return wait_until(condition, TIMEOUT_SECONDS)


def test_prometheus_scrapes_the_endpoint_with_its_token(watched: Monitoring, endpoint: MetricsEndpoint) -> None:
    assert eventually(lambda: [one["value"][1] for one in query(watched, "up")] == ["1"])

    (up,) = query(watched, "up")
    assert up["metric"] == {
        "__name__": "up",
        "environment": "dev",
        "instance": f"127.0.0.1:{endpoint.port}",
        "job": "pulsequeue",
    }
    assert {one["metric"]["sku"]: one["value"][1] for one in query(watched, "stock_quantity")} == {
        "prod-001": "3",
        "prod-002": "30",
    }


def test_an_alert_goes_from_its_rule_to_people_with_a_link_to_the_runbook(
    watched: Monitoring, webhook: Webhook
) -> None:
    assert watched.alertmanager.is_alive()
    assert eventually(lambda: bool(webhook.received))

    (message,) = webhook.received[0]["attachments"]
    assert message["title"] == "WARNING StockLow in dev"
    assert message["text"] == f"prod-001 is nearly sold out in dev: 2 left\nRunbook: {RUNBOOK_URL}#stocklow"


def test_what_cloudwatch_tells_people_of_reaches_alertmanager_and_nobody_else(
    watched: Monitoring, webhook: Webhook
) -> None:
    def alerts() -> dict[str, list[str]]:
        found = get_json(watched.alertmanager.port, "/api/v2/alerts")
        return {one["labels"]["alertname"]: [to["name"] for to in one["receivers"]] for one in found}

    assert eventually(lambda: {"DeadLettersNotEmpty", "StockLow"} <= alerts().keys())
    assert eventually(lambda: bool(webhook.received))

    assert alerts()["DeadLettersNotEmpty"] == ["cloudwatch-alarm"]
    assert alerts()["StockLow"] == ["people"]
    assert "DeadLetters" not in json.dumps(webhook.received)


def test_the_alerts_that_fire_are_read_with_their_receivers(watched: Monitoring) -> None:
    port = watched.alertmanager.port

    def receivers() -> dict[tuple[str, str], tuple[str, ...]]:
        return {(alert.name, alert.about): alert.receivers for alert in read_alerts(port)}

    dead_letters, stock = ("DeadLettersNotEmpty", "queue=order-dlq"), ("StockLow", "sku=prod-001")
    assert eventually(lambda: {dead_letters, stock} <= receivers().keys())
    assert receivers()[dead_letters] == (CLOUDWATCH_RECEIVER,)
    assert receivers()[stock] == (PEOPLE_RECEIVER,)
    assert alertmanager_channels(port) == [SLACK]


def test_starting_again_mends_address_token_and_receivers_and_keeps_the_servers(
    watched: Monitoring, tools: Tools
) -> None:
    def configuration() -> str:
        text: str = get_json(watched.alertmanager.port, "/api/v2/status")["config"]["original"]
        return text

    assert "slack_configs" in configuration()
    pids = [daemon.state_file.read_text() for daemon in (watched.prometheus, watched.alertmanager)]
    moved = MetricsEndpoint(token="second", text=METRICS)  # noqa: S106 - no real one

    with serving(moved):
        watched.up(tools, described(moved), {}, RUNBOOK_URL)

        assert eventually(
            lambda: (
                [(one["metric"]["instance"], one["value"][1]) for one in query(watched, "up")]
                == [(f"127.0.0.1:{moved.port}", "1")]
            )
        )
        assert eventually(lambda: "slack_configs" not in configuration())
    assert [daemon.state_file.read_text() for daemon in (watched.prometheus, watched.alertmanager)] == pids


def test_a_wrong_token_is_seen_as_a_target_that_is_down(
    watched: Monitoring, tools: Tools, endpoint: MetricsEndpoint
) -> None:
    watched.up(tools, replace(described(endpoint), token="wrong"), {}, RUNBOOK_URL)  # noqa: S106 - no real one

    assert eventually(lambda: [one["value"][1] for one in query(watched, "up")] == ["0"])


def test_both_end_with_the_secrets_and_what_was_recorded_stays(watched: Monitoring) -> None:
    prometheus, alertmanager = watched.prometheus.port, watched.alertmanager.port

    assert watched.down()

    for port in (prometheus, alertmanager):
        with pytest.raises(URLError):
            get_json(port, "/")
    assert not list(watched.folder.rglob("metrics-token"))
    assert (watched.folder / "prometheus" / "data").is_dir()
    assert not watched.down()


def test_a_new_prometheus_has_a_sample_at_once_and_then_scrapes_at_its_usual_pace(
    tools: Tools, endpoint: MetricsEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitoring_config, "MONITORING_SOURCE", MONITORING_SOURCE)
    ports = {"PULSEQUEUE_PROMETHEUS_PORT": "0", "PULSEQUEUE_ALERTMANAGER_PORT": "0"}
    monitoring = Monitoring(tmp_path, {**os.environ, **ports})
    try:
        monitoring.up(tools, described(endpoint), {}, RUNBOOK_URL)

        assert [one["value"][1] for one in query(monitoring, 'stock_quantity{sku="prod-001"}')] == ["3"]

        def configuration() -> str:
            text: str = get_json(monitoring.prometheus.port, "/api/v1/status/config")["data"]["yaml"]
            return text

        assert eventually(lambda: "scrape_interval: 30s" in configuration())
        assert "scrape_interval: 2s" not in configuration()
    finally:
        monitoring.down()

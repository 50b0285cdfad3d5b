import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.deploy.target import Target
from scripts.local.emulator import Emulator
from scripts.monitor.monitoring_config import render_alertmanager, render_prometheus, render_rules
from tests.unit.conftest import make_deployment

LOCAL_URL = "http://127.0.0.1:4566/_aws/execute-api/abc/dev/metrics"


def receivers(folder: Path) -> dict[str, Any]:
    return {one["name"]: one for one in yaml.safe_load((folder / "alertmanager.yml").read_text())["receivers"]}


def test_prometheus_gets_its_target_its_token_and_the_alertmanager(tmp_path: Path) -> None:
    path = render_prometheus(tmp_path, url=LOCAL_URL, environment="dev", token="secret", alertmanager_port=4711)  # noqa: S106 - no real one

    assert yaml.safe_load(path.read_text())["alerting"]["alertmanagers"] == [
        {"static_configs": [{"targets": ["127.0.0.1:4711"]}]}
    ]
    (target,) = json.loads((tmp_path / "targets" / "metrics.json").read_text())
    assert target == {
        "targets": ["127.0.0.1:4566"],
        "labels": {
            "environment": "dev",
            "__scheme__": "http",
            "__metrics_path__": "/_aws/execute-api/abc/dev/metrics",
        },
    }
    assert (tmp_path / "secrets" / "metrics-token").read_text() == "secret"


def test_each_alert_links_to_its_entry_in_the_runbook(tmp_path: Path) -> None:
    render_rules(tmp_path, "https://git.example/pulsequeue/runbook.md")

    groups = yaml.safe_load((tmp_path / "rules" / "alerts.yml").read_text())["groups"]
    links = {rule["alert"]: rule["annotations"]["runbook_url"] for group in groups for rule in group["rules"]}
    assert links["StockLow"] == "https://git.example/pulsequeue/runbook.md#stocklow"
    assert links == {alert: f"https://git.example/pulsequeue/runbook.md#{alert.lower()}" for alert in links}


def test_only_the_owner_may_read_a_secret_also_once_it_is_replaced(tmp_path: Path) -> None:
    for token in ("first", "second"):
        render_prometheus(tmp_path, url=LOCAL_URL, environment="dev", token=token, alertmanager_port=1)
    render_alertmanager(tmp_path / "am", {"slack": "https://hooks.example/1"})

    secrets = [tmp_path / "secrets" / "metrics-token", tmp_path / "am" / "secrets" / "slack-webhook-url"]
    assert [path.stat().st_mode & 0o777 for path in secrets] == [0o600, 0o600]
    assert secrets[0].read_text() == "second"


def test_only_services_with_a_webhook_are_told(tmp_path: Path) -> None:
    render_alertmanager(tmp_path, {"slack": "https://hooks.example/1", "teams": "https://hooks.example/2"})
    assert receivers(tmp_path)["people"].keys() == {"name", "slack_configs", "msteamsv2_configs"}

    render_alertmanager(tmp_path, {"teams": "https://hooks.example/2"})
    assert receivers(tmp_path)["people"].keys() == {"name", "msteamsv2_configs"}
    assert not (tmp_path / "secrets" / "slack-webhook-url").exists()

    render_alertmanager(tmp_path, {})
    assert receivers(tmp_path) == {
        "cloudwatch-alarm": {"name": "cloudwatch-alarm"},
        "people": {"name": "people"},
    }


def test_where_no_alarm_rings_alertmanager_tells_people_of_everything(tmp_path: Path) -> None:
    rings, rings_not = (
        yaml.safe_load(render_alertmanager(tmp_path / str(ring), {}, alarms_ring=ring).read_text())["route"]
        for ring in (True, False)
    )

    assert rings["routes"] == [{"receiver": "cloudwatch-alarm", "matchers": ["notified_by = cloudwatch"]}]
    assert rings_not == {name: value for name, value in rings.items() if name != "routes"}
    assert rings_not["receiver"] == "people"


def test_alertmanager_finds_templates_and_secrets_in_its_folder(tmp_path: Path) -> None:
    path = render_alertmanager(tmp_path, {"slack": "https://hooks.example/1"})

    assert yaml.safe_load(path.read_text())["templates"] == [f"{tmp_path}/templates/*.tmpl"]
    assert receivers(tmp_path)["people"]["slack_configs"][0]["api_url_file"] == f"{tmp_path}/secrets/slack-webhook-url"
    assert "/etc/" not in path.read_text()


def test_the_embedded_aws_serves_the_metrics_elsewhere_than_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Emulator, "running_port", lambda _: 4800)
    url = "https://api.example/test/metrics"
    deployment = make_deployment(metrics_api={"id": "api", "url": url})

    assert deployment.metrics_url(Target("local", "dev")) == "http://127.0.0.1:4800/_aws/execute-api/api/dev/metrics"
    assert deployment.metrics_url(Target("aws", "test")) == url

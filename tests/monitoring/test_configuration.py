"""The programs' own checkers on what we configure."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.local.monitoring_tools import Tools
from scripts.monitor.monitoring_config import SLACK, TEAMS, render_alertmanager, render_prometheus, render_rules
from tests.unit.monitoring.rules import PROMETHEUS, rules

ALERTS = rules("alert")
WEBHOOK = "https://hooks.example/1"


def output_of(*command: str | Path) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def receiver(tools: Tools, configuration: Path, labels: dict[str, Any]) -> str:
    given = [f"{name}={value}" for name, value in labels.items()]
    return output_of(tools.amtool, "config", "routes", "test", f"--config.file={configuration}", *given).strip()


def test_promtool_accepts_the_configuration_and_its_rules(tools: Tools, tmp_path: Path) -> None:
    render_rules(tmp_path, "https://git.example/runbook.md")
    path = render_prometheus(tmp_path, url="http://h/m", environment="dev", token="secret", alertmanager_port=1)  # noqa: S106 - no real one

    assert "WARNING" not in output_of(tools.promtool, "check", "config", path)


def test_every_rule_does_what_its_tests_say(tools: Tools) -> None:
    output_of(tools.promtool, "test", "rules", *sorted((PROMETHEUS / "tests").glob("*.yml")))


def test_amtool_accepts_the_configuration_for_each_set_of_webhooks(tools: Tools, tmp_path: Path) -> None:
    sets = [{}, {SLACK: WEBHOOK}]
    if tools.knows_teams:
        sets += [{TEAMS: WEBHOOK}, {SLACK: WEBHOOK, TEAMS: WEBHOOK}]

    for number, webhooks in enumerate(sets):
        output_of(tools.amtool, "check-config", render_alertmanager(tmp_path / str(number), webhooks))


@pytest.mark.parametrize("rule", ALERTS, ids=[rule["alert"] for rule in ALERTS])
def test_no_alert_takes_both_paths(tools: Tools, tmp_path: Path, rule: dict[str, Any]) -> None:
    configuration = render_alertmanager(tmp_path, {SLACK: WEBHOOK})
    labels = {"alertname": rule["alert"], "environment": "dev", **rule["labels"]}

    expected = "cloudwatch-alarm" if rule["labels"].get("notified_by") == "cloudwatch" else "people"
    assert receiver(tools, configuration, labels) == expected

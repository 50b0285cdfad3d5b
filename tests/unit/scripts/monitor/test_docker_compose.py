"""The compose file, which no engine here can run: what it must not open, and that what it mounts is there."""

import re
from typing import Any

import pytest
import yaml

from scripts.cli.paths import MONITORING_SOURCE

_FOLDER = MONITORING_SOURCE
_SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((_FOLDER / "docker-compose.yml").read_text())["services"]
_GRAFANA: dict[str, str] = _SERVICES["grafana"]["environment"]

each_service = pytest.mark.parametrize("name", _SERVICES)


def test_grafana_prometheus_and_alertmanager_are_run() -> None:
    assert sorted(_SERVICES) == ["alertmanager", "grafana", "prometheus"]


@each_service
def test_images_have_an_exact_version(name: str) -> None:
    assert re.fullmatch(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", _SERVICES[name]["image"])


@each_service
def test_a_service_on_the_hosts_network_listens_on_the_loopback_alone(name: str) -> None:
    service = _SERVICES[name]
    listens = [one.split("=", 1)[1] for one in service.get("command", []) if ".listen-address=" in one]
    listens += [_GRAFANA["GF_SERVER_HTTP_ADDR"]] if name == "grafana" else []

    assert service["network_mode"] == "host"
    assert "ports" not in service
    assert listens
    assert all(address == "" or address.split(":")[0] == "127.0.0.1" for address in listens)
    assert name == "grafana" or any(one.startswith("--web.listen-address=127.0.0.1:") for one in service["command"])


@each_service
def test_a_service_can_change_nothing_and_gain_nothing(name: str) -> None:
    service = _SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(volume.startswith("./") and volume.endswith(":ro") for volume in service["volumes"])


def test_grafana_wants_a_password_and_lets_no_stranger_in() -> None:
    assert _GRAFANA["GF_SECURITY_ADMIN_PASSWORD"].startswith("${GRAFANA_PASSWORD:?")
    assert _GRAFANA["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert _GRAFANA["GF_USERS_ALLOW_SIGN_UP"] == "false"


def test_grafana_finds_the_dashboards_where_the_provisioning_says() -> None:
    mounts = dict(volume.removesuffix(":ro").split(":") for volume in _SERVICES["grafana"]["volumes"])
    provider = yaml.safe_load((_FOLDER / "grafana/provisioning/dashboards/pulsequeue.yml").read_text())["providers"][0]

    assert all((_FOLDER / source).is_dir() for source in mounts)
    assert mounts["./grafana/dashboards"] == provider["options"]["path"]
    assert mounts["./grafana/provisioning"] == "/etc/grafana/provisioning"
    assert _GRAFANA["PROMETHEUS_URL"] == "http://127.0.0.1:9090"

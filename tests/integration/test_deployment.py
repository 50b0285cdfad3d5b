"""The deployment itself: what Terraform plans again, and the scripts that people run on it."""

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scripts import post_deploy_test
from scripts.cli.errors import UserError
from scripts.cli.paths import ORDER_EVENTS_FILE
from scripts.deploy.target import Target
from scripts.operate import post_deploy_suite
from scripts.put_order import put_order
from scripts.seed_inventory import seed
from tests.integration.world import World


def changes(plan: Mapping[str, Any]) -> dict[str, list[str]]:
    """Give what a plan would do, by the resource's address."""
    return {
        resource["address"]: actions
        for resource in plan["resource_changes"]
        if (actions := resource["change"]["actions"]) not in (["no-op"], ["read"])
    }


def test_a_second_plan_is_empty(plan: Mapping[str, Any]) -> None:
    assert changes(plan) == {}
    assert not [name for name, output in plan.get("output_changes", {}).items() if output["actions"] != ["no-op"]]


def test_the_embedded_aws_answers_in_one_piece(target: Target) -> None:
    port = target.emulator.running_port()

    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /_ministack/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert body


def test_monitoring_on_ecs_can_be_planned(world: World, plan_of_options: Mapping[str, Any]) -> None:
    planned = {resource["address"]: resource["change"] for resource in plan_of_options["resource_changes"]}
    added = {address: change["after"] for address, change in planned.items() if "module.monitoring" in address}
    delivered = {change["key"] for address, change in added.items() if ".aws_s3_object." in address}
    assert delivered >= {
        "prometheus/prometheus.yml",
        "prometheus/rules/alerts.yml",
        "prometheus/targets/metrics.json",
        "alertmanager/alertmanager.yml",
        "grafana/provisioning/datasources/prometheus.yml",
    }
    assert not [address for address in added if "ingress_rule" in address]
    assert added["module.pulsequeue.module.monitoring[0].aws_ecs_service.this"]["launch_type"] == "FARGATE"
    not_scraped = "module.pulsequeue.module.cloudwatch.aws_cloudwatch_metric_alarm.not_scraped[0]"
    assert planned[not_scraped]["after"]["dimensions"] == {"ApiId": world.deployment.metrics_api.id, "Stage": "test"}


def test_the_post_deploy_test_passes_and_can_be_run_again(target: Target) -> None:
    post_deploy_test.check_deployment(target)
    post_deploy_test.check_deployment(target)


@pytest.mark.usefixtures("world")
def test_the_post_deploy_test_names_what_does_not_hold(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = json.loads(ORDER_EVENTS_FILE.read_text())
    suite["cases"][0]["expect"] |= {"gateway": "declined", "sold": {"test-kettle": 1}}
    altered = tmp_path / "events.json"
    altered.write_text(json.dumps(suite))
    monkeypatch.setattr(post_deploy_suite, "ORDER_EVENTS_FILE", altered)

    with pytest.raises(UserError) as failure:
        post_deploy_test.check_deployment(target)

    assert "paid: gateway ledger: expected declined, saw charged" in str(failure.value)
    assert "test-kettle (stock, reserved, available)" in str(failure.value)


def test_an_order_from_the_command_line_is_followed_to_its_end(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    sku = world.new_sku(stock=3)

    put_order(world.target, order_id=None, customer_id="customer-1", items=[f"{sku}=2"], file=None, wait=True)

    assert "OrderValidated + PaymentRequested" in capsys.readouterr().out


def test_an_order_of_an_unknown_sku_is_not_sent(world: World) -> None:
    with pytest.raises(UserError, match="unknown SKU no-such-sku: nothing was sent"):
        put_order(
            world.target, order_id="order-x", customer_id="customer-1", items=["no-such-sku=1"], file=None, wait=False
        )


def test_seeding_again_changes_nothing_and_a_reserved_unit_cannot_be_taken(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sku = world.new_sku(stock=10)
    product = {"sku": sku, "name": sku, "stock": 10, "priceMinor": 500, "currency": "GBP"}
    file = tmp_path / "seed.json"

    file.write_text(json.dumps([product]))
    seed(world.target, file)
    assert "unchanged" in capsys.readouterr().out

    file.write_text(json.dumps([product | {"stock": 4, "priceMinor": 600}]))
    seed(world.target, file)
    assert "stock -6, price was 5.00 GBP" in capsys.readouterr().out
    assert world.stock(sku) == (4, 0, 4)

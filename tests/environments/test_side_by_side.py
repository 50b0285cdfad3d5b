"""Development, staging and production, applied at the same time to one account."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from scripts import post_deploy_test
from scripts.deploy import planning
from scripts.deploy.deployment import Deployment
from scripts.deploy.own_deployment import deploy, own_emulator
from scripts.deploy.target import Target
from scripts.ledger.audit.report import audit_deployment
from tests.integration.test_deployment import changes
from tests.integration.world import World

_ENVIRONMENTS = ("dev", "staging", "prod")


@pytest.fixture(scope="module")
def targets() -> Iterator[list[Target]]:
    with own_emulator({"PULSEQUEUE_INSTANCE": "environments", "ENVIRONMENT": "dev"}) as target:
        targets = [replace(target, environment=name) for name in _ENVIRONMENTS]
        with ThreadPoolExecutor(len(targets)) as pool:
            list(pool.map(deploy, targets))
        yield targets


def test_each_passes_the_post_deploy_test_and_knows_its_own_orders_alone(targets: list[Target]) -> None:
    for target in targets:
        post_deploy_test.check_deployment(target)
        audit_deployment(target)

    streams = [_order_streams(target) for target in targets]
    assert [len(own) for own in streams] == [4, 4, 4]
    assert len(set.union(*streams)) == sum(map(len, streams))


def test_only_development_lets_an_order_say_how_its_payment_ends(targets: list[Target]) -> None:
    for target in targets:
        world = World(target, Deployment.of(target))
        sku = world.new_sku(stock=50)
        histories = world.run(*(world.order({sku: 1}, pays=False) for _ in range(20)))
        paid = sum("OrderConfirmed" in history.events for history in histories)
        assert (paid == 0) == (target.environment == "dev")


def test_the_others_change_nothing_of_an_environment(targets: list[Target]) -> None:
    for target in targets:
        planning.plan(target)
        assert changes(planning.read_plan(target)) == {}


def _order_streams(target: Target) -> set[str]:
    pages = (
        target.client("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=Deployment.of(target).tables.event_store, ConsistentRead=True)
    )
    streams = {item["stream_id"]["S"] for page in pages for item in page["Items"]}
    return {stream for stream in streams if stream.startswith("order#")}

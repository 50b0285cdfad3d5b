"""One embedded AWS and one apply of the real Terraform, shared by all integration tests."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from scripts.deploy import planning
from scripts.deploy.deployment import Deployment
from scripts.deploy.own_deployment import deploy, own_emulator, with_settings
from scripts.deploy.plan import guard
from scripts.deploy.target import Target
from scripts.measure.calls import CountingProxy
from tests.integration.plans import Resource, resources_of
from tests.integration.world import World
from tests.receiver import Receiver

# A failed batch is hidden for six function timeouts: short ones, so that a test need not wait for a minute.
_FUNCTION_TIMEOUT_SECONDS = 5
# Parcels stand still unless a test moves them: hundreds under way would be looked at each minute, and fill the queues.
_SLOW_CARRIER = {"carrier_speed": 1, "tracking_interval_seconds": 6 * 3600}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--walk-seconds", type=int, default=20, help="how long to walk through the shop API")
    parser.addoption("--walk-seed", type=int, help="the seed of the walk; a new one by default")


@pytest.fixture(scope="session")
def proxy() -> Iterator[CountingProxy]:
    proxy = CountingProxy()
    with proxy.running():
        yield proxy


@pytest.fixture(scope="session")
def webhooks() -> Iterator[dict[str, Receiver]]:
    receivers = {"slack": Receiver(), "teams": Receiver()}
    yield receivers
    for receiver in receivers.values():
        receiver.close()


@pytest.fixture(scope="session")
def target(proxy: CountingProxy, webhooks: Mapping[str, Receiver]) -> Iterator[Target]:
    settings = {
        "ENVIRONMENT": "test",
        # It begins with nothing and leaves nothing: in the instance of a demo it would take the demo away.
        "PULSEQUEUE_INSTANCE": f"{os.environ.get('PULSEQUEUE_INSTANCE', 'test')}-integration",
        "PULSEQUEUE_WORKER_ENDPOINT": proxy.url,
    }
    settings = with_settings(settings, function_timeout_seconds=_FUNCTION_TIMEOUT_SECONDS, **_SLOW_CARRIER)
    with own_emulator(settings, proxy.forward_to) as target:
        # Before the first alarm: a function keeps for a minute that there is no webhook.
        for channel, receiver in webhooks.items():
            name = f"/{target.environment}/{channel}-webhook-url"
            target.client("ssm").put_parameter(Name=name, Value=receiver.url, Type="SecureString")
        deploy(target)
        yield target


@pytest.fixture(scope="session")
def plan(target: Target) -> dict[str, Any]:
    """What Terraform would change in what it has just deployed, with every value known, ARNs too."""
    planning.plan(target)
    return planning.read_plan(target)


@pytest.fixture(scope="session")
def resources(plan: Mapping[str, Any]) -> list[Resource]:
    return list(resources_of(plan["planned_values"]["root_module"]))


@pytest.fixture(scope="session")
def plan_of_options(target: Target) -> Mapping[str, Any]:
    """What Terraform would change if all were asked for that is off by default: a customer's key, monitoring on ECS."""
    asked = replace(target, environ=with_settings(target.environ, customer_key=True, monitoring_enabled=True))
    planning.plan(asked)
    plan = planning.read_plan(asked)
    (asked.state_folder / guard.PLAN_FILE).unlink()  # nobody shall apply it
    return plan


@pytest.fixture(scope="session")
def world(target: Target) -> World:
    return World(target, Deployment.of(target))

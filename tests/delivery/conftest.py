"""One embedded AWS and one apply of the real Terraform, which these tests may change, spoil and take down."""

import os
from collections.abc import Iterator

import pytest

from scripts.deploy.deployment import Deployment
from scripts.deploy.own_deployment import own_deployment, with_settings
from scripts.deploy.target import Target
from tests.integration.world import World


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    settings = {
        "ENVIRONMENT": "test",
        "PULSEQUEUE_INSTANCE": f"{os.environ.get('PULSEQUEUE_INSTANCE', 'test')}-delivery",
    }
    # A pause waits for as long, and what a function failed at is hidden for six times it.
    settings = with_settings(settings, function_timeout_seconds=5)
    with own_deployment(settings) as target:
        yield target


@pytest.fixture(scope="session")
def world(target: Target) -> World:
    return World(target, Deployment.of(target))

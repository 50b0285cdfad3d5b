"""A deployment of its own: its tables are spoilt and emptied."""

from collections.abc import Iterator

import pytest

from scripts.deployed import deployed, with_settings
from scripts.deployment import Deployment
from tests.integration.world import World

_SETTINGS = with_settings({"ENVIRONMENT": "recovery", "PULSEQUEUE_INSTANCE": "recovery"}, function_timeout_seconds=5)


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    with deployed(_SETTINGS) as target:
        yield World(target, Deployment.of(target))

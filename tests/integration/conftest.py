"""One embedded AWS and one apply of the real Terraform, shared by all integration tests."""

import os
from collections.abc import Iterator

import pytest

from scripts.deployed import deployed
from scripts.deployment import Deployment
from scripts.target import Target
from tests.integration.world import World

# A failed batch is hidden for six function timeouts: short ones, so that a test need not wait for a minute.
_FUNCTION_TIMEOUT_SECONDS = "5"


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    settings = {
        "ENVIRONMENT": "test",
        "PULSEQUEUE_INSTANCE": os.environ.get("PULSEQUEUE_INSTANCE", "test"),
        "TF_VAR_function_timeout_seconds": _FUNCTION_TIMEOUT_SECONDS,
    }
    with deployed(settings) as target:
        yield target


@pytest.fixture(scope="session")
def world(target: Target) -> World:
    return World(target, Deployment.of(target))

"""One embedded AWS and one apply of the real Terraform, which these tests may change and take down."""

import os
from collections.abc import Iterator

import pytest

from scripts.deployed import deployed
from scripts.target import Target


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    settings = {
        "ENVIRONMENT": "test",
        "PULSEQUEUE_INSTANCE": f"{os.environ.get('PULSEQUEUE_INSTANCE', 'test')}-delivery",
    }
    with deployed(settings) as target:
        yield target

"""Real Prometheus and Alertmanager programs, or a loud word on why a test did not run."""

import os

import pytest

from scripts.cli.errors import UserError
from scripts.local import monitoring_tools
from scripts.local.monitoring_tools import Tools


@pytest.fixture(scope="session")
def tools() -> Tools:
    try:
        return monitoring_tools.find()
    except UserError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must run these tests, and cannot: {error}")
        pytest.skip(f"NOT TESTED: {error}")

"""What the tests of several services share."""

import json
import random
from collections.abc import Iterator

import pytest

from scripts.lambdas_config import LAMBDAS
from services.libs.observability.structured_logging import logger
from services.shared.events.event import Bus
from tests.unit.conftest import (
    CUSTOMER_KEY_TABLE,
    DEADLINE_TABLE,
    EVENT_STORE_TABLE,
    GATEWAY_TABLE,
    INVENTORY_TABLE,
    METRICS_TABLE,
    Aws,
)


@pytest.fixture
def environment(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that every function finds at its cold start."""
    settings = {
        "ENVIRONMENT": "test",
        "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
        "INVENTORY_TABLE": INVENTORY_TABLE,
        "METRICS_TABLE": METRICS_TABLE,
        "DEADLINE_TABLE": DEADLINE_TABLE,
        "CUSTOMER_KEY_TABLE": CUSTOMER_KEY_TABLE,
        "WRAPPING_KEY_ARN": aws.wrapping_key,
        "USER_POOL_ID": "eu-west-2_pool",
        "WRITER_TIMEOUT_SECONDS": "30",
        "PAYMENT_TIMEOUT_SECONDS": "900",
        "RETURN_WINDOW_DAYS": "30",
        "RETURN_ARRIVAL_DAYS": "14",
        "CART_ABANDONED_AFTER_HOURS": "72",
        "GATEWAY_TABLE": GATEWAY_TABLE,
        "DEAD_LETTER_QUEUE_URL": aws.dead_letter_queue_url,
        "ALLOW_FORCED_PAYMENT_RESULT": "true",
        "PAYMENT_SUCCESS_RATE": "1",
        "CARRIER_SPEED": "1",
        "CARRIER_LOST_SHARE": "0",
        "CARRIER_RETURNED_SHARE": "0",
        "CARRIER_FAULT_RATE": "0",
        "TRACKING_INTERVAL_SECONDS": "3600",
        "REFUND_FAILURE_RATE": "0",
        "GATEWAY_FAULT_RATE": "0",
        "CARRIER_SECRET_PARAMETER": "/test/carrier-secret",
        "CURSOR_SECRET_PARAMETER": "/test/cursor-secret",
        "BUS_NAMES": json.dumps({bus: f"test-{bus}-bus" for bus in Bus}),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for config in LAMBDAS:
        config.load()._application.cache_clear()  # noqa: SLF001


@pytest.fixture
def cursor_secret(aws: Aws) -> None:
    """The secret that signs the cursors of lists."""
    aws.ssm.put_parameter(Name="/test/cursor-secret", Value="secret", Type="SecureString")


@pytest.fixture
def _one_item_per_page(aws: Aws) -> None:
    """DynamoDB's pages are of a megabyte, which no test fills."""
    for operation in ("Query", "Scan"):
        aws.dynamodb.meta.events.register(
            f"provide-client-params.dynamodb.{operation}", lambda params, **_: params | {"Limit": 1}
        )


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    handlers, level, propagate = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.propagate = handlers, propagate
    logger.setLevel(level)


@pytest.fixture
def longest_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every random pause as long as it may be."""

    def longest(shortest: float, longest: float) -> float:
        assert shortest == 0
        return longest

    monkeypatch.setattr(random, "uniform", longest)

import pytest
from botocore.client import BaseClient

from services.libs.runtime import aws_clients
from services.metrics_service.cloudwatch_reader import CALL_SECONDS

_FUNCTION_TIMEOUT_SECONDS = 10


@pytest.mark.usefixtures("aws")
def test_a_call_that_hangs_on_every_attempt_ends_before_its_function_does() -> None:
    for client in (aws_clients.dynamodb(), aws_clients.events(), aws_clients.sqs()):
        assert _longest_call_seconds(client) < _FUNCTION_TIMEOUT_SECONDS


@pytest.mark.usefixtures("aws")
def test_a_call_to_cloudwatch_takes_no_longer_than_its_reader_allows_for() -> None:
    assert _longest_call_seconds(aws_clients.cloudwatch()) == CALL_SECONDS


@pytest.mark.usefixtures("aws")
def test_a_call_for_which_somebody_waits_hangs_no_longer_than_is_said() -> None:
    for client in (aws_clients.cognito, aws_clients.dynamodb, aws_clients.kms):
        assert _longest_call_seconds(client(hurried=True)) == aws_clients.HURRIED_CALL_SECONDS
        assert _longest_call_seconds(client()) > aws_clients.HURRIED_CALL_SECONDS


def _longest_call_seconds(client: BaseClient) -> float:
    config = vars(client.meta.config)
    return float((config["connect_timeout"] + config["read_timeout"]) * config["retries"]["total_max_attempts"])

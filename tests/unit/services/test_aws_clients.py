import pytest

from services.libs import aws_clients

_FUNCTION_TIMEOUT_SECONDS = 10


@pytest.mark.usefixtures("aws")
def test_a_call_that_hangs_on_every_attempt_ends_before_its_function_does() -> None:
    for client in (aws_clients.dynamodb(), aws_clients.events(), aws_clients.sqs()):
        config = vars(client.meta.config)
        attempt_seconds = config["connect_timeout"] + config["read_timeout"]

        assert attempt_seconds * config["retries"]["total_max_attempts"] < _FUNCTION_TIMEOUT_SECONDS

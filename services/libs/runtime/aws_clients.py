"""AWS clients, made on first use: one session an execution environment, short timeouts, few retries.

botocore alone: what boto3 adds is not used, and takes its time to import at every cold start.
"""

from functools import cache
from typing import TYPE_CHECKING, cast

from botocore.config import Config
from botocore.session import Session

if TYPE_CHECKING:
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_sqs import SQSClient
    from types_boto3_ssm import SSMClient

_READ_TIMEOUT_SECONDS, _ATTEMPTS = 2, 2
LONGEST_CALL_SECONDS = _READ_TIMEOUT_SECONDS * _ATTEMPTS
"""Of a call that hangs, each time."""
# One call that hangs twice must still leave the function the time to report it; the queue is the patient retrier.
_CONFIG = Config(
    connect_timeout=1,
    read_timeout=_READ_TIMEOUT_SECONDS,
    retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
    tcp_keepalive=True,
)


@cache
def session() -> Session:
    return Session()


@cache
def cloudwatch() -> "CloudWatchClient":
    # A reading after a long break brings tens of thousands of points, and the next minute is the second attempt.
    config = _CONFIG.merge(Config(read_timeout=5, retries={"mode": "standard", "total_max_attempts": 1}))
    return cast("CloudWatchClient", session().create_client("cloudwatch", config=config))


@cache
def dynamodb() -> "DynamoDBClient":
    return cast("DynamoDBClient", session().create_client("dynamodb", config=_CONFIG))


@cache
def events() -> "EventBridgeClient":
    return cast("EventBridgeClient", session().create_client("events", config=_CONFIG))


@cache
def sqs() -> "SQSClient":
    return cast("SQSClient", session().create_client("sqs", config=_CONFIG))


@cache
def ssm() -> "SSMClient":
    return cast("SSMClient", session().create_client("ssm", config=_CONFIG))

"""AWS clients, made on first use: one session per execution environment, short timeouts, few retries.

botocore alone: importing boto3 slows every cold start, and nothing that it adds is used.
"""

from functools import cache
from typing import TYPE_CHECKING, cast

from botocore.config import Config
from botocore.session import Session

if TYPE_CHECKING:
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_cognito_idp import CognitoIdentityProviderClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_kms import KMSClient
    from types_boto3_sqs import SQSClient
    from types_boto3_ssm import SSMClient

_READ_TIMEOUT_SECONDS, _ATTEMPTS = 2, 2
LONGEST_CALL_SECONDS = _READ_TIMEOUT_SECONDS * _ATTEMPTS
"""How long a call takes that hangs in each attempt."""
# After a call that hangs twice the function still has the time to report it. The queue retries for longer.
_CONFIG = Config(
    connect_timeout=1,
    read_timeout=_READ_TIMEOUT_SECONDS,
    retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
    tcp_keepalive=True,
)
_HURRIED_CONNECT_SECONDS, _HURRIED_READ_SECONDS = 0.5, 1
HURRIED_CALL_SECONDS = _HURRIED_CONNECT_SECONDS + _HURRIED_READ_SECONDS
"""How long a call of a hurried client takes that hangs: somebody waits for it."""
_HURRIED = _CONFIG.merge(
    Config(
        connect_timeout=_HURRIED_CONNECT_SECONDS,
        read_timeout=_HURRIED_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 1},
    )
)


@cache
def session() -> Session:
    return Session()


@cache
def cloudwatch() -> "CloudWatchClient":
    # After a long break a call returns tens of thousands of points. The next minute retries one that failed.
    config = _CONFIG.merge(Config(read_timeout=5, retries={"mode": "standard", "total_max_attempts": 1}))
    return cast("CloudWatchClient", session().create_client("cloudwatch", config=config))


@cache
def cognito(*, hurried: bool = False) -> "CognitoIdentityProviderClient":
    return cast("CognitoIdentityProviderClient", session().create_client("cognito-idp", config=_config(hurried)))


@cache
def dynamodb(*, hurried: bool = False) -> "DynamoDBClient":
    return cast("DynamoDBClient", session().create_client("dynamodb", config=_config(hurried)))


@cache
def events() -> "EventBridgeClient":
    return cast("EventBridgeClient", session().create_client("events", config=_CONFIG))


@cache
def kms(*, hurried: bool = False) -> "KMSClient":
    return cast("KMSClient", session().create_client("kms", config=_config(hurried)))


@cache
def sqs() -> "SQSClient":
    return cast("SQSClient", session().create_client("sqs", config=_CONFIG))


@cache
def ssm() -> "SSMClient":
    return cast("SSMClient", session().create_client("ssm", config=_CONFIG))


def _config(hurried: bool) -> Config:  # noqa: FBT001 - as the callers were told
    return _HURRIED if hurried else _CONFIG

"""AWS clients, made on first use: one session an execution environment, short timeouts, few retries."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_sqs import SQSClient
    from types_boto3_ssm import SSMClient

# One call that hangs twice must still leave the function the time to report it; the queue is the patient retrier.
_CONFIG = Config(
    connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}, tcp_keepalive=True
)


@cache
def _session() -> boto3.Session:
    return boto3.Session()


@cache
def cloudwatch() -> "CloudWatchClient":
    # A reading after a long break brings tens of thousands of points.
    return _session().client("cloudwatch", config=_CONFIG.merge(Config(read_timeout=8)))


@cache
def dynamodb() -> "DynamoDBClient":
    return _session().client("dynamodb", config=_CONFIG)


@cache
def events() -> "EventBridgeClient":
    return _session().client("events", config=_CONFIG)


@cache
def sqs() -> "SQSClient":
    return _session().client("sqs", config=_CONFIG)


@cache
def ssm() -> "SSMClient":
    return _session().client("ssm", config=_CONFIG)

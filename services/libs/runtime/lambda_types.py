"""The events that the Lambda runtime passes to a handler, and the responses that it takes.

Source: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html and .../with-ddb.html.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypedDict

from services.shared.faults import SecondsLeft

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef


class LambdaContext(Protocol):
    @property
    def function_name(self) -> str: ...
    @property
    def aws_request_id(self) -> str: ...
    def get_remaining_time_in_millis(self) -> int: ...


def seconds_left(context: LambdaContext) -> SecondsLeft:
    return lambda: context.get_remaining_time_in_millis() / 1000


class SqsRecord(TypedDict):
    messageId: str
    body: str
    eventSourceARN: str


class SqsEvent(TypedDict):
    Records: Sequence[SqsRecord]


class StreamImage(TypedDict):
    ApproximateCreationDateTime: float
    """Seconds since 1970."""
    SequenceNumber: str
    NewImage: "Mapping[str, AttributeValueTypeDef]"


class StreamRecord(TypedDict):
    dynamodb: StreamImage
    eventSourceARN: str


class StreamEvent(TypedDict):
    Records: Sequence[StreamRecord]


class BatchItemFailure(TypedDict):
    itemIdentifier: str


class BatchResponse(TypedDict):
    """The records named here are delivered again; all others are done."""

    batchItemFailures: list[BatchItemFailure]


class HttpRequest(TypedDict):
    """The event of an HTTP API, payload format 2.0. Header names are in lower case."""

    headers: Mapping[str, str]


class HttpResponse(TypedDict):
    statusCode: int
    headers: Mapping[str, str]
    body: str

"""A dead-letter queue that a service writes to itself, so that a message that can never succeed is not retried."""

from typing import TYPE_CHECKING

from services.shared.rejections import RejectedError

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

_DETAIL_LIMIT = 1024


class DeadLetters:
    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, body: str, rejected: RejectedError, *, message_id: str, source_arn: str, function_name: str) -> None:
        """Send `body` unchanged, with the reason and its source as message attributes."""
        attributes = {
            "reason": rejected.reason.value,
            "detail": rejected.detail[:_DETAIL_LIMIT] or "none given",
            "message_id": message_id,
            "source_arn": source_arn,
            "function_name": function_name,
        }
        self._client.send_message(
            QueueUrl=self._queue_url,
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        )

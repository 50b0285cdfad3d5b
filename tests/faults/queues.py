"""What waits in the queues of a deployment."""

from typing import TYPE_CHECKING

from scripts.deploy.deployment import Deployment
from scripts.operate.dead_letter_queues import move_back, queues

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient


def waiting(sqs: "SQSClient", queue_url: str, *, in_flight: bool = False) -> int:
    """Count the messages, with `in_flight` those too that are being handled or wait to be received again."""
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
    hidden = int(attributes["ApproximateNumberOfMessagesNotVisible"]) if in_flight else 0
    return int(attributes["ApproximateNumberOfMessages"]) + hidden


def redrive(sqs: "SQSClient", deployment: Deployment) -> int:
    """Move all dead letters back to where they came from; return how many these were."""
    sources = [queue for queue in queues(deployment) if queue.source_url]
    return sum(move_back(sqs, queue).moved for queue in sources)

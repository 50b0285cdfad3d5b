"""Tell services of deadlines that have passed, through their queues."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from services.libs.observability.structured_logging import logger
from services.shared.deadlines import DEADLINES_PASSED, MOST_STREAMS

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

# Of SQS; ten messages of as many streams as one may name are far below its 256 KB a call.
_MESSAGES_A_CALL = 10


class DeadlineNotices:
    def __init__(self, client: "SQSClient", queue_urls: Mapping[str, str]) -> None:
        """Take the queue of each kind of stream, by what its ids begin with, such as `order`."""
        self._client = client
        self._queue_urls = queue_urls

    def send(self, stream_ids: Sequence[str]) -> list[str]:
        """Give the streams whose service could not be told."""
        by_kind: dict[str, list[str]] = {}
        for stream_id in stream_ids:
            by_kind.setdefault(stream_id.partition("#")[0], []).append(stream_id)
        untold: list[str] = []
        for kind, streams in by_kind.items():
            messages = [streams[start : start + MOST_STREAMS] for start in range(0, len(streams), MOST_STREAMS)]
            for start in range(0, len(messages), _MESSAGES_A_CALL):
                untold += self._send(kind, messages[start : start + _MESSAGES_A_CALL])
        return untold

    def _send(self, kind: str, messages: Sequence[Sequence[str]]) -> Iterator[str]:
        """Give the streams of the messages that did not get out."""
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(number), "MessageBody": _body(streams)} for number, streams in enumerate(messages)
        ]
        failed = list(range(len(messages)))
        try:
            response = self._client.send_message_batch(QueueUrl=self._queue_urls[kind], Entries=entries)
        except KeyError:
            logger.error("no queue for streams", extra={"kind": kind})
        except (BotoCoreError, ClientError):
            logger.exception("calls to SQS failed")
        else:
            failed = [int(entry["Id"]) for entry in response.get("Failed", [])]
        for number in failed:
            yield from messages[number]


def _body(streams: Sequence[str]) -> str:
    """In the form of what EventBridge puts on a queue."""
    return json.dumps({"id": str(uuid4()), "detail-type": DEADLINES_PASSED, "detail": {"streamIds": streams}})

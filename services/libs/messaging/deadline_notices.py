"""Tell services of deadlines that have passed, through their queues."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from services.libs.observability.structured_logging import logger
from services.shared.deadlines import DEADLINES_PASSED, MAX_STREAMS_PER_MESSAGE

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

# The limit of SQS. Ten messages with the most streams each stay far below its 256 KB per call.
_MAX_MESSAGES_PER_CALL = 10


class DeadlineNotices:
    def __init__(self, client: "SQSClient", queue_urls: Mapping[str, str]) -> None:
        """`queue_urls` has the queue of each kind of stream, by the prefix of its ids, such as `order`."""
        self._client = client
        self._queue_urls = queue_urls

    def send(self, stream_ids: Sequence[str]) -> list[str]:
        """Tell the owner of each stream; return the streams whose owner could not be told."""
        by_kind: dict[str, list[str]] = {}
        for stream_id in stream_ids:
            by_kind.setdefault(stream_id.partition("#")[0], []).append(stream_id)
        unsent: list[str] = []
        for kind, streams in by_kind.items():
            messages = [
                streams[start : start + MAX_STREAMS_PER_MESSAGE]
                for start in range(0, len(streams), MAX_STREAMS_PER_MESSAGE)
            ]
            for start in range(0, len(messages), _MAX_MESSAGES_PER_CALL):
                unsent += self._send(kind, messages[start : start + _MAX_MESSAGES_PER_CALL])
        return unsent

    def _send(self, kind: str, messages: Sequence[Sequence[str]]) -> Iterator[str]:
        """Return the streams of the messages that were not sent."""
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
    """The envelope of EventBridge, so that a service parses one form only."""
    return json.dumps({"id": str(uuid4()), "detail-type": DEADLINES_PASSED, "detail": {"streamIds": streams}})

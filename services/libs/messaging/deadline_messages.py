"""Handle the messages of the sweeper: deadlines of a service's streams have passed."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from services.libs.messaging.messages import Message, validate
from services.libs.messaging.queue_consumer import MessageHandler, Outcome, validated
from services.shared.causes import Cause
from services.shared.deadlines import DEADLINES_PASSED, DeadlinesPassed
from services.shared.faults import SecondsLeft

LookAt = Callable[[Sequence[str], datetime, SecondsLeft], Mapping[str, Exception]]
"""Looks at due streams, at this time, and returns the failures by stream."""


def deadline_handler(look_at: LookAt) -> MessageHandler:
    """Handle all streams of a batch together. A message fails, and comes again, if one of its streams does."""

    def handle(messages: Sequence[Message], seconds_left: SecondsLeft) -> Sequence[Outcome]:
        def looked_at(due: Sequence[tuple[DeadlinesPassed, Cause]]) -> list[Outcome]:
            streams = [stream for passed, _ in due for stream in passed.stream_ids]
            failures = look_at(streams, datetime.now(UTC), seconds_left)
            return [
                next((failures[stream] for stream in passed.stream_ids if stream in failures), None)
                for passed, _ in due
            ]

        return validated(messages, lambda message: validate(DeadlinesPassed, message.detail), looked_at)

    return MessageHandler(handle, (DEADLINES_PASSED,))

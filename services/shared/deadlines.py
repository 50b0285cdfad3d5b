"""Deadlines: the times at which streams are due, in groups as they were written."""

import zlib
from datetime import UTC, datetime, timedelta
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

DEADLINES_PASSED = "DeadlinesPassed"
"""The `detail-type` of the message by which a service is told; it is on no bus."""
MAX_STREAMS_PER_MESSAGE = 100
"""The most streams that one message names."""

MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

StreamId = Annotated[str, StringConstraints(pattern=r"^[a-z]+#[A-Za-z0-9._#-]+$", max_length=256)]


class DeadlineGroup(NamedTuple):
    """Streams that one transaction gave a deadline: the latest of theirs, and when the writer wrote, by its clock."""

    stream_ids: tuple[str, ...]
    due_at: datetime
    written_at: datetime


class DeadlinesPassed(BaseModel):
    """The detail of that message."""

    model_config = ConfigDict(defer_build=True)

    stream_ids: Annotated[
        tuple[StreamId, ...], Field(alias="streamIds", min_length=1, max_length=MAX_STREAMS_PER_MESSAGE)
    ]


def minute_of(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(second=0, microsecond=0)


def next_look(stream_id: str, now: datetime, interval: timedelta) -> datetime:
    """When the stream is looked at next: at its own minute of each interval, so that repetitions merge.

    The streams' minutes differ, so that not all of them are due at once.
    """
    own = _EPOCH + MINUTE * (zlib.crc32(stream_id.encode()) % (interval // MINUTE))
    return own + ((now - own) // interval + 1) * interval

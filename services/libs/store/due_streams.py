"""Look at the streams that are due, as many as there is time for."""

from collections.abc import Callable, Sequence
from datetime import datetime

from services.libs.store.deadline_table import DeadlineTable
from services.shared.deadlines import MINUTE, DeadlineGroup
from services.shared.faults import SecondsLeft, is_out_of_time


def look_at_each(
    stream_ids: Sequence[str],
    look_at: Callable[[str], None],
    deadlines: DeadlineTable,
    now: datetime,
    seconds_left: SecondsLeft,
) -> dict[str, Exception]:
    """Look at each stream once; return the failures by stream. One that fails does not fail the others.

    `look_at` writes the next deadline of a stream that needs one. A failed stream has none: its message comes again.
    """
    failures: dict[str, Exception] = {}
    streams = list(dict.fromkeys(stream_ids))
    for number, stream_id in enumerate(streams):
        if is_out_of_time(seconds_left):
            # In a minute the rest comes first: as a failed message it would come behind the same streams again.
            deadlines.write(DeadlineGroup(tuple(streams[number:]), now + MINUTE, now))
            break
        try:
            look_at(stream_id)
        except Exception as error:  # noqa: BLE001 - no fault of one stream may fail the others
            failures[stream_id] = error
    return failures

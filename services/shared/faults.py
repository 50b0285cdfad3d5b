"""Faults that are not the message's own: a retry may succeed."""

import math
from collections.abc import Callable


class DependencyError(Exception):
    """Something that the service depends on failed."""


class OutOfTimeError(Exception):
    """The invocation ends before the message can be handled."""


SecondsLeft = Callable[[], float]
"""Seconds until the invocation is cut off. SQS then delivers all of its batch again, so hand back the rest before."""
RESERVE_SECONDS = 1.5
"""With less time left nothing more is started."""


def no_hurry() -> float:
    return math.inf


def is_out_of_time(seconds_left: SecondsLeft) -> bool:
    return seconds_left() < RESERVE_SECONDS

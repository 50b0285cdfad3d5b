"""Faults that are not the message's: a repetition may succeed."""

import math
from collections.abc import Callable


class DependencyError(Exception):
    """Something that a service depends on did not do its part."""


class OutOfTimeError(Exception):
    """The invocation ends before the message can be handled."""


SecondsLeft = Callable[[], float]
"""Until the invocation is cut off: what is under way then comes again as a whole, so the rest is better handed back."""
RESERVE_SECONDS = 1.5
"""With less than that left nothing more is begun."""


def no_hurry() -> float:
    return math.inf


def is_out_of_time(seconds_left: SecondsLeft) -> bool:
    return seconds_left() < RESERVE_SECONDS

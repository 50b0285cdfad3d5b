"""A stand-in for the room that AWS has: a laptop runs few requests of an API at once."""

from collections.abc import Callable
from threading import BoundedSemaphore
from typing import Any

from scripts.local.stand_ins.types import Document

Invoke = Callable[[Document, Any], Document]

_MOST_AT_ONCE = 4


def few_at_once(invoke: Invoke, most: int = _MOST_AT_ONCE) -> Invoke:
    """Let a request of an API wait until fewer than `most` are being answered.

    MiniStack starts a process for each request that finds none idle. Fifty that start side by side take two cores most
    of a minute, and functions run into their timeouts.
    """
    slots = BoundedSemaphore(most)

    def invoke_in_a_slot(function: Document, event: Any) -> Document:  # noqa: ANN401 - an event is any JSON
        if not isinstance(event, dict) or "routeKey" not in event:
            return invoke(function, event)
        with slots:
            return invoke(function, event)

    return invoke_in_a_slot

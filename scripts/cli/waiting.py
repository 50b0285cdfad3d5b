"""Wait for a condition, up to a limit."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], timeout_seconds: float, poll_seconds: float = 0.05) -> bool:
    """Return whether the condition came true in time."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(poll_seconds)
    return True

"""A budget of time for calls to AWS: none is begun that could last too long, even if it hangs."""

from typing import TYPE_CHECKING

from services.shared.faults import OutOfTimeError, SecondsLeft, no_hurry

if TYPE_CHECKING:
    from botocore.client import BaseClient


class CallBudget:
    def __init__(self, least_seconds: float) -> None:
        """A call is begun only while so much of the invocation's time is left."""
        self._least_seconds = least_seconds
        self._seconds_left: SecondsLeft = no_hurry

    def begin(self, seconds_left: SecondsLeft) -> None:
        """Another invocation begins."""
        self._seconds_left = seconds_left

    def limit(self, *clients: "BaseClient") -> None:
        """From now on each call of these clients raises OutOfTimeError where it would begin too late."""
        for client in clients:
            client.meta.events.register("before-call", self._require_time)

    def _require_time(self, **_: object) -> None:
        if self._seconds_left() < self._least_seconds:
            raise OutOfTimeError

"""The notification service's use case: tell every channel that has a webhook of an alarm."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from services.libs.observability.structured_logging import logger
from services.notification_service.domain import Alarm
from services.notification_service.webhooks import WebhookError
from services.shared.faults import DependencyError
from services.shared.json_types import JsonObject

_REMEMBERED = 1000


class Webhooks(Protocol):
    def post(self, url: str, message: JsonObject) -> None:
        """Raise WebhookError if the message was not accepted."""
        ...


@dataclass(frozen=True, slots=True)
class Channel:
    url: Callable[[], str | None]
    """Its webhook; None if none is set."""
    message: Callable[[Alarm], JsonObject]


class NotificationError(DependencyError):
    """At least one channel was not told."""


class NotificationService:
    def __init__(self, webhooks: Webhooks, channels: Mapping[str, Channel]) -> None:
        self._webhooks = webhooks
        self._channels = channels
        # A failed channel makes SQS deliver the alarm again: the other channel is not told twice.
        self._told: deque[tuple[str, Alarm]] = deque(maxlen=_REMEMBERED)

    def notify(self, alarm: Alarm) -> None:
        """Tell each channel at least once; raise NotificationError with the failed channels."""
        if not alarm.is_news:
            return
        urls = {name: channel.url() for name, channel in self._channels.items()}
        if not any(urls.values()):
            logger.warning("no webhook is set, so nobody is told", extra={"alarm": alarm.name, "state": alarm.state})
            return
        failures = {name: failure for name, url in urls.items() if url and (failure := self._tell(name, url, alarm))}
        if failures:
            raise NotificationError("; ".join(f"{name}: {failure}" for name, failure in failures.items()))

    def _tell(self, name: str, url: str, alarm: Alarm) -> WebhookError | None:
        if (name, alarm) in self._told:
            return None
        try:
            self._webhooks.post(url, self._channels[name].message(alarm))
        except WebhookError as failure:
            return failure
        self._told.append((name, alarm))
        logger.info("channel told", extra={"channel": name, "alarm": alarm.name, "state": alarm.state})
        return None

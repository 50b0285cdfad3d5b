"""The event relay: one Lambda, the event store's only stream reader."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from pydantic import Json, field_validator

from services.event_relay.service import EventRelay
from services.libs.messaging.dead_letters import DeadLetters
from services.libs.messaging.event_publisher import EventPublisher
from services.libs.observability.metrics import ErrorType
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging
from services.libs.runtime import aws_clients
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import BatchResponse, LambdaContext, StreamEvent, seconds_left
from services.libs.runtime.settings import Settings
from services.shared.events.event import Bus

# A shard has one reader: calls in sequence would limit the throughput of the whole system.
_CALLS_AT_ONCE = 8

FUNCTION = function_name(__name__)

_T = TypeVar("_T")
_U = TypeVar("_U")


class RelaySettings(Settings):
    dead_letter_queue_url: str
    bus_names: Json[Mapping[str, str]]
    """The name in AWS of each bus. A newer deployment may have more buses than this code, never fewer."""

    @field_validator("bus_names")
    @classmethod
    def _has_every_bus(cls, names: Mapping[str, str]) -> Mapping[str, str]:
        if missing := [bus.value for bus in Bus if bus not in names]:
            raise ValueError(f"BUS_NAMES lacks {', '.join(missing)}, whose events could not be published")
        return names


class _Application:
    def __init__(self, settings: RelaySettings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        self.relay = EventRelay(
            EventPublisher(aws_clients.events(), settings.bus_names, _side_by_side),
            DeadLetters(aws_clients.sqs(), settings.dead_letter_queue_url),
        )
        self.metrics = RequestMetrics(FUNCTION, settings.environment)


def _side_by_side(call: Callable[[_T], _U], batches: Iterable[_T]) -> list[_U]:
    """Return once all calls have ended: Lambda freezes a call that outlasts the invocation."""
    with ThreadPoolExecutor(_CALLS_AT_ONCE) as pool:
        return list(pool.map(call, batches))


@cache
def _application() -> _Application:
    return _Application(RelaySettings.from_environment())


def handler(event: StreamEvent, context: LambdaContext) -> BatchResponse:
    """Publish a batch; Lambda reads the stream again from the first record reported as failed."""
    application = _application()
    with application.metrics.invocation(), application.metrics.batch() as batch:
        failed = application.relay.publish(event["Records"], context.function_name, seconds_left(context))
        batch.fields = {"commits": len(event["Records"]) - len(failed), "unpublished": len(failed)}
        batch.outcomes = [ErrorType.DEPENDENCY_ERROR if failed else None]
    return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]} for record in failed]}

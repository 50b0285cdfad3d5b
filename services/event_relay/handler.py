"""The event relay: the event store's one stream reader, which publishes what was committed."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from pydantic import Json, field_validator

from services.libs.messaging.dead_letters import DeadLetters
from services.libs.messaging.event_publisher import EventPublisher, event_detail
from services.libs.observability.metrics import ErrorType
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging, logger
from services.libs.runtime import aws_clients
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import BatchResponse, LambdaContext, StreamEvent, StreamRecord, seconds_left
from services.libs.runtime.settings import Settings
from services.libs.store.commit_items import commit_from_item
from services.shared.commits import Commit
from services.shared.events import every
from services.shared.events.event import Bus, UnknownEventError
from services.shared.rejections import RejectedError, RejectionReason

# A stream has one reader a shard: what it can publish one after the other is what the whole system can do.
_CALLS_AT_ONCE = 8
# So long a record of an unknown kind is tried again: while a deployment runs, a writer may be newer than the relay.
_DEPLOYMENT_SECONDS = 300

FUNCTION = function_name(__name__)
EVENTS = every.MODULES

_T = TypeVar("_T")
_U = TypeVar("_U")


class RelaySettings(Settings):
    dead_letter_queue_url: str
    bus_names: Json[Mapping[str, str]]
    """The names in AWS, by the bus: of more, where the deployment is newer than this code, and never of less."""

    @field_validator("bus_names")
    @classmethod
    def _of_all(cls, names: Mapping[str, str]) -> Mapping[str, str]:
        if missing := [bus.value for bus in Bus if bus not in names]:
            raise ValueError(f"BUS_NAMES lacks {', '.join(missing)}, whose events could not be published")
        return names


class _Application:
    def __init__(self, settings: RelaySettings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        self.publisher = EventPublisher(aws_clients.events(), settings.bus_names, _side_by_side)
        self.dead_letters = DeadLetters(aws_clients.sqs(), settings.dead_letter_queue_url)
        self.metrics = RequestMetrics(FUNCTION, settings.environment)


def _side_by_side(call: Callable[[_T], _U], batches: Iterable[_T]) -> list[_U]:
    """Return once all have ended: what is under way when the function returns would be frozen with it."""
    with ThreadPoolExecutor(_CALLS_AT_ONCE) as pool:
        return list(pool.map(call, batches))


@cache
def _application() -> _Application:
    return _Application(RelaySettings.from_environment())


def handler(event: StreamEvent, context: LambdaContext) -> BatchResponse:
    """Publish a batch; Lambda reads the stream again from the first record that is reported as failed."""
    application = _application()
    with application.metrics.invocation(), application.metrics.batch() as batch:
        failed = _publish(event, context, application)
        batch.fields = {"commits": len(event["Records"]) - len(failed), "unpublished": len(failed)}
        batch.outcomes = [ErrorType.DEPENDENCY_ERROR if failed else None]
    return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]} for record in failed]}


def _publish(event: StreamEvent, context: LambdaContext, application: _Application) -> list[StreamRecord]:
    """Return the records that are to come again, from the first that could not be published.

    A record that can never be published is rejected only once all before it are out: it is read again otherwise.
    """
    parsed = [(record, _parsed(record)) for record in event["Records"]]
    commits = [commit for _, commit in parsed if isinstance(commit, Commit)]
    unpublished = application.publisher.publish(commits, seconds_left(context))
    failed: list[StreamRecord] = []
    for record, commit in parsed:
        if any(commit is left for left in unpublished) or _may_be_newer(record, commit):
            failed.append(record)
        elif isinstance(commit, Exception) and not failed:
            _reject(record, commit, application.dead_letters, context)
    return failed


def _may_be_newer(record: StreamRecord, commit: Commit | Exception) -> bool:
    age_seconds = time.time() - float(record["dynamodb"]["ApproximateCreationDateTime"])
    return isinstance(commit, UnknownEventError) and age_seconds < _DEPLOYMENT_SECONDS


def _parsed(record: StreamRecord) -> Commit | Exception:
    try:
        return _publishable(record)
    except (KeyError, TypeError, ValueError) as error:
        return error


def _publishable(record: StreamRecord) -> Commit:
    """Raise KeyError, TypeError or ValueError where it is no commit, or one that lacks what its events say."""
    commit = commit_from_item(record["dynamodb"]["NewImage"])
    for index in range(len(commit.events)):
        json.dumps(event_detail(commit, index))
    return commit


def _reject(record: StreamRecord, error: Exception, dead_letters: DeadLetters, context: LambdaContext) -> None:
    """Send a record that can never be published to the dead letters: it would hold up its stream for a day."""
    sequence_number = record["dynamodb"]["SequenceNumber"]
    dead_letters.send(
        json.dumps(record),
        # Of other errors the text may quote a value.
        RejectedError(
            RejectionReason.UNKNOWN_EVENT if isinstance(error, UnknownEventError) else RejectionReason.VALIDATION_ERROR,
            f"not a commit: {f'{error} is missing' if isinstance(error, KeyError) else type(error).__name__}",
        ),
        message_id=sequence_number,
        source_arn=record["eventSourceARN"],
        function_name=context.function_name,
    )
    logger.error("record is no commit", extra={"sequence_number": sequence_number})

"""The relay's use case: publish commits, and send records that can never be published to the dead letters."""

import json
import time
from collections.abc import Callable, Sequence

from services.libs.messaging.dead_letters import DeadLetters
from services.libs.messaging.event_publisher import EventPublisher, event_detail
from services.libs.observability.structured_logging import logger
from services.libs.runtime.lambda_types import StreamRecord
from services.libs.store.commit_items import commit_from_item
from services.shared.commits import Commit
from services.shared.events import every
from services.shared.events.event import UnknownEventError
from services.shared.faults import SecondsLeft, no_hurry
from services.shared.rejections import RejectedError, RejectionReason

EVENTS = every.MODULES
"""Imported so that the relay knows the events of every context."""
# A record with an unknown event is retried for so long: during a deployment its writer may be newer than the relay.
_DEPLOYMENT_SECONDS = 300


class EventRelay:
    def __init__(
        self, publisher: EventPublisher, dead_letters: DeadLetters, clock: Callable[[], float] = time.time
    ) -> None:
        self._publisher = publisher
        self._dead_letters = dead_letters
        self._clock = clock

    def publish(
        self, records: Sequence[StreamRecord], function_name: str, seconds_left: SecondsLeft = no_hurry
    ) -> list[StreamRecord]:
        """Return the records to read again, from the first that could not be published.

        A record that can never be published is rejected once all before it are published: before, it is read again.
        """
        parsed = [(record, _parsed(record)) for record in records]
        commits = [commit for _, commit in parsed if isinstance(commit, Commit)]
        unpublished = self._publisher.publish(commits, seconds_left)
        failed: list[StreamRecord] = []
        for record, commit in parsed:
            if any(commit is left for left in unpublished) or self._may_be_newer(record, commit):
                failed.append(record)
            elif isinstance(commit, Exception) and not failed:
                self._reject(record, commit, function_name)
        return failed

    def _may_be_newer(self, record: StreamRecord, commit: Commit | Exception) -> bool:
        age_seconds = self._clock() - float(record["dynamodb"]["ApproximateCreationDateTime"])
        return isinstance(commit, UnknownEventError) and age_seconds < _DEPLOYMENT_SECONDS

    def _reject(self, record: StreamRecord, error: Exception, function_name: str) -> None:
        """Send a record that can never be published to the dead letters: it would hold up its stream for a day."""
        unknown = isinstance(error, UnknownEventError)
        # The text of other errors may quote a value.
        problem = f"{error} is missing" if isinstance(error, KeyError) else type(error).__name__
        sequence_number = record["dynamodb"]["SequenceNumber"]
        self._dead_letters.send(
            json.dumps(record),
            RejectedError(
                RejectionReason.UNKNOWN_EVENT if unknown else RejectionReason.VALIDATION_ERROR,
                f"not a commit: {problem}",
            ),
            message_id=sequence_number,
            source_arn=record["eventSourceARN"],
            function_name=function_name,
        )
        logger.error("record is no commit", extra={"sequence_number": sequence_number})


def _parsed(record: StreamRecord) -> Commit | Exception:
    try:
        return _publishable(record)
    except (KeyError, TypeError, ValueError) as error:
        return error


def _publishable(record: StreamRecord) -> Commit:
    """Raise KeyError, TypeError or ValueError if it is no commit, or lacks a field of its events."""
    commit = commit_from_item(record["dynamodb"]["NewImage"])
    for index in range(len(commit.events)):
        json.dumps(event_detail(commit, index))
    return commit

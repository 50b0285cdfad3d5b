"""Stand-ins for the metrics that CloudWatch takes from logs, and for those that SQS publishes."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from scripts.local.emf import DataPoint, data_points
from scripts.local.stand_ins.types import Document

Store = Callable[[Sequence[DataPoint]], None]

_RECEIVES_OF_A_POISON_PILL = 3


def extract_metrics(emit_logs: Callable[..., None], store: Store) -> Callable[..., None]:
    """Store the EMF documents in a function's log as metrics: MiniStack keeps them as text."""

    def emit_logs_and_metrics(function: Document, request_id: str, log_text: str, *rest: Any, **options: Any) -> None:  # noqa: ANN401 - handed on
        emit_logs(function, request_id, log_text, *rest, **options)
        store(list(data_points(log_text)))

    return emit_logs_and_metrics


def alone(call: Callable[..., Any], lock: threading.Lock) -> Callable[..., Any]:
    """Make calls while nothing is stored.

    On each request MiniStack replaces its lists of points by lists without old points, and would lose a point stored
    meanwhile. A reader also gets all points of an invocation, or none.
    """

    def call_alone(*arguments: Any) -> Any:  # noqa: ANN401 - handed on
        with lock:
            return call(*arguments)

    return call_alone


def queue_metrics(queues: Mapping[str, Document], now: float) -> Iterator[DataPoint]:
    """Compute the metrics that SQS itself publishes: MiniStack has none.

    Messages that were received three times have no age, and an empty queue has none:
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """
    for queue in queues.values():
        messages = list(queue["messages"])
        waiting = [message for message in messages if message["visible_at"] <= now]
        ages = [now - one["sent_at"] for one in messages if one["receive_count"] < _RECEIVES_OF_A_POISON_PILL]
        figures = {"ApproximateNumberOfMessagesVisible": float(len(waiting))}
        if ages:
            figures["ApproximateAgeOfOldestMessage"] = max(ages)
        for name, figure in figures.items():
            yield DataPoint("AWS/SQS", name, {"QueueName": queue["name"]}, now, (figure,))

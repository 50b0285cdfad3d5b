import json
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from scripts.local.stand_ins.streams import Execute, poll_apart, retry_failed_stream_records, stream_inserts
from scripts.local.stand_ins.types import Document


class Consumer:
    """Handles records in order up to the first that it cannot, which it reports as failed."""

    def __init__(self, fails: Callable[[str, int], bool], *, body_as_text: bool = False) -> None:
        self.handled: list[str] = []
        self.calls: list[list[str]] = []
        self._fails = fails
        self._body_as_text = body_as_text

    def execute(self, _: Document, event: Document) -> Document:
        numbers = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
        self.calls.append(numbers)
        failures = []
        for number in numbers:
            if self._fails(number, len(self.calls)):
                failures = [{"itemIdentifier": number}]
                break
            self.handled.append(number)
        body: Any = {"batchItemFailures": failures}
        return {"body": json.dumps(body) if self._body_as_text else body, "log": ""}


def records(*numbers: str, source: str = "aws:dynamodb") -> Document:
    return {"Records": [{"eventSource": source, "dynamodb": {"SequenceNumber": number}} for number in numbers]}


def wrapped(execute: Execute, *, reports: bool = True) -> Execute:
    return retry_failed_stream_records(execute, lambda _, __: reports, pause=lambda _: None)


@pytest.mark.parametrize("body_as_text", [False, True])
def test_records_from_the_first_failed_one_on_are_delivered_again(*, body_as_text: bool) -> None:
    consumer = Consumer(lambda number, call: number == "9" and call == 1, body_as_text=body_as_text)

    result = wrapped(consumer.execute)({}, records("8", "9", "10"))

    assert consumer.calls == [["8", "9", "10"], ["9", "10"]]
    assert consumer.handled == ["8", "9", "10"]
    assert not result.get("error")


def test_a_record_that_keeps_failing_becomes_an_error() -> None:
    consumer = Consumer(lambda number, _: number == "2")

    result = wrapped(consumer.execute)({}, records("1", "2", "3"))

    assert result["error"]
    assert result["body"]["errorMessage"] == "2 stream records still fail, the first is 2"
    assert consumer.handled == ["1"]


def test_progress_forgives_earlier_failures() -> None:
    consumer = Consumer(lambda number, call: call < 2 * int(number))

    assert not wrapped(consumer.execute)({}, records("1", "2", "3")).get("error")
    assert consumer.handled == ["1", "2", "3"]


@pytest.mark.parametrize("identifier", ["", "unknown"])
def test_an_unknown_sequence_number_fails_the_whole_batch(identifier: str) -> None:
    def execute(_: Document, __: Document) -> Document:
        return {"body": {"batchItemFailures": [{"itemIdentifier": identifier}]}}

    result = wrapped(execute)({}, records("1", "2"))

    assert result["body"]["errorMessage"].startswith("2 stream records")


@pytest.mark.parametrize(
    ("event", "reports"),
    [
        (records("1", "2"), False),
        (records("1", "2", source="aws:sqs"), True),
    ],
)
def test_other_events_are_executed_once(event: Document, *, reports: bool) -> None:
    consumer = Consumer(lambda *_: True)

    result = wrapped(consumer.execute, reports=reports)({}, event)

    assert len(consumer.calls) == 1
    assert result["body"]["batchItemFailures"]


def test_an_error_of_the_function_is_left_to_the_poller() -> None:
    failure: Document = {"error": True, "body": {"errorType": "KeyError"}}

    assert wrapped(lambda _, __: failure)({}, records("1")) is failure


@pytest.mark.parametrize("event", [[], "text", {}, {"Records": []}])
def test_an_event_without_records_is_passed_on(event: Any) -> None:  # noqa: ANN401 - any JSON
    assert wrapped(lambda _, received: {"body": received})({}, event) == {"body": event}


def test_an_inserted_item_is_a_record_of_the_stream() -> None:
    emitted: list[object] = []
    item = {"stream_id": {"S": "a"}}
    insert = stream_inserts(lambda *_: (200, {}, b"{}"), lambda *record: emitted.append(record))

    assert insert({"TableName": "log"}, {"item": {"M": item}}) == (200, {}, b"{}")

    assert emitted == [("log", "INSERT", None, item)]


def test_an_item_that_exists_is_none() -> None:
    emitted: list[object] = []
    insert = stream_inserts(lambda *_: (400, {}, b"{}"), lambda *record: emitted.append(record))

    insert({"TableName": "log"}, {"item": {"M": {}}})

    assert emitted == []


def test_a_stream_is_polled_without_holding_up_the_queues_and_at_once_when_there_is_work() -> None:
    has_work, polled, finish = Event(), Event(), Event()

    def poll() -> bool:
        polled.set()
        finish.wait(timeout=10)
        return False

    poll_by_the_queues_poller = poll_apart(poll, has_work, idle_seconds=60)

    assert polled.wait(timeout=10)
    assert poll_by_the_queues_poller() is False
    polled.clear()
    has_work.set()
    finish.set()
    assert polled.wait(timeout=10), "it slept although there was work"


def test_a_fault_of_the_poll_does_not_end_the_polling() -> None:
    again = Event()
    faults = [OSError("once")]

    def poll() -> bool:
        if faults:
            raise faults.pop()
        again.set()
        return False

    poll_apart(poll, Event(), idle_seconds=0.05)

    assert again.wait(timeout=10)

import json
from collections.abc import Callable
from threading import Event, Lock
from typing import Any

import pytest

from scripts.local.ministack_server import (
    Document,
    Execute,
    alone,
    check_statements,
    describe_whole_alarms,
    keep_connections,
    know_the_ref,
    poll_apart,
    retry_failed_stream_records,
    send_head_with_body,
    single_actions,
    stream_inserts,
)


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


def test_nothing_is_stored_while_metrics_are_read() -> None:
    lock = Lock()

    assert alone(lambda given: (given, lock.locked()), lock)("request") == ("request", True)

    assert not lock.locked()


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


def test_an_insert_needs_the_permission_that_aws_asks_for() -> None:
    check = check_statements(lambda *_: [("dynamodb:PutItem", "some table")])
    body = json.dumps({"Statements": [{"Statement": "INSERT INTO \"log\" VALUE {'a': ?}"}] * 2}).encode()

    assert check("dynamodb:BatchExecuteStatement", body, "eu-west-2", "1") == [
        ("dynamodb:PartiQLInsert", "arn:aws:dynamodb:eu-west-2:1:table/log")
    ]
    assert check("dynamodb:TransactWriteItems", b"", "eu-west-2", "1") == [("dynamodb:PutItem", "some table")]


def test_another_statement_is_left_to_a_permission_that_nobody_has() -> None:
    body = json.dumps({"Statements": [{"Statement": 'DELETE FROM "log" WHERE a = ?'}]}).encode()

    assert check_statements(lambda *_: [])("dynamodb:BatchExecuteStatement", body, "eu-west-2", "1") == []


@pytest.mark.parametrize(
    ("asked", "needed"),
    [
        ("sqs:SendMessageBatch", "sqs:SendMessage"),
        ("sqs:SendMessage", "sqs:SendMessage"),
        ("dynamodb:BatchGetItem", "dynamodb:BatchGetItem"),
        (None, None),
    ],
)
def test_a_batch_of_sqs_needs_the_permission_of_its_single_action(asked: str | None, needed: str | None) -> None:
    assert single_actions(lambda *_: asked)("sqs", "POST", "/", {}, b"", {}) == needed


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


@pytest.mark.parametrize(
    ("claims", "known"),
    [
        ({"sub": "job", "ref": "refs/heads/main"}, {"github.test:sub": "job", "github.test:ref": "refs/heads/main"}),
        ({"sub": "job"}, {"github.test:sub": "job"}),
    ],
)
def test_a_trust_policy_may_ask_for_the_branch_of_a_token(claims: Document, known: Document) -> None:
    provider = "arn:aws:iam::000000000000:oidc-provider/github.test"
    keys = {f"github.test:{name}": value for name, value in claims.items() if name == "sub"}

    identify = know_the_ref(lambda *_: (provider, keys), lambda _: claims)

    assert identify("token", "", "role") == (provider, known)


def test_a_token_that_cannot_be_read_names_no_branch() -> None:
    def unreadable(_: str) -> Document:
        raise ValueError

    assert know_the_ref(lambda *_: ("", {}), unreadable)("?", "", "role") == ("", {})


def test_an_alarm_is_told_whole_in_xml_too() -> None:
    alarm = {
        "AlarmName": "a<b",
        "ActionsEnabled": True,
        "Period": 300,
        "OKActions": ["arn:1", "arn:2"],
        "ExtendedStatistic": None,
        "StateUpdatedTimestamp": 0,
    }
    asked: list[object] = []

    def describe(_: object, document: object, **form: object) -> tuple[int, dict[str, object], bytes]:
        asked.append((document, form))
        return 200, {}, json.dumps({"MetricAlarms": [alarm]}).encode()

    def answer(status: int, root: str, inner: str) -> tuple[int, dict[str, object], bytes]:
        return status, {}, f"<{root}>{inner}</{root}>".encode()

    params = {"Action": ["DescribeAlarms"], "AlarmNames.member.1": ["a<b"], "AlarmNames.member.2": ["c"]}
    _, _, body = describe_whole_alarms(describe, answer)(params, {}, is_cbor=False)

    assert asked == [({"Action": "DescribeAlarms", "AlarmNames": ["a<b", "c"]}, {"is_cbor": False, "is_json": True})]
    assert body.decode() == (
        "<DescribeAlarmsResponse><DescribeAlarmsResult><MetricAlarms><member><AlarmName>a&lt;b</AlarmName>"
        "<ActionsEnabled>true</ActionsEnabled><Period>300</Period>"
        "<OKActions><member>arn:1</member><member>arn:2</member></OKActions>"
        "<StateUpdatedTimestamp>1970-01-01T00:00:00+00:00</StateUpdatedTimestamp>"
        "</member></MetricAlarms></DescribeAlarmsResult></DescribeAlarmsResponse>"
    )


def test_no_connection_is_ended_whatever_the_server_is_told_later() -> None:
    class Config:
        keep_alive_max_requests = 1000
        keep_alive_timeout = 5

    keep_connections(Config)
    config = Config()
    config.keep_alive_timeout = 75

    a_year = 365 * 24 * 60 * 60
    assert config.keep_alive_timeout > a_year
    assert config.keep_alive_max_requests > a_year


class Connection:
    """Sends every part of a reply as it is."""

    def send(self, part: bytes) -> bytes:
        return part


class Head(bytes):
    """The first part of a reply."""


@pytest.mark.parametrize("rest", [(b"body", b""), (b"",)])
def test_the_head_of_a_reply_is_sent_with_what_follows_it(rest: tuple[bytes, ...]) -> None:
    send = send_head_with_body(Connection.send, Head)
    connection, other = Connection(), Connection()

    assert send(connection, Head(b"head ")) == b""
    assert send(other, b"other") == b"other"

    assert [send(connection, part) for part in rest] == [b"head " + rest[0], *rest[1:]]
    assert send(connection, b"next") == b"next"

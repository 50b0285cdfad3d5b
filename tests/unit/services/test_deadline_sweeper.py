"""The sweeper alone: deadlines in the table, messages on the queues."""

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import cast

import pytest
from botocore.exceptions import ClientError

from services.deadline_sweeper.domain import Sweep
from services.deadline_sweeper.service import DeadlineSweeper, Swept
from services.libs.messaging.deadline_notices import DeadlineNotices
from services.libs.observability.structured_logging import configure_logging
from services.libs.store import deadline_table
from services.libs.store.deadline_table import DeadlineTable
from services.libs.store.dynamodb_items import to_item
from services.shared.deadlines import DeadlineGroup, minute_of
from tests.factories import NOW
from tests.model.faults import Fault, FaultError, Faults, ProcessDiedError, Unreliable
from tests.unit.conftest import DEADLINE_TABLE, Aws

TIMEOUT = timedelta(seconds=30)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
# NOW is 0.123 s past a minute; the last sweep has seen what was begun before this long before it.
SETTLING = TIMEOUT + MINUTE


@pytest.fixture(autouse=True)
def _two_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer calls; the table's own tests read them all."""
    monkeypatch.setattr(deadline_table, "SHARDS", 2)


@pytest.fixture
def table(aws: Aws) -> DeadlineTable:
    return DeadlineTable(aws.dynamodb, DEADLINE_TABLE)


@pytest.fixture
def notices(aws: Aws) -> DeadlineNotices:
    return DeadlineNotices(aws.sqs, {"order": aws.order_queue_url})


@pytest.fixture
def sweeper(table: DeadlineTable, notices: DeadlineNotices) -> DeadlineSweeper:
    return DeadlineSweeper(table, notices, TIMEOUT)


def _group(*names: str, due_at: datetime = NOW, written_at: datetime = NOW - HOUR) -> DeadlineGroup:
    return DeadlineGroup(tuple(f"order#{name}" for name in names), due_at, written_at)


def _told(aws: Aws) -> list[str]:
    """Take the names of the streams that the order service is told of."""
    streams = (stream for body in aws.received() for stream in json.loads(body)["detail"]["streamIds"])
    return [stream.removeprefix("order#") for stream in streams]


def _minutes_read(aws: Aws) -> Callable[[], list[str]]:
    """Give which minutes were read since it was asked last, each once, in their order."""
    read: list[str] = []

    def note(params: dict[str, dict[str, dict[str, str]]], **_: object) -> None:
        read.append(params["ExpressionAttributeValues"][":key"]["S"].partition("#")[0].partition("T")[2])

    aws.dynamodb.meta.events.register("provide-client-params.dynamodb.Query", note)

    def since() -> list[str]:
        minutes = list(dict.fromkeys(read))
        read.clear()
        return minutes

    return since


def _out_of_time_after(looks: int) -> Callable[[], float]:
    """Be out of time after so many looks at the clock."""
    looked = count()
    return lambda: 1.0 if next(looked) >= looks else 60.0


def _delete_queue(aws: Aws) -> None:
    aws.sqs.delete_queue(QueueUrl=aws.order_queue_url)


def _create_queue(aws: Aws) -> None:
    aws.sqs.create_queue(QueueName=aws.order_queue_url.rpartition("/")[2])


def test_what_is_due_is_sent_to_the_service_that_owns_it(
    aws: Aws, table: DeadlineTable, sweeper: DeadlineSweeper
) -> None:
    table.write(_group("a", "b"))

    assert sweeper.sweep(NOW) == Swept(sent=2)

    (body,) = aws.received()
    message = json.loads(body)
    assert message.pop("id")
    assert message == {"detail-type": "DeadlinesPassed", "detail": {"streamIds": ["order#a", "order#b"]}}


def test_nothing_is_sent_before_it_is_due(aws: Aws, table: DeadlineTable, sweeper: DeadlineSweeper) -> None:
    table.write(_group("a", due_at=NOW + 20 * SECOND))

    assert [sweeper.sweep(NOW + seconds * SECOND).sent for seconds in (0, 19)] == [0, 0]
    assert sweeper.sweep(NOW + 20 * SECOND).sent == 1
    assert _told(aws) == ["a"]


@pytest.mark.parametrize("due_in", [0, 1, 30, 59])
def test_what_was_sent_is_not_sent_again(aws: Aws, table: DeadlineTable, sweeper: DeadlineSweeper, due_in: int) -> None:
    table.write(_group("a", due_at=NOW + due_in * SECOND))

    sent = [sweeper.sweep(NOW + minute * MINUTE + SECOND / 2).sent for minute in range(8)]

    assert sum(sent) == 1
    assert _told(aws) == ["a"]


@pytest.mark.parametrize("late", [1, 29, 59, 89])
def test_a_group_that_was_written_while_its_minute_was_swept_is_found_by_the_next_sweep(
    aws: Aws, table: DeadlineTable, sweeper: DeadlineSweeper, late: int
) -> None:
    """Its writer began so long before the sweep, and was not done when it came."""
    sweeper.sweep(NOW)
    table.write(_group("a", due_at=NOW - late * SECOND, written_at=NOW - late * SECOND))

    assert sweeper.sweep(NOW + MINUTE).sent == 1
    assert _told(aws) == ["a"]


def test_a_group_whose_writer_began_after_it_was_due_is_found(
    aws: Aws, table: DeadlineTable, sweeper: DeadlineSweeper
) -> None:
    """A repair derives deadlines from the log, of orders that are long overdue."""
    sweeper.sweep(NOW)
    table.write(_group("a", due_at=NOW - 30 * HOUR, written_at=NOW + 10 * SECOND))

    assert sweeper.sweep(NOW + MINUTE).sent == 1
    assert _told(aws) == ["a"]


def test_a_sweep_reads_from_where_the_last_one_may_have_missed_something_to_the_present_minute(
    aws: Aws, sweeper: DeadlineSweeper
) -> None:
    minutes = _minutes_read(aws)

    sweeper.sweep(NOW)
    assert minutes() == ["12:00"]
    sweeper.sweep(NOW + MINUTE)
    assert minutes() == ["11:58", "11:59", "12:00", "12:01"]
    sweeper.sweep(NOW + 5 * MINUTE)
    assert minutes() == ["11:59", "12:00", "12:01", "12:02", "12:03", "12:04", "12:05"]


@pytest.mark.parametrize(
    ("timeout", "first"), [(30 * SECOND, "11:58"), (60 * SECOND, "11:58"), (61 * SECOND, "11:57"), (HOUR, "10:59")]
)
def test_how_far_a_sweep_looks_back_follows_from_how_long_a_writer_may_take(timeout: timedelta, first: str) -> None:
    minutes = list(Sweep(NOW + MINUTE, NOW, timeout).minutes(None))

    assert f"{minutes[0]:%H:%M}" == first
    assert minutes[-1] == minute_of(NOW + MINUTE)
    assert minutes == sorted(set(minutes))


def test_the_first_sweep_begins_with_the_first_deadline_that_there_is(
    aws: Aws, table: DeadlineTable, sweeper: DeadlineSweeper
) -> None:
    table.write(_group("b", due_at=NOW - 3 * MINUTE, written_at=NOW - HOUR))
    table.write(_group("a", due_at=NOW - 5 * MINUTE, written_at=NOW - HOUR))
    table.write(_group("later", due_at=NOW + 5 * MINUTE))
    minutes = _minutes_read(aws)

    assert sweeper.sweep(NOW) == Swept(sent=2)

    assert minutes() == ["11:55", "11:56", "11:57", "11:58", "11:59", "12:00"]
    assert _told(aws) == ["a", "b"]
    assert table.swept_until() == NOW


def test_the_first_sweep_of_an_empty_table_reads_the_present_minute(aws: Aws, sweeper: DeadlineSweeper) -> None:
    minutes = _minutes_read(aws)

    assert sweeper.sweep(NOW) == Swept()
    assert minutes() == ["12:00"]


def test_a_first_sweep_before_the_first_deadline_waits_for_it(
    aws: Aws, table: DeadlineTable, sweeper: DeadlineSweeper
) -> None:
    table.write(_group("later", due_at=NOW + 5 * MINUTE))

    assert [sweeper.sweep(NOW + minute * MINUTE).sent for minute in (0, 1, 5)] == [0, 0, 1]
    assert _told(aws) == ["later"]


def test_a_clock_that_is_behind_sets_no_cursor_back(table: DeadlineTable, sweeper: DeadlineSweeper) -> None:
    sweeper.sweep(NOW + HOUR)
    sweeper.sweep(NOW + HOUR - MINUTE)

    assert table.swept_until() == NOW + HOUR


def test_two_groups_that_name_one_stream_tell_of_it_once(
    aws: Aws, table: DeadlineTable, sweeper: DeadlineSweeper
) -> None:
    table.write(_group("a", "b"))
    table.write(_group("b", "c"))

    assert sweeper.sweep(NOW).sent == 3
    assert sorted(_told(aws)) == ["a", "b", "c"]


def test_very_many_streams_are_told_of_in_messages_of_a_hundred(
    aws: Aws, table: DeadlineTable, sweeper: DeadlineSweeper
) -> None:
    names = [str(number) for number in range(1_150)]
    table.write(_group(*names))
    calls: list[int] = []
    aws.sqs.meta.events.register(
        "provide-client-params.sqs.SendMessageBatch", lambda params, **_: calls.append(len(params["Entries"]))
    )

    assert sweeper.sweep(NOW) == Swept(sent=1_150)

    bodies = aws.received()
    assert calls == [10, 2]
    assert sorted(len(json.loads(body)["detail"]["streamIds"]) for body in bodies) == [50, *[100] * 11]
    assert Counter(s for body in bodies for s in json.loads(body)["detail"]["streamIds"]) == Counter(
        f"order#{name}" for name in names
    )


def test_streams_of_each_kind_go_to_the_queue_of_their_service(aws: Aws, table: DeadlineTable) -> None:
    cart_queue_url = aws.sqs.create_queue(QueueName="test-cart-queue")["QueueUrl"]
    notices = DeadlineNotices(aws.sqs, {"order": aws.order_queue_url, "cart": cart_queue_url})
    table.write(DeadlineGroup(("order#a", "cart#customer-1", "order#b"), NOW, NOW - HOUR))

    assert DeadlineSweeper(table, notices, TIMEOUT).sweep(NOW) == Swept(sent=3)

    assert _told(aws) == ["a", "b"]
    (message,) = aws.sqs.receive_message(QueueUrl=cart_queue_url)["Messages"]
    assert json.loads(message["Body"])["detail"] == {"streamIds": ["cart#customer-1"]}


def test_what_a_queue_that_is_away_could_not_take_is_told_once_it_is_back(
    aws: Aws, table: DeadlineTable, sweeper: DeadlineSweeper, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("test-service", "ERROR")
    table.write(_group("a", "b", due_at=NOW - SECOND))
    _delete_queue(aws)

    assert sweeper.sweep(NOW) == Swept(postponed=2)
    assert sweeper.sweep(NOW + MINUTE) == Swept(postponed=2)
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    _create_queue(aws)
    sent = [sweeper.sweep(NOW + minute * MINUTE).sent for minute in range(2, 7)]

    assert sent[0] >= 2
    assert sent[-2:] == [0, 0]
    assert set(_told(aws)) == {"a", "b"}
    assert (last["message"], last["stream_ids"]) == ("services could not be told of deadlines", ["order#a", "order#b"])


def test_what_was_postponed_survives_a_long_outage_and_does_not_multiply(
    aws: Aws, table: DeadlineTable, sweeper: DeadlineSweeper
) -> None:
    table.write(_group("a", due_at=NOW - SECOND))
    _delete_queue(aws)

    postponed = [sweeper.sweep(NOW + minute * MINUTE).postponed for minute in range(8)]

    assert min(postponed) == 1
    assert max(postponed) <= 3
    _create_queue(aws)
    assert sweeper.sweep(NOW + 8 * MINUTE).sent
    assert set(_told(aws)) == {"a"}


def test_very_many_streams_are_postponed_in_groups_that_an_item_holds(
    aws: Aws, table: DeadlineTable, sweeper: DeadlineSweeper
) -> None:
    names = [f"{number:0250}" for number in range(2_000)]
    for start in range(0, len(names), 500):
        table.write(_group(*names[start : start + 500]))
    _delete_queue(aws)

    assert sweeper.sweep(NOW) == Swept(postponed=2_000)

    again = [group for group in table.due_in(NOW + MINUTE) if isinstance(group, DeadlineGroup)]
    assert Counter(stream for group in again for stream in group.stream_ids) == Counter(
        f"order#{name}" for name in names
    )


def test_a_stream_that_no_queue_is_known_for_keeps_no_other_from_being_told_of(
    aws: Aws, table: DeadlineTable, sweeper: DeadlineSweeper, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("test-service", "ERROR")
    table.write(DeadlineGroup(("cart#customer-1", "order#a"), NOW, NOW - HOUR))

    assert sweeper.sweep(NOW) == Swept(sent=1, postponed=1)

    assert _told(aws) == ["a"]
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (first["message"], first["kind"]) == ("no queue for streams", "cart")


def test_only_the_streams_of_a_message_that_the_queue_refused_are_postponed(table: DeadlineTable) -> None:
    names = [str(number) for number in range(250)]
    table.write(_group(*names))
    refusing = SimpleNamespace(send_message_batch=lambda **_: {"Failed": [{"Id": "1", "Code": "InternalError"}]})
    notices = DeadlineNotices(refusing, {"order": "url"})  # type: ignore[arg-type]

    assert DeadlineSweeper(table, notices, TIMEOUT).sweep(NOW) == Swept(sent=150, postponed=100)

    again = [group for group in table.due_in(NOW + MINUTE) if isinstance(group, DeadlineGroup)]
    assert [set(group.stream_ids) for group in again] == [{f"order#{name}" for name in names[100:200]}]


def test_an_item_that_is_no_group_keeps_no_other_from_being_told_of(
    aws: Aws, table: DeadlineTable, sweeper: DeadlineSweeper, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("test-service", "ERROR")
    table.write(_group("a"))
    for shard in (0, 1):
        key = {"minute_shard": f"2026-01-01T12:00#{shard}", "group_id": "0"}
        aws.dynamodb.put_item(TableName=DEADLINE_TABLE, Item=to_item(key))

    assert sweeper.sweep(NOW) == Swept(sent=1, unreadable=2)

    assert _told(aws) == ["a"]
    assert {json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()} == {"item is no deadline"}


def test_what_no_time_is_left_for_is_taken_up_by_the_next_sweep(
    aws: Aws, table: DeadlineTable, sweeper: DeadlineSweeper
) -> None:
    for minute in range(3):
        table.write(_group(str(minute), due_at=NOW - minute * MINUTE))

    assert sweeper.sweep(NOW, _out_of_time_after(looks=2)).sent == 2
    assert table.swept_until() == minute_of(NOW)
    assert sweeper.sweep(NOW + MINUTE).sent == 1

    assert _told(aws) == ["2", "1", "0"]


def test_a_sweep_without_any_time_leaves_the_cursor(table: DeadlineTable, sweeper: DeadlineSweeper) -> None:
    table.write(_group("a"))

    assert sweeper.sweep(NOW, _out_of_time_after(looks=0)) == Swept()
    assert table.swept_until() is None
    assert sweeper.sweep(NOW).sent == 1


def test_the_backlog_of_a_long_outage_is_worked_off_sweep_by_sweep(
    aws: Aws, table: DeadlineTable, sweeper: DeadlineSweeper
) -> None:
    """Half an hour with one deadline per minute. A sweep has time for nine minutes, and reads two of them again."""
    sweeper.sweep(NOW)
    names = [str(minute) for minute in range(30)]
    for minute in range(30):
        due_at = NOW + minute * MINUTE + SECOND
        table.write(_group(str(minute), due_at=due_at, written_at=due_at - HOUR))
    after_the_outage = NOW + 30 * MINUTE

    cursors = []
    for number in range(7):
        sweeper.sweep(after_the_outage + number * SECOND, _out_of_time_after(looks=9))
        cursors.append(table.swept_until())

    assert cursors == sorted(cursors, key=str)
    assert cursors[0] == minute_of(NOW) + 7 * MINUTE
    assert cursors[-1] == after_the_outage + 6 * SECOND
    assert _told(aws) == names


_DUE = [str(number) for number in range(4)]


def _write_due(table: DeadlineTable) -> None:
    """One group per minute; the last is due in the present minute."""
    for minute, name in enumerate(reversed(_DUE)):
        table.write(_group(name, due_at=NOW - minute * MINUTE))


def _unreliable(aws: Aws, faults: Faults) -> DeadlineSweeper:
    def refused(**_: object) -> ClientError:
        return ClientError({"Error": {"Code": "ServiceUnavailable", "Message": ""}}, "SendMessageBatch")

    table = cast("DeadlineTable", Unreliable(DeadlineTable(aws.dynamodb, DEADLINE_TABLE), faults))
    queue = Unreliable(aws.sqs, faults, {"send_message_batch": refused})
    return DeadlineSweeper(table, DeadlineNotices(queue, {"order": aws.order_queue_url}), TIMEOUT)  # type: ignore[arg-type]


# All calls of a sweep of four minutes: read the cursor, find the first minute, read and send each, write the cursor.
_CALLS = range(1, 12)


@pytest.mark.parametrize("call", _CALLS)
@pytest.mark.parametrize("fault", [Fault.DIED_BEFORE, Fault.DIED_AFTER, Fault.REFUSED, Fault.ANSWER_LOST])
def test_a_sweep_that_ends_at_any_call_loses_nothing(
    aws: Aws, table: DeadlineTable, sweeper: DeadlineSweeper, call: int, fault: Fault
) -> None:
    _write_due(table)
    faults = Faults()
    faults.arm(call, fault)
    if fault in {Fault.DIED_BEFORE, Fault.DIED_AFTER}:
        # Whoever is dead calls nothing any more.
        faults.arm(call + 1, Fault.DIED_BEFORE)

    with suppress(ProcessDiedError, FaultError):
        _unreliable(aws, faults).sweep(NOW)
    assert faults.struck[fault]
    for minute in (1, 2, 3):
        sweeper.sweep(NOW + minute * MINUTE)

    assert set(_told(aws)) == set(_DUE)


@pytest.mark.parametrize("call", _CALLS)
def test_of_two_sweeps_at_once_neither_loses_anything(
    aws: Aws, table: DeadlineTable, sweeper: DeadlineSweeper, call: int
) -> None:
    """The other is a little later or earlier by its clock, and goes through while this one is at any of its calls."""
    for skew in (-20, 20):
        _write_due(table)
        faults = Faults()
        faults.arm(call, lambda skew=skew: _ignored(sweeper.sweep(NOW + skew * SECOND)))  # type: ignore[misc]
        _unreliable(aws, faults).sweep(NOW)
        assert faults.struck["interrupted"]

        table.write(_group("late", due_at=NOW, written_at=NOW - TIMEOUT))
        sweeper.sweep(NOW + MINUTE)

        assert set(_told(aws)) == {*_DUE, "late"}
        _forget(aws)


def _ignored(_: object) -> None:
    return None


def _forget(aws: Aws) -> None:
    for item in aws.dynamodb.scan(TableName=DEADLINE_TABLE)["Items"]:
        key = {name: item[name] for name in ("minute_shard", "group_id")}
        aws.dynamodb.delete_item(TableName=DEADLINE_TABLE, Key=key)


@pytest.mark.parametrize("call", [1, 2])
def test_a_sweep_that_fails_while_it_postpones_loses_nothing(
    aws: Aws, table: DeadlineTable, sweeper: DeadlineSweeper, call: int
) -> None:
    table.write(_group("a"))
    _delete_queue(aws)
    faults = Faults()
    faults.arm(4 + call, Fault.DIED_BEFORE)
    faults.arm(5 + call, Fault.DIED_BEFORE)

    with pytest.raises(ProcessDiedError):
        _unreliable(aws, faults).sweep(NOW)
    _create_queue(aws)
    for minute in (1, 2):
        sweeper.sweep(NOW + minute * MINUTE)

    assert set(_told(aws)) == {"a"}

import json
from collections.abc import Callable, Mapping
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from moto.sqs.models import sqs_backends

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate.dead_letter_list import list_dead_letters
from scripts.operate.dead_letter_queues import DeadLetterQueue, Moves, move_back, redrive, summarise
from services.shared.rejections import RejectedError, RejectionReason
from tests.factories import NOW, order_placed
from tests.unit.conftest import REGION, Aws, make_deployment

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageAttributeValueTypeDef, MessageTypeDef

_RULE_FAILURE = {
    "RULE_ARN": "arn:aws:events:eu-west-2:123456789012:rule/dev-order-bus/dev-order-placed",
    "TARGET_ARN": "arn:aws:sqs:eu-west-2:123456789012:dev-order-queue",
    "ERROR_CODE": "NO_PERMISSIONS",
    "ERROR_MESSAGE": "not authorized",
    "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
    "RETRY_ATTEMPTS": "185",
}
_OTHERS = ("parcel", "relay", "sweep", "bus", "weather")
_GIVEN_UP = json.dumps({"DDBStreamBatchInfo": {"approximateArrivalOfFirstRecord": NOW.isoformat(), "batchSize": 3}})


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.operate.dead_letter_queues._WAIT_SECONDS", 0)


@pytest.fixture
def queue(aws: Aws) -> DeadLetterQueue:
    source_url = aws.sqs.create_queue(QueueName="test-queue")["QueueUrl"]
    return DeadLetterQueue("order", aws.dead_letter_queue_url, source_url)


@pytest.fixture
def target(aws: Aws, queue: DeadLetterQueue, monkeypatch: pytest.MonkeyPatch) -> Target:
    """A target with queues of some services, all but the order's empty, and dead letters that came from no queue."""

    def created(name: str) -> str:
        return aws.sqs.create_queue(QueueName=name)["QueueUrl"]

    assert queue.source_url
    made = make_deployment(
        queues={"order": queue.source_url, "parcel": created("parcel-queue")},
        dead_letters={"order": queue.url, **{name: created(f"{name}-dlq") for name in _OTHERS}},
    )
    monkeypatch.setattr(Deployment, "of", lambda _: made)
    return cast("Target", SimpleNamespace(client=lambda _: aws.sqs))


def _send(aws: Aws, *bodies: str, **attributes: str) -> None:
    for body in bodies:
        aws.sqs.send_message(
            QueueUrl=aws.dead_letter_queue_url, MessageBody=body, MessageAttributes=_attributes(attributes)
        )


def _attributes(values: Mapping[str, str]) -> "dict[str, MessageAttributeValueTypeDef]":
    return {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}


def _reject(aws: Aws, body: str, message_id: str = "message-1") -> None:
    rejected = RejectedError(RejectionReason.CONFLICT, "orderId: taken")
    aws.dead_letters.send(body, rejected, message_id=message_id, source_arn="arn", function_name="order-service")


def _take_all(aws: Aws, url: str | None) -> "list[MessageTypeDef]":
    """Read what is visible now, and hide it."""
    taken: list[MessageTypeDef] = []
    while messages := aws.sqs.receive_message(
        QueueUrl=url or "", MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=900
    ).get("Messages", []):
        taken += messages
    return taken


def _bodies(aws: Aws, url: str | None) -> list[str]:
    return sorted(message["Body"] for message in _take_all(aws, url))


def test_every_cause_is_told_with_its_count_its_oldest_message_and_what_is_known_of_it(
    aws: Aws, queue: DeadLetterQueue
) -> None:
    _reject(aws, order_placed("order-1"))
    _reject(aws, order_placed("order-2"))
    _send(aws, order_placed("order-3"), **_RULE_FAILURE)
    _send(aws, _GIVEN_UP)
    _send(aws, order_placed("order-4"), "no event")

    found = summarise(aws.sqs, queue)

    assert found.unseen == 0
    assert {
        cause: (group.count, group.oldest.order_id, group.oldest.explain()[1]) for cause, group in found.groups.items()
    } == {
        "rejected: conflict (permanent)": (2, "order-1", "orderId: taken"),
        "rule target's failure: NO_PERMISSIONS": (
            1,
            "order-3",
            "rule/dev-order-bus/dev-order-placed to dev-order-queue: not authorized",
        ),
        "stream records given up": (1, "", "invoke recover.relay-catchup --since 2026-01-01T12:00:00.123Z"),
        "retries exhausted": (2, "order-4", "OrderPlaced"),
    }


def test_looking_changes_nothing_and_hides_nothing_afterwards(aws: Aws, queue: DeadLetterQueue) -> None:
    bodies = [order_placed(f"order-{number:02}") for number in range(23)]
    _send(aws, *bodies, trace="7")

    assert summarise(aws.sqs, queue).groups["retries exhausted"].count == 23

    messages = _take_all(aws, queue.url)
    assert sorted(message["Body"] for message in messages) == sorted(bodies)
    assert all(message["MessageAttributes"]["trace"]["StringValue"] == "7" for message in messages)


def test_looking_ends_although_messages_keep_arriving(
    aws: Aws, queue: DeadLetterQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    _send(aws, *"abcdefghijkl")
    receive, calls = aws.sqs.receive_message, count(1)

    def receive_while_one_arrives(**request: object) -> object:
        assert next(calls) < 10
        _send(aws, "new")
        return receive(**request)  # type: ignore[arg-type]

    monkeypatch.setattr(aws.sqs, "receive_message", receive_while_one_arrives)

    assert summarise(aws.sqs, queue).groups["retries exhausted"].count >= 12


def test_what_the_count_does_not_show_yet_is_found_and_moved(
    aws: Aws, queue: DeadLetterQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    _send(aws, *"abcdefghijklmno")
    monkeypatch.setattr(aws.sqs, "get_queue_attributes", lambda **_: _counted(0))

    found = summarise(aws.sqs, queue)

    assert (found.groups["retries exhausted"].count, found.unseen) == (15, 0)
    assert move_back(aws.sqs, queue) == Moves(moved=15)


def test_what_the_count_still_shows_is_told_as_not_seen(
    aws: Aws, queue: DeadLetterQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    _send(aws, "a")
    monkeypatch.setattr(aws.sqs, "get_queue_attributes", lambda **_: _counted(3))

    assert summarise(aws.sqs, queue).unseen == 2


def _counted(messages: int) -> object:
    return {"Attributes": {"ApproximateNumberOfMessages": str(messages)}}


def test_messages_that_another_reader_has_hidden_are_told_as_not_seen(aws: Aws, queue: DeadLetterQueue) -> None:
    _send(aws, "a", "b", "c")
    aws.sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=2, VisibilityTimeout=60)

    found = summarise(aws.sqs, queue)

    assert (found.groups["retries exhausted"].count, found.unseen) == (1, 2)


def test_a_message_that_cannot_be_made_visible_again_is_told(
    aws: Aws, queue: DeadLetterQueue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _send(aws, "a", "b")
    change = aws.sqs.change_message_visibility_batch

    def refuse_one(**request: list[dict[str, object]]) -> object:
        request["Entries"][0]["ReceiptHandle"] = "stale"
        return change(**request)  # type: ignore[arg-type]

    monkeypatch.setattr(aws.sqs, "change_message_visibility_batch", refuse_one)

    summarise(aws.sqs, queue)

    assert "test-dlq: 1 messages could not be made visible again at once" in capsys.readouterr().err
    assert len(_take_all(aws, queue.url)) == 1


def test_a_message_is_moved_with_its_body_and_its_attributes(aws: Aws, queue: DeadLetterQueue) -> None:
    _send(aws, order_placed(), trace="7", Reason="a gift")

    assert move_back(aws.sqs, queue) == Moves(moved=1)

    (message,) = _take_all(aws, queue.source_url)
    assert message["Body"] == order_placed()
    assert _values(message) == {"trace": "7", "Reason": "a gift"}
    assert _take_all(aws, queue.url) == []


def test_why_a_message_was_a_dead_letter_stays_behind(aws: Aws, queue: DeadLetterQueue) -> None:
    _send(aws, "undelivered", trace="7", **_RULE_FAILURE)
    _reject(aws, "rejected")

    move_back(aws.sqs, queue, include_permanent=True)

    assert {message["Body"]: _values(message) for message in _take_all(aws, queue.source_url)} == {
        "undelivered": {"trace": "7"},
        "rejected": {},
    }


def test_a_rejected_message_that_was_moved_back_and_then_failed_too_often_is_told_so_and_moved_again(
    aws: Aws, queue: DeadLetterQueue
) -> None:
    _reject(aws, order_placed())
    move_back(aws.sqs, queue, include_permanent=True)

    _fail(aws, queue)

    assert summarise(aws.sqs, queue).groups.keys() == {"retries exhausted"}
    assert move_back(aws.sqs, queue) == Moves(moved=1)


def _values(message: "MessageTypeDef") -> dict[str, str]:
    return {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}


def _fail(aws: Aws, queue: DeadLetterQueue) -> None:
    """Receive what is in the source queue until SQS itself makes dead letters of it."""
    arn = aws.sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    source_url = queue.source_url or ""
    aws.sqs.set_queue_attributes(QueueUrl=source_url, Attributes={"RedrivePolicy": policy})
    (received,) = aws.sqs.receive_message(QueueUrl=source_url)["Messages"]
    aws.sqs.change_message_visibility(QueueUrl=source_url, ReceiptHandle=received["ReceiptHandle"], VisibilityTimeout=0)
    assert "Messages" not in aws.sqs.receive_message(QueueUrl=source_url)


def test_permanent_messages_stay_and_are_visible_at_once_unless_they_are_asked_for(
    aws: Aws, queue: DeadLetterQueue
) -> None:
    _reject(aws, "never")
    _send(aws, "again")

    assert move_back(aws.sqs, queue) == Moves(moved=1, permanent=1)
    assert _bodies(aws, queue.source_url) == ["again"]

    assert move_back(aws.sqs, queue, include_permanent=True) == Moves(moved=1)
    assert _bodies(aws, queue.source_url) == ["never"]
    assert _bodies(aws, queue.url) == []


def test_no_more_than_the_limit_is_moved(aws: Aws, queue: DeadLetterQueue) -> None:
    _send(aws, *"abcdefghijklmno")

    assert move_back(aws.sqs, queue, limit=12) == Moves(moved=12, left=3)

    assert len(_take_all(aws, queue.source_url)) == 12
    assert len(_take_all(aws, queue.url)) == 3


def test_a_dry_run_counts_and_changes_nothing(aws: Aws, queue: DeadLetterQueue) -> None:
    _reject(aws, "never")
    _send(aws, *"abcdefghijkl")

    assert move_back(aws.sqs, queue, dry_run=True) == Moves(moved=12, permanent=1)
    assert move_back(aws.sqs, queue, dry_run=True, include_permanent=True, limit=5) == Moves(moved=5, left=8)

    assert _take_all(aws, queue.source_url) == []
    assert len(_take_all(aws, queue.url)) == 13


def test_each_message_is_moved_once_although_it_comes_back_at_once_and_first(
    aws: Aws, queue: DeadLetterQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    _send(aws, *(f"{number:02}" for number in range(25)))
    moved: list[str] = []
    send = aws.sqs.send_message

    def send_and_reject(QueueUrl: str, MessageBody: str, **request: object) -> object:  # noqa: N803 - boto3's names
        sent = send(QueueUrl=QueueUrl, MessageBody=MessageBody, **request)  # type: ignore[arg-type]
        if QueueUrl == queue.source_url:
            moved.append(MessageBody)
            _reject(aws, MessageBody, sent["MessageId"])
            messages = sqs_backends["123456789012"][REGION].queues["test-dlq"]._messages  # noqa: SLF001
            messages.insert(0, messages.pop())
        return sent

    monkeypatch.setattr(aws.sqs, "send_message", send_and_reject)

    assert move_back(aws.sqs, queue, include_permanent=True) == Moves(moved=25)

    assert sorted(moved) == [f"{number:02}" for number in range(25)]
    assert len(_take_all(aws, queue.url)) == 25


@pytest.mark.parametrize("call", ["receive_message", "send_message", "delete_message"])
@pytest.mark.parametrize("after", [False, True])
def test_an_interruption_before_or_after_any_call_loses_none_and_duplicates_one_at_most(
    aws: Aws, queue: DeadLetterQueue, monkeypatch: pytest.MonkeyPatch, call: str, *, after: bool
) -> None:
    bodies = [f"{number:02}" for number in range(15)]
    _reject(aws, "never")
    _send(aws, *bodies)
    with monkeypatch.context() as patched:
        patched.setattr(aws.sqs, call, _interrupted(getattr(aws.sqs, call), 2, after=after))
        with pytest.raises(KeyboardInterrupt):
            move_back(aws.sqs, queue)

    if call == "receive_message" and after:
        _let_the_hidden_ones_appear()
    back, there = _take_all(aws, queue.source_url), _take_all(aws, queue.url)

    copies = [message["Body"] for message in back + there]
    assert set(copies) == {"never", *bodies}
    assert len(copies) <= len(bodies) + 2


def _interrupted(call: Callable[..., object], times: int, *, after: bool) -> Callable[..., object]:
    calls = count(1)

    def interrupt(**request: object) -> object:
        is_the_one = next(calls) == times
        response = None if is_the_one and not after else call(**request)
        if is_the_one:
            raise KeyboardInterrupt
        return response

    return interrupt


def _let_the_hidden_ones_appear() -> None:
    """What SQS handed out and nobody got to know of appears again when its time is over."""
    for message in sqs_backends["123456789012"][REGION].queues["test-dlq"]._messages:  # noqa: SLF001
        message.change_visibility(0)


def test_the_list_shows_every_queue(aws: Aws, target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    _reject(aws, order_placed("order-1"))
    _reject(aws, order_placed("order-2"))

    list_dead_letters(target)

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines.pop(2) == ["orderId:", "taken"]
    assert [line[0] for line in lines] == ["queue", "test-dlq", *(f"{name}-dlq" for name in _OTHERS)]
    assert " ".join(lines[1]).startswith("test-dlq rejected: conflict (permanent) 2 ")


def test_each_message_of_a_cause_is_shown_with_its_order_and_event_and_nothing_else_of_its_body(
    aws: Aws, target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    _reject(aws, order_placed("order-1"))
    _reject(aws, order_placed("order-2"))
    _send(aws, order_placed("order-3"), '{"detail-type": "Ada Lovelace", "detail": {"orderId": "order-4"}}', _GIVEN_UP)

    list_dead_letters(target, messages=True, cause="rejected", as_json=True)
    rejected = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    list_dead_letters(target, messages=True)
    every = capsys.readouterr().out

    assert [set(row) for row in rejected] == [{"queue", "cause", "sent", "message_id", "order", "event"}] * 2
    assert [(row["cause"], row["order"], row["event"]) for row in rejected] == [
        ("rejected: conflict (permanent)", "order-1", "OrderPlaced"),
        ("rejected: conflict (permanent)", "order-2", "OrderPlaced"),
    ]
    assert [line.split()[-2:] for line in every.splitlines() if "order-" in line] == [
        [order_id, "OrderPlaced"] for order_id in ("order-1", "order-2", "order-3")
    ]
    assert "Lovelace" not in every
    assert "customer" not in every
    assert max(map(len, every.splitlines())) <= 120


def test_a_cause_that_no_message_has_is_told(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    list_dead_letters(target, cause="rejected")

    assert capsys.readouterr().out == "there is no such dead letter\n"


def test_redriving_tells_what_it_moved_of_each_queue(
    aws: Aws, target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    _reject(aws, "never")
    _send(aws, "a", "b")

    redrive(target, queue=None, limit=None, dry_run=True, include_permanent=False)
    redrive(target, queue="order", limit=1, dry_run=False, include_permanent=False)

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0][:4] == ["queue", "would", "be", "moved"]
    assert lines[1:3] == [["test-dlq", "2", "1", "0"], ["parcel-dlq", "0", "0", "0"]]
    assert lines[4:] == [["test-dlq", "1", "1", "1"]]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("relay", "relay-dlq has no queue to move its messages back to: .*invoke recover.relay-catchup --since TIME"),
        ("sweep", "the next sweep takes up what that one left"),
        ("bus", "make the key usable"),
        ("weather", "weather-dlq has no queue to move its messages back to: mend the cause"),
        ("orders", "there is no queue 'orders': use one of order, parcel$"),
        ("", "there is no queue '': use one of order, parcel$"),
    ],
)
def test_what_cannot_be_redriven_is_told_with_what_to_do_instead(target: Target, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        redrive(target, queue=name, limit=None, dry_run=False, include_permanent=False)

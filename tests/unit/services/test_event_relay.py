"""The relay as Lambda calls it: stream records in, buses and dead letters looked at."""

import json
import time
from threading import Barrier, Event
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from services.event_relay import handler as relay
from services.libs.runtime import aws_clients
from services.libs.runtime.lambda_types import BatchResponse, StreamEvent
from services.libs.store.commit_items import commit_to_item
from services.shared.commits import Commit
from services.shared.events.event import Bus
from tests.factories import Context, decide, inventory, placed_order, seeding, stock_item
from tests.unit.conftest import Aws

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from services.libs.store.dynamodb_items import Item

_DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "PutEvents")
DONE: BatchResponse = {"batchItemFailures": []}

pytestmark = pytest.mark.usefixtures("environment")


def _stream_event(*commits: Commit, age_seconds: float = 0) -> StreamEvent:
    return {
        "Records": [
            {
                "dynamodb": {
                    "ApproximateCreationDateTime": time.time() - age_seconds,
                    "SequenceNumber": f"{number}",
                    "NewImage": commit_to_item(commit),
                },
                "eventSourceARN": "arn:aws:dynamodb:eu-west-2:123456789012:table/test/stream/1",
            }
            for number, commit in enumerate(commits, start=1)
        ]
    }


def _record_entries(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    sent: list[dict[str, str]] = []
    client = aws_clients.events()
    put_events = client.put_events

    def record(**request: list[dict[str, str]]) -> object:
        sent.extend(request["Entries"])
        return put_events(**request)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "put_events", record)
    return sent


def test_a_relay_that_is_not_told_of_a_bus_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    others = {bus: f"test-{bus}-bus" for bus in Bus if bus is not Bus.PAYMENT}
    monkeypatch.setenv("BUS_NAMES", json.dumps(others))

    with pytest.raises(ValueError, match="BUS_NAMES lacks payment, whose events could not be published"):
        relay.handler(_stream_event(), Context())


def test_a_relay_may_be_told_of_a_bus_that_is_newer(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {name: f"test-{name}-bus" for name in (*Bus, "shop")}
    monkeypatch.setenv("BUS_NAMES", json.dumps(names))

    assert relay.handler(_stream_event(), Context()) == DONE


def test_every_event_of_every_commit_is_published_to_its_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = _record_entries(monkeypatch)
    commits = [decide(placed_order(f"order-{number}"), inventory(stock_item())) for number in range(12)]

    assert relay.handler(_stream_event(*commits), Context()) == DONE

    assert {(entry["DetailType"], entry["EventBusName"], entry["Source"]) for entry in sent} == {
        ("OrderValidated", "test-order-bus", "order.service"),
        ("PaymentRequested", "test-payment-bus", "payment.service"),
    }
    assert len({json.loads(entry["Detail"])["metadata"]["eventId"] for entry in sent}) == 24


def test_a_commit_that_could_not_be_published_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    commits = [seeding(sku) for sku in ("a", "b", "c")]
    refusing = SimpleNamespace(publish=lambda sent, _: [one for one in sent if one.stream_id == "sku#b"])
    monkeypatch.setattr(relay._application().relay, "_publisher", refusing)  # noqa: SLF001

    assert relay.handler(_stream_event(*commits), Context()) == {"batchItemFailures": [{"itemIdentifier": "2"}]}


@pytest.mark.parametrize(
    "image",
    [
        {"stream_id": {"S": "sku#a"}},
        commit_to_item(seeding("a")) | {"events": {"L": []}},
        commit_to_item(seeding("a")) | {"events": {"S": "ProductInventoryUpdated"}},
        commit_to_item(seeding("a")) | {"version": {"BOOL": True}},
        commit_to_item(seeding("a")) | {"committed_at": {"S": "yesterday"}},
        commit_to_item(seeding("a")) | {"body": {"M": {"sku": {"S": "a"}}}},
        commit_to_item(seeding("a")) | {"stock_move": {"S": "lend"}},
        commit_to_item(seeding("a")) | {"schema_versions": {"L": [{"N": "1"}, {"N": "1"}]}},
    ],
    ids=[
        "no commit",
        "no event",
        "no events",
        "no version",
        "no time",
        "a field of its event is missing",
        "a move of stock that there is not",
        "more versions than events",
    ],
)
def test_a_record_that_can_never_be_published_is_a_dead_letter_and_does_not_block_the_stream(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, image: "Item"
) -> None:
    sent = _record_entries(monkeypatch)
    event = _stream_event(seeding("a"), seeding("b"))
    event["Records"][0]["dynamodb"]["NewImage"] = image

    assert relay.handler(event, Context()) == DONE

    (letter,) = aws.read_dead_letters()
    assert json.loads(letter["body"]) == event["Records"][0]
    assert (letter["reason"], letter["message_id"]) == ("validation_error", "1")
    assert [json.loads(entry["Detail"])["sku"] for entry in sent] == ["b"]


_UNKNOWN: "list[Item]" = [
    commit_to_item(seeding("a")) | {"events": {"L": [{"S": "OrderGiftWrapped"}]}},
    commit_to_item(seeding("a")) | {"schema_versions": {"L": [{"N": "99"}]}},
]


@pytest.mark.parametrize("image", _UNKNOWN, ids=["type", "schema version"])
def test_a_record_of_an_unknown_kind_comes_again_for_five_minutes_as_its_writer_may_be_newer(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, image: "Item"
) -> None:
    sent = _record_entries(monkeypatch)
    event = _stream_event(seeding("a"), seeding("b"), seeding("c"), age_seconds=290)
    event["Records"][1]["dynamodb"]["NewImage"] = image
    event["Records"][2]["dynamodb"]["NewImage"] = {}

    assert relay.handler(event, Context()) == {"batchItemFailures": [{"itemIdentifier": "2"}]}

    assert aws.read_dead_letters() == []
    assert [json.loads(entry["Detail"])["sku"] for entry in sent] == ["a"]


@pytest.mark.parametrize("image", _UNKNOWN, ids=["type", "schema version"])
def test_a_record_that_stays_of_an_unknown_kind_becomes_a_dead_letter_and_does_not_block_the_stream(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, image: "Item"
) -> None:
    sent = _record_entries(monkeypatch)
    event = _stream_event(seeding("a"), seeding("b"), age_seconds=310)
    event["Records"][0]["dynamodb"]["NewImage"] = image

    assert relay.handler(event, Context()) == DONE

    (letter,) = aws.read_dead_letters()
    assert json.loads(letter["body"]) == event["Records"][0]
    assert (letter["reason"], letter["message_id"]) == ("unknown_event", "1")
    assert [json.loads(entry["Detail"])["sku"] for entry in sent] == ["b"]


def test_a_dead_letter_that_cannot_be_sent_keeps_no_commit_from_being_published(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.sqs.delete_queue(QueueUrl=aws.dead_letter_queue_url)
    sent = _record_entries(monkeypatch)
    event = _stream_event(seeding("a"), seeding("b"))
    event["Records"][0]["dynamodb"]["NewImage"] = {}

    with pytest.raises(ClientError):
        relay.handler(event, Context())

    assert [json.loads(entry["Detail"])["sku"] for entry in sent] == ["b"]


@pytest.mark.parametrize(
    ("place", "value"),
    [("committed_at", {"S": "jane@example.org"}), ("body", {"M": {"sku": {"SS": ["jane@example.org"]}}})],
)
def test_a_record_that_cannot_be_published_is_a_dead_letter_that_quotes_none_of_it(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, place: str, value: "AttributeValueTypeDef"
) -> None:
    sent = _record_entries(monkeypatch)
    event = _stream_event(seeding("a"), seeding("b"))
    image = commit_to_item(seeding("a"))
    if place == "body":
        image["body"]["M"] = {**image["body"]["M"], **value["M"]}
    else:
        image[place] = value
    event["Records"][0]["dynamodb"]["NewImage"] = image

    assert relay.handler(event, Context()) == DONE

    (letter,) = aws.read_dead_letters()
    assert letter["reason"] == "validation_error"
    assert "jane" not in letter["detail"]
    assert len(sent) == 1


def test_the_two_buses_are_called_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    client, together = aws_clients.events(), Barrier(2)
    put_events = client.put_events

    def put_both_at_once(**request: object) -> object:
        together.wait(timeout=10)
        return put_events(**request)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "put_events", put_both_at_once)

    assert relay.handler(_stream_event(decide(placed_order(), inventory(stock_item()))), Context()) == DONE


def test_no_call_is_under_way_any_more_when_the_function_returns_although_another_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, ended = Event(), Event()

    def put(**request: list[dict[str, str]]) -> object:
        if request["Entries"][0]["Source"] == "order.service":
            begun.wait(timeout=10)
            raise _DENIED
        begun.set()
        ended.wait(timeout=0.2)
        ended.set()
        return {"FailedEntryCount": 0}

    monkeypatch.setattr(aws_clients.events(), "put_events", put)

    failures = relay.handler(_stream_event(decide(placed_order(), inventory(stock_item()))), Context())

    assert failures == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert ended.is_set()


def test_only_what_a_failing_call_held_is_reported_and_it_is_counted_and_logged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = aws_clients.events()
    put_events = client.put_events

    def put(**request: list[dict[str, str]]) -> object:
        if '"sku-15"' in str(request):
            raise _DENIED
        return put_events(**request)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "put_events", put)

    failures = relay.handler(_stream_event(*(seeding(f"sku-{number}") for number in range(30))), Context())

    reported = [failure["itemIdentifier"] for failure in failures["batchItemFailures"]]
    assert reported == [f"{number}" for number in range(11, 21)]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["error_codes"] for line in lines if line.get("level") == "ERROR"] == [["AccessDeniedException"]]
    assert any("dependency_error" in str(line) for line in lines)


def test_a_call_that_fails_so_that_nothing_gets_out_fails_the_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    def put(**_: object) -> object:
        raise _DENIED

    monkeypatch.setattr(aws_clients.events(), "put_events", put)

    with pytest.raises(ClientError):
        relay.handler(_stream_event(seeding()), Context())


def test_a_record_behind_one_that_could_not_be_published_becomes_one_dead_letter_not_one_each_time(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = _stream_event(seeding("a"), seeding("b"), seeding("c"))
    for hopeless in (0, 2):
        event["Records"][hopeless]["dynamodb"]["NewImage"] = {}
    refusing = SimpleNamespace(publish=lambda sent, _: sent)
    monkeypatch.setattr(relay._application().relay, "_publisher", refusing)  # noqa: SLF001

    assert relay.handler(event, Context()) == {"batchItemFailures": [{"itemIdentifier": "2"}]}

    assert [letter["message_id"] for letter in aws.read_dead_letters()] == ["1"]

import json
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from services.libs.messaging.event_publisher import _BACKOFF, EventPublisher
from services.libs.observability.structured_logging import configure_logging
from services.shared.events.event import Bus
from tests.factories import NOW, decide, inventory, placed_order, seeding, stock_item

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient
    from types_boto3_events.type_defs import PutEventsRequestEntryTypeDef


_THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "PutEvents")


class _Refusing:
    """EventBridge that refuses the events that name one order, SKU or event id, `times` times.

    With a `fault`, so many calls fail that hold one of them.
    """

    def __init__(self, subject: str = "", times: int = 0, fault: Exception | None = None, seconds: int = 0) -> None:
        self._subject = subject
        self._left = times
        self._fault = fault
        self._seconds = seconds
        self.calls: list[list[PutEventsRequestEntryTypeDef]] = []
        self.published: list[str] = []
        self.pauses: list[float] = []

    def put_events(self, Entries: "list[PutEventsRequestEntryTypeDef]") -> dict[str, object]:  # noqa: N803 - boto3's name
        self.calls.append(Entries)
        if self._fault and self._left > 0 and any(f'"{self._subject}"' in entry["Detail"] for entry in Entries):
            self._left -= 1
            raise self._fault
        results = []
        for entry in Entries:
            refuse = f'"{self._subject}"' in entry["Detail"] and self._left > 0
            self._left -= refuse
            if not refuse:
                self.published.append(json.loads(entry["Detail"])["metadata"]["eventId"])
            results.append({"ErrorCode": "ThrottlingException"} if refuse else {"EventId": "1"})
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}

    def publisher(self) -> EventPublisher:
        names: dict[str, str] = {Bus.ORDER: "order-bus", Bus.PAYMENT: "payment-bus"}
        backoff = replace(_BACKOFF, sleep=self.pauses.append)
        return EventPublisher(cast("EventBridgeClient", self), names, backoff=backoff)

    def seconds_left(self) -> float:
        """Each call takes as long as it says."""
        return 10 - len(self.calls) * self._seconds


def test_an_event_goes_to_its_bus_with_the_time_of_its_commit() -> None:
    client = _Refusing()

    client.publisher().publish([decide(placed_order(), inventory(stock_item()))])

    entries = [entry for call in client.calls for entry in call]
    assert [(entry["DetailType"], entry["EventBusName"], entry["Source"], entry["Time"]) for entry in entries] == [
        ("OrderValidated", "order-bus", "order.service", NOW),
        ("PaymentRequested", "payment-bus", "payment.service", NOW),
    ]


def test_a_call_has_one_source_and_at_most_ten_entries() -> None:
    client = _Refusing()

    client.publisher().publish([decide(placed_order(str(number)), inventory(stock_item())) for number in range(12)])

    assert [(len(call), {entry["Source"] for entry in call}) for call in client.calls] == [
        (10, {"order.service"}),
        (2, {"order.service"}),
        (10, {"payment.service"}),
        (2, {"payment.service"}),
    ]
    assert len(set(client.published)) == 24


def test_an_entry_that_eventbridge_refused_once_is_sent_again_alone() -> None:
    commits = [decide(placed_order(order_id), inventory(stock_item())) for order_id in ("a", "b")]
    client = _Refusing("a", times=1)

    assert client.publisher().publish(commits) == []
    assert sorted(client.published) == ["order#a/1/0", "order#a/1/1", "order#b/1/0", "order#b/1/1"]


@pytest.mark.usefixtures("longest_jitter")
def test_an_entry_that_was_refused_twice_goes_through_after_two_ever_longer_pauses() -> None:
    client = _Refusing("a", times=2)

    assert client.publisher().publish([seeding("a")]) == []
    assert client.pauses == [0.1, 0.2]


def test_a_commit_of_which_one_event_stays_refused_is_returned_alone() -> None:
    commits = [decide(placed_order(order_id), inventory(stock_item())) for order_id in ("a", "b", "c")]
    client = _Refusing("order#b/1/0", times=99)

    assert client.publisher().publish(commits) == [commits[1]]
    assert "order#b/1/1" in client.published
    assert len(client.pauses) == 2


def test_what_a_call_held_that_failed_once_is_sent_again_alone() -> None:
    commits = [decide(placed_order(str(number)), inventory(stock_item())) for number in range(20)]
    client = _Refusing("3", times=1, fault=_THROTTLED)

    assert client.publisher().publish(commits) == []

    assert len(client.published) == len(set(client.published)) == 40
    assert [len(call) for call in client.calls] == [10] * 5


def test_only_what_a_call_held_that_keeps_failing_is_returned_and_its_code_is_logged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("test-service", "ERROR")
    commits = [decide(placed_order(str(number)), inventory(stock_item())) for number in range(20)]
    client = _Refusing("order#3/1/0", times=99, fault=_THROTTLED)

    assert client.publisher().publish(commits) == commits[:10]

    assert len(client.published) == 30
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["message"], line["error_codes"]) == ("calls to EventBridge failed", ["ThrottlingException"])


@pytest.mark.parametrize("fault", [_THROTTLED, ReadTimeoutError(endpoint_url="https://events.example")])
def test_where_nothing_at_all_gets_out_the_error_is_raised(fault: ClientError | BotoCoreError) -> None:
    with pytest.raises(type(fault)):
        _Refusing("a", times=99, fault=fault).publisher().publish([seeding("a")])


def test_after_a_call_that_hung_none_is_made_again() -> None:
    """The function would be cut off before it could tell what got out, and all of it would come again."""
    commits = [decide(placed_order("a"), inventory(stock_item())), seeding("b")]
    hung = ReadTimeoutError(endpoint_url="https://events.example")
    client = _Refusing("order#a/1/1", times=1, fault=hung, seconds=3)

    assert client.publisher().publish(commits, client.seconds_left) == commits[:1]

    assert sorted(client.published) == ["order#a/1/0", "sku#b/1/0"]


def test_after_a_call_that_hung_no_other_is_begun() -> None:
    commits = [decide(placed_order(str(number)), inventory(stock_item())) for number in range(25)]
    hung = ReadTimeoutError(endpoint_url="https://events.example")
    client = _Refusing("order#10/1/0", times=1, fault=hung, seconds=3)

    assert client.publisher().publish(commits, client.seconds_left) == commits

    assert [len(call) for call in client.calls] == [10, 10]
    assert client.published == [f"order#{number}/1/0" for number in range(10)]


def test_the_codes_of_refused_entries_are_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("test-service", "WARNING")

    _Refusing("a", times=1).publisher().publish([seeding("a")])

    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["message"], line["error_codes"]) == ("events refused", ["ThrottlingException"])

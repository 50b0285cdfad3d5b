import json
from typing import TYPE_CHECKING, cast

import pytest

from services.libs.event_publisher import EventPublisher
from services.shared.events import Bus
from tests.factories import NOW, decide, inventory, placed_order, seeding, stock_item

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient
    from types_boto3_events.type_defs import PutEventsRequestEntryTypeDef


class _Refusing:
    """EventBridge that refuses the events that name one order, SKU or event id, `times` times."""

    def __init__(self, subject: str = "", times: int = 0) -> None:
        self._subject = subject
        self._left = times
        self.calls: list[list[PutEventsRequestEntryTypeDef]] = []
        self.published: list[str] = []
        self.pauses: list[float] = []

    def put_events(self, Entries: "list[PutEventsRequestEntryTypeDef]") -> dict[str, object]:  # noqa: N803 - boto3's name
        self.calls.append(Entries)
        results = []
        for entry in Entries:
            refuse = f'"{self._subject}"' in entry["Detail"] and self._left > 0
            self._left -= refuse
            if not refuse:
                self.published.append(json.loads(entry["Detail"])["metadata"]["eventId"])
            results.append({"ErrorCode": "ThrottlingException"} if refuse else {"EventId": "1"})
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}

    def publisher(self) -> EventPublisher:
        names = {Bus.ORDER: "order-bus", Bus.PAYMENT: "payment-bus"}
        return EventPublisher(cast("EventBridgeClient", self), names, sleep=self.pauses.append)


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

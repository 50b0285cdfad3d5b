import pytest

from scripts.measure.calls import Call
from scripts.measure.usage import CONSUMERS, TO_CONFIRMATION, Usage, add_events, add_logs, metered
from services.shared.events.payment import PaymentRequested

REPORT = "REPORT RequestId: 1\tDuration: 200 ms\tBilled Duration: 200 ms\tMemory Size: 512 MB\tMax Memory Used: 60 MB"


def entry(detail_type: str, detail: str = "{}") -> dict[str, str]:
    return {"DetailType": detail_type, "Detail": detail}


def test_invocations_and_gigabyte_seconds_are_those_of_the_reports() -> None:
    usage = Usage()

    add_logs(usage, "order-service", ["START RequestId: 1", '{"message": "REPORT"}', REPORT, REPORT])

    assert usage.invocations == {"order-service": 2}
    assert usage.busy_ms == {"order-service": 400}
    assert usage.gb_seconds == pytest.approx(0.2)


def test_a_line_of_the_log_costs_26_bytes_and_its_text() -> None:
    usage = Usage()

    add_logs(usage, "order-service", ["é", ""])

    assert usage.log_bytes == 2 + 26 + 26


def test_events_that_a_rule_puts_on_a_queue_are_messages_too() -> None:
    usage = Usage()
    entries = [entry("OrderValidated", "{...}"), entry("PaymentRequested"), entry("PaymentProcessed")]

    add_events(usage, [Call("event-relay", "events", "PutEvents", 200, {"Entries": entries})])

    assert (usage.events, usage.messages, usage.event_bytes) == (3, 2, 5 + 2 + 2)


def test_an_event_that_two_queues_get_is_two_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONSUMERS, "order-service", (*CONSUMERS["order-service"], PaymentRequested))
    usage = Usage()

    add_events(usage, [Call("event-relay", "events", "PutEvents", 200, {"Entries": [entry("PaymentRequested")]})])

    assert (usage.events, usage.messages) == (1, 2)


def test_a_customers_erasure_is_no_part_of_an_orders_life() -> None:
    assert CONSUMERS.keys() == {"fulfilment-service", "order-service", "payment-service"}


def test_a_message_to_a_service_that_is_not_metered_is_none_of_its_messages() -> None:
    usage = Usage()
    call = Call("event-relay", "events", "PutEvents", 200, {"Entries": [entry("OrderConfirmed")]})

    add_events(usage, [call], TO_CONFIRMATION)

    assert (usage.events, usage.messages) == (1, 0)


def test_only_the_calls_of_metered_services_and_to_the_gateway_are_counted() -> None:
    calls = [Call(caller, "dynamodb", "GetItem", 200) for caller in ("order-service", "metrics-service")]
    charge = Call("payment-service", "dynamodb", "UpdateItem", 200, {"TableName": "gateway-table"})

    assert metered([*calls, charge], "gateway-table", ["order-service"]) == [
        ("order-service", calls[0]),
        ("gateway", charge),
    ]


def test_a_placed_order_is_an_event_and_a_message() -> None:
    usage = Usage().place([{"orderId": "1"}, {"orderId": "2"}])

    assert (usage.events, usage.messages) == (2, 2)


def test_usages_add_up() -> None:
    first, second = Usage(events=1, log_bytes=2, messages=3), Usage(events=10, log_bytes=20, messages=30)
    first.calls["order-service a:b"] = 1
    second.calls["order-service a:b"] = 1

    both = first + second

    assert (both.events, both.log_bytes, both.messages, both.own_calls) == (11, 22, 33, 2)

import json
from types import MappingProxyType
from typing import ClassVar

import pytest

from services.libs.messaging.incoming_events import event_in, order_id, parse_message
from services.order_service.domain import PlacedOrder
from services.shared.events import event as events_of_any_kind
from services.shared.events.event import Bus, Event
from services.shared.events.order import OrderPlaced
from services.shared.rejections import RejectedError
from tests.factories import NOW, event_body, order_placed


def _parse(body: str) -> OrderPlaced:
    return event_in(parse_message(body, NOW), OrderPlaced)


@pytest.mark.parametrize("quantity", [0, -5, 1.5, 2.0, 1e308, "2", True, None, 10_001])
def test_a_quantity_that_is_no_whole_number_from_1_to_10000_is_rejected(quantity: object) -> None:
    with pytest.raises(RejectedError, match=r"items\.0\.quantity"):
        _parse(order_placed(items=[{"sku": "prod-001", "quantity": quantity}]))


@pytest.mark.parametrize(
    ("field", "detail"),
    [
        ("orderId", {"orderId": ""}),
        ("orderId", {"orderId": "order#1"}),
        ("orderId", {"orderId": "order-1\n"}),
        ("orderId", {"orderId": 7}),
        ("orderId", {"orderId": "x" * 129}),
        ("customerId", {"customerId": None}),
        ("items", {"items": []}),
        ("items", {"items": [{"sku": f"prod-{number}", "quantity": 1} for number in range(51)]}),
        ("items.0.sku", {"items": [{"sku": "x" * 65, "quantity": 1}]}),
        ("metadata.eventId", {"metadata": {"eventId": "event 7"}}),
        ("metadata.eventId", {"metadata": {"eventId": ""}}),
        ("metadata.correlationId", {"metadata": {"correlationId": "x" * 201}}),
        ("metadata.schemaVersion", {"metadata": {"schemaVersion": 2}}),
        ("metadata.schemaVersion", {"metadata": {"schemaVersion": True}}),
    ],
)
def test_a_field_outside_the_contract_is_rejected_by_name(field: str, detail: dict[str, object]) -> None:
    with pytest.raises(RejectedError) as rejected:
        _parse(event_body("OrderPlaced", **(json.loads(order_placed())["detail"] | detail)))

    assert f"{field}: " in rejected.value.detail


@pytest.mark.parametrize("missing", ["orderId", "customerId", "items"])
def test_a_missing_field_is_rejected_by_name(missing: str) -> None:
    detail = json.loads(order_placed())["detail"]
    del detail[missing]

    with pytest.raises(RejectedError, match=f"{missing}: Field required"):
        _parse(event_body("OrderPlaced", **detail))


@pytest.mark.parametrize("body", ["", "hello", "[]", "7", "null", '{"id": "x"}', '{"id": 1, "detail": []}'])
def test_a_body_that_is_no_event_is_rejected(body: str) -> None:
    with pytest.raises(RejectedError, match="validation_error"):
        _parse(body)


def test_a_rejection_never_quotes_what_was_sent() -> None:
    with pytest.raises(RejectedError) as rejected:
        _parse(order_placed(customerId="jane doe <jane@example.org>"))

    assert "jane" not in str(rejected.value)


def test_lines_of_one_sku_are_merged_and_may_exceed_what_a_line_may() -> None:
    lines = [{"sku": "prod-001", "quantity": 10_000}, {"sku": "a", "quantity": 1}, {"sku": "prod-001", "quantity": 1}]

    order = PlacedOrder.of(_parse(order_placed(items=lines)), allow_forced_payment_result=False)

    assert order.quantities == {"a": 1, "prod-001": 10_001}


@pytest.mark.parametrize("skus", [[f"prod-{number}" for number in range(50)], ["prod-001"] * 51])
def test_an_order_has_up_to_50_distinct_skus_on_any_number_of_lines(skus: list[str]) -> None:
    order = _parse(order_placed(items=[{"sku": sku, "quantity": 1} for sku in skus]))

    assert [item.sku for item in order.items] == skus


def test_a_rejection_names_the_first_five_fields_that_are_wrong() -> None:
    with pytest.raises(RejectedError) as rejected:
        _parse(order_placed(items=[{"sku": "prod-001", "quantity": 0}] * 6))

    named = [problem.partition(":")[0] for problem in rejected.value.detail.split("; ")]
    assert named == [f"items.{number}.quantity" for number in range(5)]


def test_an_unknown_field_is_ignored() -> None:
    assert _parse(order_placed(giftWrap=True)).order_id == "order-1"


@pytest.mark.parametrize(("allowed", "kept"), [(True, "FAILURE"), (False, None)])
def test_a_forced_payment_result_is_kept_only_where_that_is_allowed(allowed: bool, kept: str | None) -> None:  # noqa: FBT001
    placed = _parse(order_placed(_postDeployTestForceResult="FAILURE"))

    assert PlacedOrder.of(placed, allow_forced_payment_result=allowed).forced_payment_result == kept


def test_metadata_names_the_cause() -> None:
    metadata = {"eventId": "event-7", "correlationId": "correlation-7", "schemaVersion": 1}

    cause = parse_message(order_placed(metadata=metadata), NOW).cause

    assert (cause.event_id, cause.correlation_id, cause.at) == ("event-7", "correlation-7", NOW)


@pytest.mark.parametrize(
    ("detail", "event_id", "correlation_id"),
    [
        ({}, "bridge-1", "bridge-1"),
        ({"metadata": None}, "bridge-1", "bridge-1"),
        ({"metadata": {"eventId": "order#1/1/0"}}, "order#1/1/0", "bridge-1"),
        ({"metadata": {"correlationId": "x" * 200}}, "bridge-1", "x" * 200),
    ],
)
def test_where_metadata_names_no_id_the_eventbridge_id_serves(
    detail: dict[str, object], event_id: str, correlation_id: str
) -> None:
    cause = parse_message(event_body("OrderPlaced", **detail), NOW).cause

    assert (cause.event_id, cause.correlation_id) == (event_id, correlation_id)


@pytest.mark.parametrize("bridge_id", ["bridge 1", "x" * 201])
def test_an_eventbridge_id_outside_the_contract_is_rejected(bridge_id: str) -> None:
    with pytest.raises(RejectedError, match="id: "):
        _parse(json.dumps(json.loads(order_placed()) | {"id": bridge_id}))


def test_a_reference_to_an_order_holds_an_order_id() -> None:
    with pytest.raises(RejectedError, match="orderId: "):
        order_id(parse_message(event_body("PaymentProcessed", orderId="order#1"), NOW))


with pytest.MonkeyPatch.context() as _patched:
    # What is made up here is known to nobody else.
    _patched.setattr(events_of_any_kind, "_TYPES", {})

    class OrderGiftWrapped(Event):
        """At its second version: version 1 said its `paper` in a `colour`."""

        BUS: ClassVar[Bus] = Bus.ORDER
        SCHEMA_VERSION: ClassVar[int] = 2
        UPCASTERS = MappingProxyType({1: lambda fields: {"orderId": fields["orderId"], "paper": fields["colour"]}})

        order_id: str
        paper: str


@pytest.fixture
def _gift_wrapping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(events_of_any_kind._TYPES, "OrderGiftWrapped", OrderGiftWrapped)  # noqa: SLF001


def _gift_wrapped(**detail: object) -> OrderGiftWrapped:
    body = event_body("OrderGiftWrapped", orderId="order-1", **detail)
    return event_in(parse_message(body, NOW), OrderGiftWrapped)


@pytest.mark.usefixtures("_gift_wrapping")
@pytest.mark.parametrize(
    "detail",
    [
        {"colour": "red"},
        {"colour": "red", "metadata": {"schemaVersion": 1}},
        {"paper": "red", "metadata": {"schemaVersion": 2}},
    ],
    ids=["none is said", "older", "present"],
)
def test_an_event_of_any_version_that_is_known_is_accepted(detail: dict[str, object]) -> None:
    assert _gift_wrapped(**detail) == OrderGiftWrapped(order_id="order-1", paper="red")


@pytest.mark.usefixtures("_gift_wrapping")
@pytest.mark.parametrize("version", [3, 0, -1])
def test_an_event_of_a_version_that_is_not_known_is_rejected(version: int) -> None:
    with pytest.raises(RejectedError, match=r"metadata\.schemaVersion: "):
        _gift_wrapped(paper="red", metadata={"schemaVersion": version})


@pytest.mark.usefixtures("_gift_wrapping")
def test_an_older_event_that_lacks_what_it_should_say_is_rejected() -> None:
    with pytest.raises(RejectedError, match="validation_error: detail: not version 1 of OrderGiftWrapped"):
        _gift_wrapped(metadata={"schemaVersion": 1})


def test_the_version_of_an_event_that_the_service_does_not_know_is_1_or_it_is_rejected() -> None:
    assert parse_message(event_body("OrderSung", metadata={"schemaVersion": 1}), NOW).schema_version == 1
    with pytest.raises(RejectedError, match="1 is the newest"):
        parse_message(event_body("OrderSung", metadata={"schemaVersion": 2}), NOW)

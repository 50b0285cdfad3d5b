"""Refunds that orders ask for, as the payment service makes them. Those of expired orders are in test_expiry.py."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.libs.runtime.lambda_types import BatchResponse
from services.libs.store.dynamodb_items import from_item, to_item
from services.libs.store.event_store import ContentionError, EventStore
from services.order_service.after_sale_service import AfterSale, ReturnTimes
from services.order_service.service import OrderService
from services.payment_service import handler as payment_service
from services.payment_service.gateway import GatewayError, RefundRequest
from services.payment_service.service import PaymentService
from services.payment_service.simulated_gateway import SimulatedGateway
from services.shared.commits import Commit
from services.shared.events.event import Event
from services.shared.events.order import (
    FulfilmentStarted,
    OrderDelivered,
    OrderLine,
    OrderShipped,
    ParcelWrittenOff,
    PlannedShipment,
    ReturnRequested,
    WriteOffReason,
)
from services.shared.events.payment import (
    RefundFailed,
    RefundFailureReason,
    RefundMode,
    RefundProcessed,
    RefundReason,
    RefundRequested,
)
from services.shared.faults import DependencyError
from services.shared.json_types import JsonObject
from services.shared.rejections import RejectedError, RejectionReason
from tests.factories import (
    CAUSE,
    PAYMENT_TIMEOUT,
    Context,
    conclude,
    event_body,
    pay,
    place,
    placed_order,
    seeding,
    sqs_event,
)
from tests.unit.conftest import EVENT_STORE_TABLE, GATEWAY_TABLE, Aws

DONE: BatchResponse = {"batchItemFailures": []}
RETRIED: BatchResponse = {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
_GOLDEN = Path(__file__).parents[2] / "golden" / "commits"
_LINES = (OrderLine(sku="prod-001", quantity=1),)
_REQUESTED = event_body("RefundRequested", orderId="order-1")


@pytest.fixture
def service(aws: Aws) -> PaymentService:
    return _service(aws)


@pytest.fixture
def after_sale(aws: Aws) -> AfterSale:
    return AfterSale(aws.store, ReturnTimes(window=PAYMENT_TIMEOUT, arrival=PAYMENT_TIMEOUT))


def _service(aws: Aws, **rates: float) -> PaymentService:
    return PaymentService(aws.store, SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0, **rates))


@pytest.fixture(autouse=True)
def _confirmed(aws: Aws) -> None:
    """The order of three units at 5.00 is paid and confirmed: its next version is 4."""
    aws.store.append(seeding("prod-001", stock=10))
    orders = OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT)
    place(orders, placed_order(quantities={"prod-001": 3}))
    pay(_service(aws), "order-1")
    conclude(orders, "order-1")


def _lose_parcels(aws: Aws, *amounts: int) -> None:
    """Start fulfilment as version 4, and write off a parcel for each amount to refund."""
    _append(
        aws,
        FulfilmentStarted(
            order_id="order-1",
            customer_id="customer-1",
            shipments=tuple(
                PlannedShipment(shipment_id=f"order-1-{number}", warehouse="main", lines=_LINES)
                for number in range(len(amounts) + 1)
            ),
        ),
    )
    for number, amount in enumerate(amounts):
        lost = ParcelWrittenOff(
            order_id="order-1",
            customer_id="customer-1",
            shipment_id=f"order-1-{number}",
            outcome=WriteOffReason.LOST,
            lines=_LINES,
        )
        _append(aws, lost, _refund(f"order-1-{5 + number}", amount))


def _refund(refund_id: str, amount_minor: int) -> RefundRequested:
    return RefundRequested(
        order_id="order-1",
        customer_id="customer-1",
        refund_id=refund_id,
        mode=RefundMode.REFUND,
        amount_minor=amount_minor,
        currency="GBP",
        reason=RefundReason.UNDELIVERABLE,
    )


def _append(aws: Aws, *events: Event) -> None:
    aws.store.append(Commit("order#order-1", len(aws.store.read("order#order-1")) + 1, events, CAUSE))


def _after(aws: Aws, version: int) -> list[Event]:
    return [event for commit in aws.store.read("order#order-1")[version:] for event in commit.events]


def _processed(refund_id: str, refunded_minor: int) -> RefundProcessed:
    return RefundProcessed(
        order_id="order-1",
        customer_id="customer-1",
        refund_id=refund_id,
        refunded_minor=refunded_minor,
        currency="GBP",
    )


def _failed(refund_id: str, amount_minor: int) -> RefundFailed:
    return RefundFailed(
        order_id="order-1",
        customer_id="customer-1",
        refund_id=refund_id,
        amount_minor=amount_minor,
        currency="GBP",
        reason=RefundFailureReason.REFUSED,
    )


def _ledger(aws: Aws) -> JsonObject:
    return from_item(
        aws.dynamodb.get_item(TableName=GATEWAY_TABLE, Key=to_item({"order_id": "order-1"})).get("Item", {})
    )


def test_an_order_that_is_cancelled_after_its_payment_is_refunded_in_whole(
    aws: Aws, service: PaymentService, after_sale: AfterSale
) -> None:
    after_sale.cancel("order-1", "customer-1", CAUSE)

    service.refund("order-1", replace(CAUSE, event_id="order#order-1/4/1"))

    closed = aws.store.read("order#order-1")[-1]
    assert (closed.version, closed.events) == (5, (_processed("order-1-cancelled", 1500),))
    assert (closed.cause.event_id, closed.stock_changes()) == ("order#order-1/4/1", ())
    assert (
        _ledger(aws).items() >= {"status": "charged", "refund#order-1-cancelled": 1500, "refunded_minor": 1500}.items()
    )


def test_one_request_makes_all_open_refunds_of_the_order_the_oldest_first(aws: Aws, service: PaymentService) -> None:
    _lose_parcels(aws, 500, 0, 499)

    service.refund("order-1", CAUSE)

    assert _after(aws, 7) == [_processed("order-1-5", 500), _processed("order-1-6", 0), _processed("order-1-7", 499)]
    assert _ledger(aws)["refunded_minor"] == 999


def test_the_requests_of_refunds_that_are_made_ask_the_gateway_for_nothing(aws: Aws, service: PaymentService) -> None:
    _lose_parcels(aws, 500)

    for _ in range(3):
        service.refund("order-1", CAUSE)

    assert _after(aws, 5) == [_processed("order-1-5", 500)]
    assert _ledger(aws)["attempts#order-1-5"] == 1


def test_a_refund_that_the_gateway_refuses_for_good_has_failed(aws: Aws) -> None:
    _lose_parcels(aws, 500)

    for _ in range(2):
        _service(aws, refund_failure_rate=1.0).refund("order-1", CAUSE)

    assert _after(aws, 5) == [_failed("order-1-5", 500)]
    assert _ledger(aws)["attempts#order-1-5"] == 1


def test_a_failed_refund_that_staff_asks_for_again_is_made_under_its_new_id(
    aws: Aws, service: PaymentService, after_sale: AfterSale
) -> None:
    _lose_parcels(aws, 500)
    _service(aws, refund_failure_rate=1.0).refund("order-1", CAUSE)
    after_sale.retry_refund("order-1", "order-1-5", CAUSE)

    service.refund("order-1", CAUSE)

    assert _after(aws, 7) == [_processed("order-1-again-5", 500)]
    assert (
        _ledger(aws).items() >= {"refused#order-1-5": 500, "refund#order-1-again-5": 500, "refunded_minor": 500}.items()
    )


def test_refunds_never_exceed_the_charge(aws: Aws, service: PaymentService) -> None:
    _lose_parcels(aws, 1000, 501, 500)

    service.refund("order-1", CAUSE)

    assert _after(aws, 7) == [_processed("order-1-5", 1000), _failed("order-1-6", 501), _processed("order-1-7", 500)]
    assert _ledger(aws)["refunded_minor"] == 1500


def test_a_refund_of_a_charge_that_the_gateway_does_not_know_has_failed(aws: Aws, service: PaymentService) -> None:
    _lose_parcels(aws, 500)
    aws.dynamodb.delete_item(TableName=GATEWAY_TABLE, Key=to_item({"order_id": "order-1"}))

    service.refund("order-1", CAUSE)

    assert _after(aws, 5) == [_failed("order-1-5", 500)]


class _FaultyGateway(SimulatedGateway):
    """Answers no call about some refunds; `asked` are the refunds of each call."""

    def __init__(self, aws: Aws, *silent_about: str) -> None:
        super().__init__(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0)
        self.silent_about = {*silent_about}
        self.asked: list[str] = []

    def refund(self, request: RefundRequest) -> bool:
        self.asked.append(request.refund_id)
        if request.refund_id in self.silent_about:
            raise GatewayError(request.refund_id)
        return super().refund(request)


@pytest.mark.parametrize("silent_about", [("order-1-5",), ("order-1-6",), ("order-1-5", "order-1-6")])
def test_a_fault_of_the_gateway_keeps_no_other_refund_from_being_made(aws: Aws, silent_about: tuple[str, ...]) -> None:
    _lose_parcels(aws, 500, 500, 500)
    gateway = _FaultyGateway(aws, *silent_about)
    service = PaymentService(aws.store, gateway)

    with pytest.raises(GatewayError):
        service.refund("order-1", CAUSE)
    made = _after(aws, 7)
    gateway.silent_about = set()
    service.refund("order-1", CAUSE)

    ids = ["order-1-5", "order-1-6", "order-1-7"]
    assert made == [_processed(refund_id, 500) for refund_id in ids if refund_id not in silent_about]
    assert gateway.asked == [*ids, *silent_about]
    assert _ledger(aws)["refunded_minor"] == 1500


def test_a_crash_between_the_refund_and_its_commit_gives_nothing_back_twice(aws: Aws, service: PaymentService) -> None:
    _lose_parcels(aws, 500)
    SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, 1.0).refund(RefundRequest("order-1", "order-1-5", 500, "GBP"))

    service.refund("order-1", CAUSE)

    assert _after(aws, 5) == [_processed("order-1-5", 500)]
    assert _ledger(aws)["refunded_minor"] == 500


class _BusyStore(EventStore):
    """A store in which others do something right before each of its writes."""

    def __init__(self, aws: Aws, others: Iterable[Callable[[], object]]) -> None:
        self._store = aws.store
        self._others = iter(others)

    def read(self, stream_id: str) -> tuple[Commit, ...]:
        return self._store.read(stream_id)

    def append(self, commit: Commit) -> None:
        if other := next(self._others, None):
            other()
        self._store.append(commit)


def _ship_and_announce(aws: Aws, returns: int) -> list[Callable[[], object]]:
    """Ship and deliver the order; give writers that each announce a return."""
    reference = {"order_id": "order-1", "customer_id": "customer-1"}
    _append(aws, OrderShipped(**reference))
    _append(aws, OrderDelivered(**reference))

    def announce(number: int) -> Callable[[], None]:
        return lambda: _append(aws, ReturnRequested(**reference, return_id=f"return-{number}", lines=_LINES))

    return [announce(number) for number in range(returns)]


def test_other_writers_of_the_order_only_lead_to_new_attempts(aws: Aws) -> None:
    _lose_parcels(aws, 500)
    others = _ship_and_announce(aws, returns=4)
    gateway = _FaultyGateway(aws)

    PaymentService(_BusyStore(aws, others), gateway).refund("order-1", CAUSE)

    *announced, processed = _after(aws, 7)
    assert [type(event) for event in announced] == [ReturnRequested] * 4
    assert processed == _processed("order-1-5", 500)
    assert gateway.asked == ["order-1-5"]


def test_an_order_that_others_always_write_to_comes_again_and_keeps_no_other_refund_back(
    aws: Aws, service: PaymentService
) -> None:
    _lose_parcels(aws, 500, 400)
    others = _ship_and_announce(aws, returns=8)

    with pytest.raises(ContentionError, match="others wrote to the stream in each of 8 attempts") as contention:
        PaymentService(_BusyStore(aws, others), _FaultyGateway(aws)).refund("order-1", CAUSE)
    made = _after(aws, 16)
    service.refund("order-1", CAUSE)

    assert isinstance(contention.value, DependencyError)
    assert made == [_processed("order-1-6", 400)]
    assert _after(aws, 17) == [_processed("order-1-5", 500)]
    assert _ledger(aws)["refunded_minor"] == 900


def test_of_two_deliveries_at_once_one_closes_the_refund(aws: Aws, service: PaymentService) -> None:
    _lose_parcels(aws, 500)
    store = _BusyStore(aws, [lambda: service.refund("order-1", CAUSE)])

    PaymentService(store, SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0)).refund("order-1", CAUSE)

    assert _after(aws, 5) == [_processed("order-1-5", 500)]
    assert _ledger(aws)["refunded_minor"] == 500


def test_two_refunds_of_one_order_are_closed_by_two_workers_at_once(aws: Aws, service: PaymentService) -> None:
    _lose_parcels(aws, 500, 400)
    store = _BusyStore(aws, [lambda: service.refund("order-1", CAUSE)])

    PaymentService(store, SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0)).refund("order-1", CAUSE)

    assert _after(aws, 6) == [_processed("order-1-5", 500), _processed("order-1-6", 400)]


@pytest.mark.parametrize("history", ["never placed", "confirmed"])
def test_what_nobody_asked_for_is_not_refunded(aws: Aws, service: PaymentService, history: str) -> None:
    order_id = {"never placed": "order-2", "confirmed": "order-1"}[history]

    with pytest.raises(RejectedError) as rejected:
        service.refund(order_id, CAUSE)

    assert rejected.value.reason == RejectionReason.REFUND_NOT_REQUESTED
    assert [name for name in _ledger(aws) if "#" in name] == []


def _golden(name: str) -> Mapping[str, object]:
    item: Mapping[str, object] = json.loads((_GOLDEN / f"{name}.json").read_text("utf-8"))["item"]
    return item


@pytest.mark.parametrize("form", ["", "-move-stated"])
@pytest.mark.parametrize("charged", [True, False])
def test_a_call_off_from_before_refunds_had_ids_is_made_once(
    aws: Aws,
    form: str,
    charged: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    service = _store_again(aws, f"reserved{form}", f"expired{form}")
    if not charged:
        aws.dynamodb.delete_item(TableName=GATEWAY_TABLE, Key=to_item({"order_id": "order-1"}))

    for _ in range(2):
        service.refund("order-1", CAUSE)

    assert _after(aws, 2) == [_processed("order-1-cancelled", 1500 if charged else 0)]
    assert _ledger(aws)["status"] == ("refunded" if charged else "called_off")


@pytest.mark.parametrize("form", ["", "-move-stated"])
def test_a_call_off_that_was_made_before_refunds_had_ids_is_not_made_again(aws: Aws, form: str) -> None:
    service = _store_again(aws, f"reserved{form}", f"expired{form}", f"refunded{form}")
    before = _ledger(aws)

    service.refund("order-1", CAUSE)

    assert _after(aws, 3) == []
    assert _ledger(aws) == before


def _store_again(aws: Aws, *names: str) -> PaymentService:
    """Put an old order in place of the order; its gateway refuses every refund that is no call-off."""
    for version in range(1, 4):
        aws.dynamodb.delete_item(
            TableName=EVENT_STORE_TABLE, Key=to_item({"stream_id": "order#order-1", "version": version})
        )
    for name in names:
        aws.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=_golden(name))  # type: ignore[arg-type] # as it is stored
    return _service(aws, refund_failure_rate=1.0)


@pytest.mark.usefixtures("environment")
def test_requests_that_come_twice_and_out_of_order_refund_once(aws: Aws) -> None:
    _lose_parcels(aws, 500, 400)
    requests = [event_body("RefundRequested", orderId="order-1", refundId=f"order-1-{number}") for number in (6, 5, 6)]

    assert payment_service.handler(sqs_event(*requests), Context()) == DONE

    assert _after(aws, 6) == [_processed("order-1-5", 500), _processed("order-1-6", 400)]


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        (event_body("RefundRequested", orderId="order 1"), "validation_error"),
        (event_body("RefundRequested"), "validation_error"),
        (event_body("RefundRequested", orderId="order-2"), "refund_not_requested"),
    ],
)
def test_a_request_that_can_never_succeed_is_a_dead_letter_and_harms_no_other(
    aws: Aws, poison: str, reason: str
) -> None:
    _lose_parcels(aws, 500)

    assert payment_service.handler(sqs_event(poison, _REQUESTED), Context()) == DONE

    assert [(letter["body"], letter["reason"]) for letter in aws.read_dead_letters()] == [(poison, reason)]
    assert _after(aws, 5) == [_processed("order-1-5", 500)]


@pytest.mark.usefixtures("environment")
def test_a_request_that_meets_a_fault_comes_again(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_FAULT_RATE", "1")
    _lose_parcels(aws, 500)

    assert payment_service.handler(sqs_event(_REQUESTED), Context()) == RETRIED

    assert _after(aws, 5) == []
    assert aws.read_dead_letters() == []


@pytest.mark.usefixtures("environment")
def test_the_share_of_refused_refunds_is_a_setting(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFUND_FAILURE_RATE", "1")
    _lose_parcels(aws, 500)

    assert payment_service.handler(sqs_event(_REQUESTED), Context()) == DONE

    assert _after(aws, 5) == [_failed("order-1-5", 500)]


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("name", ["PAYMENT_SUCCESS_RATE", "REFUND_FAILURE_RATE", "GATEWAY_FAULT_RATE"])
@pytest.mark.parametrize("value", ["-0.01", "1.01"])
def test_a_share_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError, match=name):
        payment_service.handler(sqs_event(), Context())

import pytest

from services.libs.store.dynamodb_items import from_item, to_item
from services.order_service.service import OrderService
from services.payment_service.gateway import Charge, ChargeRequest, GatewayError, PaymentGateway, RefundRequest
from services.payment_service.service import PaymentService
from services.payment_service.simulated_gateway import SimulatedGateway
from services.shared.commits import Commit
from services.shared.events.order import ForcedResult
from services.shared.events.payment import FailureReason, PaymentFailed, PaymentProcessed
from services.shared.inventory import Move, StockLine, StockMove
from services.shared.json_types import JsonObject
from services.shared.rejections import RejectedError, RejectionReason
from tests.factories import CAUSE, PAYMENT_TIMEOUT, decide, inventory, pay, place, placed_order, seeding, stock_item
from tests.unit.conftest import GATEWAY_TABLE, Aws


@pytest.fixture
def gateway(aws: Aws) -> SimulatedGateway:
    return SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0)


@pytest.fixture
def service(aws: Aws, gateway: SimulatedGateway) -> PaymentService:
    aws.store.append(seeding("prod-001", stock=10))
    return PaymentService(aws.store, gateway)


def _reserve(aws: Aws, forced: ForcedResult | None = None) -> None:
    place(
        OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT),
        placed_order(quantities={"prod-001": 3}, forced=forced),
        CAUSE,
    )


def _ledger(aws: Aws, order_id: str = "order-1") -> JsonObject:
    found = aws.dynamodb.get_item(TableName=GATEWAY_TABLE, Key=to_item({"order_id": order_id}))
    return from_item(found.get("Item", {}))


def _last(aws: Aws) -> Commit:
    return aws.store.read("order#order-1")[-1]


def test_a_paid_order_takes_its_stock_away(aws: Aws, service: PaymentService) -> None:
    _reserve(aws)

    pay(service, "order-1", CAUSE)

    assert aws.stock() == (7, 0, 7)
    assert _last(aws).events == (
        PaymentProcessed(
            order_id="order-1",
            customer_id="customer-1",
            amount_minor=1500,
            currency="GBP",
            charge_id=str(_ledger(aws)["charge_id"]),
        ),
    )
    assert _last(aws).stock_move == StockMove(Move.SETTLE, (StockLine("prod-001", 3),))
    assert _ledger(aws)["amount_minor"] == 1500


def test_a_declined_payment_releases_the_reservation(aws: Aws, service: PaymentService) -> None:
    _reserve(aws, forced="FAILURE")

    pay(service, "order-1", CAUSE)

    assert aws.stock() == (10, 0, 10)
    assert _last(aws).events == (
        PaymentFailed(
            order_id="order-1",
            customer_id="customer-1",
            amount_minor=1500,
            currency="GBP",
            reason=FailureReason.DECLINED,
        ),
    )
    assert _last(aws).stock_move == StockMove(Move.RELEASE, (StockLine("prod-001", 3),))
    assert _ledger(aws)["status"] == "declined"


def test_the_same_request_ten_times_charges_and_settles_once(aws: Aws, service: PaymentService) -> None:
    _reserve(aws)

    for _ in range(10):
        pay(service, "order-1", CAUSE)

    assert aws.stock() == (7, 0, 7)
    assert _ledger(aws)["attempts"] == 1
    assert len(aws.store.read("order#order-1")) == 2


def test_a_crash_after_the_charge_charges_nobody_twice(
    aws: Aws, service: PaymentService, gateway: SimulatedGateway
) -> None:
    _reserve(aws)
    gateway.charge(ChargeRequest("order-1", 1500, "GBP"))

    pay(service, "order-1", CAUSE)

    assert aws.stock() == (7, 0, 7)
    assert _ledger(aws)["attempts"] == 2
    assert _last(aws).get(PaymentProcessed).charge_id == _ledger(aws)["charge_id"]


def test_a_charge_whose_answer_comes_too_late_is_settled_by_the_next_delivery(
    aws: Aws, service: PaymentService
) -> None:
    _reserve(aws)
    late = PaymentService(aws.store, SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0, fault_rate=1.0))

    with pytest.raises(GatewayError):
        pay(late, "order-1", CAUSE)
    assert (_ledger(aws)["status"], aws.stock()) == ("charged", (10, 3, 7))
    pay(service, "order-1", CAUSE)

    assert aws.stock() == (7, 0, 7)
    assert _last(aws).get(PaymentProcessed).amount_minor == 1500


class _SlowGateway(PaymentGateway):
    """A gateway during whose answer another delivery settles the order."""

    def __init__(self, other: PaymentService) -> None:
        self._other = other

    def charge(self, request: ChargeRequest) -> Charge:
        pay(self._other, request.order_id, CAUSE)
        return Charge("charge-of-the-loser", accepted=True)

    def call_off(self, order_id: str) -> int:
        raise NotImplementedError(order_id)

    def refund(self, request: RefundRequest) -> bool:
        raise NotImplementedError(request)


def test_of_two_deliveries_at_once_one_settles_and_the_other_does_nothing(aws: Aws, service: PaymentService) -> None:
    _reserve(aws)

    pay(PaymentService(aws.store, _SlowGateway(other=service)), "order-1", CAUSE)

    assert aws.stock() == (7, 0, 7)
    assert _last(aws).get(PaymentProcessed).charge_id != "charge-of-the-loser"


def test_an_order_that_was_never_placed_is_charged_nothing(aws: Aws, service: PaymentService) -> None:
    with pytest.raises(RejectedError) as rejected:
        pay(service, "order-1", CAUSE)

    assert rejected.value.reason == RejectionReason.ORDER_NOT_RESERVED
    assert _ledger(aws) == {}


def test_a_refused_order_is_charged_nothing(aws: Aws, service: PaymentService) -> None:
    aws.store.append(decide(placed_order(quantities={"prod-001": 11}), inventory(stock_item()), CAUSE))

    with pytest.raises(RejectedError) as rejected:
        pay(service, "order-1", CAUSE)

    assert rejected.value.reason == RejectionReason.ORDER_NOT_RESERVED
    assert _ledger(aws) == {}

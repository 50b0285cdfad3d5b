from typing import TYPE_CHECKING, cast

import pytest

from services.libs.store.dynamodb_items import from_item, to_item
from services.payment_service.gateway import ChargeConflictError, ChargeRequest, GatewayError
from services.payment_service.simulated_gateway import SimulatedGateway, accepts
from services.shared.json_types import JsonObject
from tests.unit.conftest import GATEWAY_TABLE, Aws

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

CHARGE = ChargeRequest("order-1", 100, "GBP")


@pytest.fixture
def gateway(aws: Aws) -> SimulatedGateway:
    return SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0)


@pytest.fixture
def declining(aws: Aws) -> SimulatedGateway:
    return SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=0.0)


def _ledger(aws: Aws) -> JsonObject:
    return from_item(aws.dynamodb.get_item(TableName=GATEWAY_TABLE, Key=to_item({"order_id": "order-1"}))["Item"])


def test_an_order_has_a_charge_of_its_own(gateway: SimulatedGateway) -> None:
    other = ChargeRequest("order-2", 100, "GBP")

    assert gateway.charge(CHARGE).charge_id != gateway.charge(other).charge_id


def test_the_first_answer_stands(gateway: SimulatedGateway, declining: SimulatedGateway) -> None:
    first = gateway.charge(CHARGE)

    assert declining.charge(CHARGE) == first


@pytest.mark.parametrize(("amount", "currency"), [(101, "GBP"), (100, "EUR")])
def test_a_known_order_with_another_amount_is_refused(
    aws: Aws, gateway: SimulatedGateway, amount: int, currency: str
) -> None:
    gateway.charge(CHARGE)

    with pytest.raises(ChargeConflictError, match="order-1"):
        gateway.charge(ChargeRequest("order-1", amount, currency))

    assert (_ledger(aws)["amount_minor"], _ledger(aws)["attempts"]) == (100, 1)


def test_the_success_rate_is_met_over_many_orders() -> None:
    accepted = sum(accepts(f"order-{number}", 0.75) for number in range(2000))

    assert 1440 <= accepted <= 1560


@pytest.mark.parametrize("order_id", ["order-1", "order-2", "order-3", "order-4"])
def test_a_charge_that_nobody_forces_follows_the_success_rate(aws: Aws, order_id: str) -> None:
    gateway = SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=0.5)

    assert gateway.charge(ChargeRequest(order_id, 100, "GBP")).accepted == accepts(order_id, 0.5)


@pytest.mark.parametrize(("forced", "accepted"), [("SUCCESS", True), ("FAILURE", False)])
def test_a_forced_result_stands_above_the_success_rate(aws: Aws, forced: str, accepted: bool) -> None:  # noqa: FBT001
    gateway = SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=0.0 if accepted else 1.0)

    assert gateway.charge(ChargeRequest("order-1", 100, "GBP", forced)).accepted == accepted


def test_a_charge_that_is_called_off_is_given_back_in_whole_however_often_it_is_asked_for(
    aws: Aws, gateway: SimulatedGateway
) -> None:
    gateway.charge(CHARGE)

    assert [gateway.call_off("order-1") for _ in range(2)] == [100, 100]
    assert _ledger(aws)["status"] == "refunded"
    assert not gateway.charge(CHARGE).accepted


def test_an_order_that_is_called_off_before_its_charge_is_never_charged(aws: Aws, gateway: SimulatedGateway) -> None:
    assert [gateway.call_off("order-1") for _ in range(2)] == [0, 0]

    assert not gateway.charge(CHARGE).accepted
    assert gateway.call_off("order-1") == 0
    assert _ledger(aws)["status"] == "called_off"


def test_a_charge_that_was_declined_stays_declined_when_it_is_called_off(aws: Aws, declining: SimulatedGateway) -> None:
    declining.charge(CHARGE)

    assert [declining.call_off("order-1") for _ in range(2)] == [0, 0]
    assert _ledger(aws)["status"] == "declined"


class _ChargedMeanwhile:
    """A ledger in which the order is charged just after each of its updates."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self.exceptions = client.exceptions
        self._client = client

    def update_item(self, **request: object) -> object:
        try:
            return self._client.update_item(**request)  # type: ignore[arg-type]
        finally:
            SimulatedGateway(self._client, GATEWAY_TABLE, success_rate=1.0).charge(CHARGE)


def test_a_charge_that_comes_while_it_is_called_off_is_given_back_by_the_next_try(
    aws: Aws, gateway: SimulatedGateway
) -> None:
    raced = SimulatedGateway(cast("DynamoDBClient", _ChargedMeanwhile(aws.dynamodb)), GATEWAY_TABLE, success_rate=1.0)

    with pytest.raises(GatewayError):
        raced.call_off("order-1")

    assert gateway.call_off("order-1") == 100

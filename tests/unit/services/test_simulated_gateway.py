from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

import pytest

from services.libs.store.dynamodb_items import from_item, to_item
from services.payment_service.gateway import ChargeConflictError, ChargeRequest, GatewayError, RefundRequest
from services.payment_service.simulated_gateway import SimulatedGateway, accepts, refuses
from services.shared.json_types import JsonObject
from tests.unit.conftest import GATEWAY_TABLE, Aws

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

CHARGE = ChargeRequest("order-1", 100, "GBP")
REFUND = RefundRequest("order-1", "refund-1", 40, "GBP")


@pytest.fixture
def gateway(aws: Aws) -> SimulatedGateway:
    return SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0)


@pytest.fixture
def declining(aws: Aws) -> SimulatedGateway:
    return SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=0.0)


def _ledger(aws: Aws, order_id: str = "order-1") -> JsonObject:
    return from_item(aws.dynamodb.get_item(TableName=GATEWAY_TABLE, Key=to_item({"order_id": order_id}))["Item"])


def _refund(refund_id: str, amount_minor: int) -> RefundRequest:
    return REFUND._replace(refund_id=refund_id, amount_minor=amount_minor)


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


class _Meanwhile:
    """A ledger in which something else happens once, right before its second update."""

    def __init__(self, client: "DynamoDBClient", happens: Callable[[], object]) -> None:
        self.exceptions = client.exceptions
        self.updates = 0
        self._client = client
        self._happens = happens

    def update_item(self, **request: object) -> object:
        self.updates += 1
        if self.updates == 2:
            self._happens()
        return self._client.update_item(**request)  # type: ignore[arg-type]


def _raced(aws: Aws, happens: Callable[[], object]) -> SimulatedGateway:
    """A gateway that has read the ledger, when something else happens to it."""
    return SimulatedGateway(cast("DynamoDBClient", _Meanwhile(aws.dynamodb, happens)), GATEWAY_TABLE, success_rate=1.0)


def test_a_charge_that_comes_while_it_is_called_off_is_given_back(aws: Aws, gateway: SimulatedGateway) -> None:
    assert _raced(aws, lambda: gateway.charge(CHARGE)).call_off("order-1") == 100

    assert _ledger(aws)["status"] == "refunded"


def test_two_call_offs_at_once_give_the_same_answer(aws: Aws, gateway: SimulatedGateway) -> None:
    gateway.charge(CHARGE)

    assert _raced(aws, lambda: gateway.call_off("order-1")).call_off("order-1") == 100


def test_a_charge_that_is_called_off_gives_back_what_its_refunds_have_left(aws: Aws, gateway: SimulatedGateway) -> None:
    gateway.charge(CHARGE)
    gateway.refund(REFUND)

    assert [gateway.call_off("order-1") for _ in range(2)] == [60, 60]
    assert (_ledger(aws)["status"], _ledger(aws)["refunded_minor"]) == ("refunded", 40)


def test_a_refund_that_comes_while_its_charge_is_called_off_is_not_given_back_twice(
    aws: Aws, gateway: SimulatedGateway
) -> None:
    gateway.charge(CHARGE)

    assert _raced(aws, lambda: gateway.refund(REFUND)).call_off("order-1") == 60


def test_a_call_off_that_comes_while_its_charge_is_refunded_refuses_the_refund(
    aws: Aws, gateway: SimulatedGateway
) -> None:
    gateway.charge(CHARGE)

    assert not _raced(aws, lambda: gateway.call_off("order-1")).refund(REFUND)
    assert "refunded_minor" not in _ledger(aws)


@pytest.mark.parametrize("amount", [0, 1, 99, 100])
def test_a_refund_is_given_back_once_however_often_it_is_asked_for(
    aws: Aws, gateway: SimulatedGateway, amount: int
) -> None:
    gateway.charge(CHARGE)
    refund = REFUND._replace(amount_minor=amount)

    assert [gateway.refund(refund) for _ in range(3)] == [True, True, True]

    assert _ledger(aws).items() >= {"refund#refund-1": amount, "refunded_minor": amount, "status": "charged"}.items()
    assert "refused#refund-1" not in _ledger(aws)


def test_the_refunds_of_a_charge_end_where_it_ends(aws: Aws, gateway: SimulatedGateway) -> None:
    gateway.charge(CHARGE)

    answers = [gateway.refund(_refund(f"refund-{number}", amount)) for number, amount in enumerate([40, 61, 60, 1])]

    assert answers == [True, False, True, False]
    assert _ledger(aws)["refunded_minor"] == 100
    assert [name for name in sorted(_ledger(aws)) if name.startswith(("refund#", "refused#"))] == [
        "refund#refund-0",
        "refund#refund-2",
        "refused#refund-1",
        "refused#refund-3",
    ]
    assert _ledger(aws)["refused#refund-1"] == 61


@pytest.mark.parametrize("amount", [0, 40])
@pytest.mark.parametrize("end", ["never charged", "declined", "called off", "given back"])
def test_a_charge_that_does_not_stand_is_not_refunded(
    aws: Aws, gateway: SimulatedGateway, declining: SimulatedGateway, end: str, amount: int
) -> None:
    ways: dict[str, list[Callable[[], object]]] = {
        "never charged": [],
        "declined": [lambda: declining.charge(CHARGE)],
        "called off": [lambda: gateway.call_off("order-1"), lambda: gateway.charge(CHARGE)],
        "given back": [lambda: gateway.charge(CHARGE), lambda: gateway.call_off("order-1")],
    }
    for step in ways[end]:
        step()

    assert not gateway.refund(REFUND._replace(amount_minor=amount))

    assert _ledger(aws)["refused#refund-1"] == amount
    assert _ledger(aws).keys().isdisjoint({"refund#refund-1", "refunded_minor"})


def test_a_refund_in_another_currency_is_refused(gateway: SimulatedGateway) -> None:
    gateway.charge(CHARGE)

    assert not gateway.refund(REFUND._replace(currency="EUR"))


@pytest.mark.parametrize("amount", [39, 41])
def test_a_refund_id_that_was_used_for_another_amount_is_refused(
    aws: Aws, gateway: SimulatedGateway, amount: int
) -> None:
    gateway.charge(CHARGE)
    gateway.refund(REFUND)

    assert not gateway.refund(REFUND._replace(amount_minor=amount))
    assert gateway.refund(REFUND)
    assert _ledger(aws)["refunded_minor"] == 40


def test_a_refund_of_what_was_never_charged_calls_the_charge_off(aws: Aws, gateway: SimulatedGateway) -> None:
    assert not gateway.refund(REFUND)

    assert not gateway.charge(CHARGE).accepted
    assert not gateway.refund(REFUND)
    assert _ledger(aws)["status"] == "called_off"


def test_a_refusal_stands_when_the_charge_came_at_once(aws: Aws, gateway: SimulatedGateway) -> None:
    assert not _raced(aws, lambda: gateway.charge(CHARGE)).refund(REFUND)

    assert not gateway.refund(REFUND)
    assert gateway.refund(_refund("refund-2", 100))
    assert _ledger(aws)["status"] == "charged"


def test_the_same_refund_twice_at_once_is_given_back_once(aws: Aws, gateway: SimulatedGateway) -> None:
    gateway.charge(CHARGE)

    assert _raced(aws, lambda: gateway.refund(REFUND)).refund(REFUND)
    assert _ledger(aws)["refunded_minor"] == 40


@pytest.mark.parametrize(("other", "both_fit"), [(60, True), (61, False)])
def test_two_refunds_at_once_never_exceed_the_charge(
    aws: Aws,
    gateway: SimulatedGateway,
    other: int,
    both_fit: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    gateway.charge(CHARGE)

    assert _raced(aws, lambda: gateway.refund(_refund("refund-2", other))).refund(REFUND) is both_fit

    assert _ledger(aws)["refunded_minor"] == (100 if both_fit else other)


def test_two_refusals_of_a_refund_at_once_are_one(aws: Aws, gateway: SimulatedGateway) -> None:
    assert not _raced(aws, lambda: gateway.refund(REFUND)).refund(REFUND)


def test_a_refund_that_was_given_back_is_not_refused_by_a_call_at_once(aws: Aws, gateway: SimulatedGateway) -> None:
    def give_back() -> None:
        gateway.charge(CHARGE)
        assert gateway.refund(REFUND)

    assert _raced(aws, give_back).refund(REFUND)
    assert "refused#refund-1" not in _ledger(aws)


def test_the_failure_rate_is_met_over_many_refunds() -> None:
    refused = sum(refuses(f"order-{number}-4", 0.25) for number in range(2000))

    assert 440 <= refused <= 560


@pytest.mark.parametrize("refund_id", ["order-1-4", "order-1-5", "order-1-6", "order-1-7"])
def test_a_refund_that_the_charge_covers_follows_the_failure_rate_for_ever(
    aws: Aws, gateway: SimulatedGateway, refund_id: str
) -> None:
    gateway.charge(CHARGE)
    failing = SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0, refund_failure_rate=0.5)
    refund = _refund(refund_id, 10)

    first = failing.refund(refund)

    assert first is not refuses(refund_id, 0.5)
    always_failing = SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0, refund_failure_rate=1.0)
    assert {one.refund(refund) for one in (gateway, failing, always_failing)} == {first}


def test_a_failure_rate_refuses_no_call_off(aws: Aws) -> None:
    failing = SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0, refund_failure_rate=1.0)
    failing.charge(CHARGE)

    assert failing.call_off("order-1") == 100


def _faulty(aws: Aws, rate: float = 0.5) -> SimulatedGateway:
    return SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0, fault_rate=rate)


def _attempts(call: Callable[[], object]) -> Iterator[str]:
    """Call until there is an answer; give what became of each attempt."""
    for _ in range(100):
        try:
            answer = call()
        except GatewayError as fault:
            yield "timed out" if "in time" in str(fault) else "failed"
        else:
            yield f"answered {answer}"
            return
    pytest.fail("no answer came in 100 attempts")


def _ids_by_first_fault(aws: Aws, call: Callable[[SimulatedGateway, str], object]) -> dict[str, str]:
    """An id of each kind of first attempt at a fault rate of a half."""
    found: dict[str, str] = {}
    for number in range(30):
        key = f"key-{number}"
        found.setdefault(next(_attempts(partial(call, _faulty(aws), key))), key)
    return found


def test_a_faulty_gateway_fails_before_a_refund_or_times_out_after_it(aws: Aws, gateway: SimulatedGateway) -> None:
    gateway.charge(CHARGE)

    first = _ids_by_first_fault(aws, lambda faulty, refund_id: faulty.refund(_refund(refund_id, 1)))

    assert first.keys() == {"failed", "timed out", "answered True"}
    assert f"refund#{first['failed']}" not in _ledger(aws)
    assert _ledger(aws)[f"refund#{first['timed out']}"] == 1


def test_a_faulty_gateway_fails_before_a_call_off_or_times_out_after_it(aws: Aws, gateway: SimulatedGateway) -> None:
    def charge_and_call_off(faulty: SimulatedGateway, order_id: str) -> int:
        gateway.charge(CHARGE._replace(order_id=order_id))
        return faulty.call_off(order_id)

    first = _ids_by_first_fault(aws, charge_and_call_off)

    assert first.keys() == {"failed", "timed out", "answered 100"}
    assert _ledger(aws, first["failed"])["status"] == "charged"
    assert _ledger(aws, first["timed out"])["status"] == "refunded"


def test_a_faulty_gateway_times_out_after_a_charge(aws: Aws) -> None:
    first = _ids_by_first_fault(aws, lambda faulty, order_id: faulty.charge(ChargeRequest(order_id, 1, "GBP")).accepted)

    assert first.keys() == {"timed out", "answered True"}
    assert _ledger(aws, first["timed out"])["status"] == "charged"


def test_a_faulty_gateway_answers_a_later_call_and_does_the_work_once(aws: Aws, gateway: SimulatedGateway) -> None:
    gateway.charge(CHARGE)

    for number in range(10):
        refund = _refund(f"refund-{number}", 10)
        *_, last = _attempts(partial(_faulty(aws).refund, refund))
        assert last == "answered True"

    assert _ledger(aws)["refunded_minor"] == 100


def test_the_same_attempt_of_the_same_id_meets_the_same_fault(aws: Aws, gateway: SimulatedGateway) -> None:
    def life() -> list[str]:
        gateway.charge(CHARGE)
        attempts = [list(_attempts(partial(_faulty(aws).refund, _refund(refund_id, 1)))) for refund_id in "abcdefgh"]
        aws.dynamodb.delete_item(TableName=GATEWAY_TABLE, Key=to_item({"order_id": "order-1"}))
        return [outcome for one in attempts for outcome in one]

    first, second = life(), life()

    assert first == second
    assert len(set(first)) == 3


def test_the_fault_rate_is_met_over_many_attempts(aws: Aws, gateway: SimulatedGateway) -> None:
    faulty = _faulty(aws, 0.4)
    orders = [f"order-{number}" for number in range(80)]
    for order_id in orders:
        gateway.charge(CHARGE._replace(order_id=order_id))

    outcomes = [next(_attempts(partial(faulty.call_off, order_id))) for order_id in orders]

    assert 10 <= outcomes.count("failed") <= 22
    assert 10 <= outcomes.count("timed out") <= 22


def test_what_was_never_charged_is_called_off_without_a_fault(aws: Aws) -> None:
    assert _faulty(aws, 1.0).call_off("order-1") == 0

    assert _ledger(aws) == {"order_id": "order-1", "status": "called_off"}


def test_a_gateway_without_faults_makes_no_call_more_for_a_charge(aws: Aws, gateway: SimulatedGateway) -> None:
    requests = aws.requests()

    gateway.charge(CHARGE)

    assert len(requests) == 1


def test_the_ledger_counts_the_attempts_of_charge_call_off_and_each_refund_apart(
    aws: Aws, gateway: SimulatedGateway
) -> None:
    gateway.charge(CHARGE)
    for _ in range(2):
        gateway.refund(REFUND)
    for _ in range(3):
        gateway.call_off("order-1")

    assert _ledger(aws).items() >= {"attempts": 1, "attempts#refund-1": 2, "attempts#order-1": 3}.items()

"""The fault suite in short, on an embedded AWS and a deployment of its own."""

from scripts.measure.usage import SERVICES
from services.shared.cancel_reasons import CancelReason
from services.shared.events import every
from services.shared.events.event import known_events, type_names
from services.shared.events.order import OrderConfirmed, OrderValidated
from services.shared.events.payment import PaymentProcessed, PaymentRequested
from tests.faults.proxy import Fault
from tests.faults.suite import run_fault_suite

# Few calls must meet what many meet in a long run.
_FAULT_RATE = 0.06
# Each order, parcel, return and refund that ended so is one of a few dozen at least.
_ENDS = {
    "orders delivered",
    "orders cancelled",
    "parcels delivered",
    "parcels lost",
    "parcels returned_to_sender",
    "returns received",
    "returns received in part",
    "returns not received",
    "refunds processed",
    "refunds asked_again",
}
EVENTS = every.MODULES


def test_nothing_is_lost_or_oversold_under_faults() -> None:
    report = run_fault_suite(orders=80, seed=1, fault_rate=_FAULT_RATE)

    report.print()
    assert report.failures == {}
    assert report.killed > 0
    assert report.deployed == len(SERVICES)
    assert report.redriven > 0
    assert report.faults_by_kind.keys() == set(Fault)
    assert report.faults_by_kind.total() > 20
    assert report.duplicates.keys() >= set(type_names(known_events()))
    for passed in type_names((OrderValidated, PaymentRequested, PaymentProcessed, OrderConfirmed)):
        assert report.duplicates[passed] >= 2 * report.confirmed
    assert report.outcomes.keys() == _ENDS
    assert report.cancelled[CancelReason.CUSTOMER_REQUEST] > 0

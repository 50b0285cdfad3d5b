"""The fault suite in short, on an embedded AWS and a deployment of its own."""

from scripts.measure.usage import SERVICES
from services.shared.events import every
from services.shared.events.event import known_events, type_names
from services.shared.events.order import OrderValidated
from services.shared.events.payment import PaymentProcessed, PaymentRequested, RefundProcessed, RefundRequested
from tests.faults.proxy import Fault
from tests.faults.suite import run_fault_suite

# Few calls must meet what many meet in a long run.
_FAULT_RATE = 0.06
# Whether an order runs out of time, and is refunded, is up to what strikes it.
_UP_TO_CHANCE = {RefundRequested, RefundProcessed}
EVENTS = every.MODULES


def test_nothing_is_lost_or_oversold_under_faults() -> None:
    report = run_fault_suite(orders=150, seed=1, fault_rate=_FAULT_RATE)

    report.print()
    assert report.failures == {}
    assert report.killed > 0
    assert report.deployed == len(SERVICES)
    assert report.redriven > 0
    assert report.faults_by_kind.keys() == set(Fault)
    assert report.faults_by_kind.total() > 20
    assert report.duplicates.keys() >= set(type_names(set(known_events()) - _UP_TO_CHANCE))
    for passed in type_names((OrderValidated, PaymentRequested, PaymentProcessed)):
        assert report.duplicates[passed] >= 2 * report.confirmed

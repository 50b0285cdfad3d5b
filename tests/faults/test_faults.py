"""The fault suite and the command suite in short, on an embedded AWS and a deployment of their own."""

from collections.abc import Iterator

import pytest

from scripts.measure.usage import SERVICES
from services.shared.cancel_reasons import CancelReason
from services.shared.events import every
from services.shared.events.cart import CartCheckoutInitiated, CartCleared, CartItemAdded, CartItemRemoved
from services.shared.events.catalog import CategoryCreated, ProductUpdated
from services.shared.events.customer import CustomerErased, CustomerLogin, CustomerProfileUpdated, CustomerRegistered
from services.shared.events.event import known_events, type_names
from services.shared.events.order import OrderConfirmed, OrderValidated
from services.shared.events.payment import PaymentProcessed, PaymentRequested
from services.shared.events.support import (
    CustomerFeedback,
    SupportTicketClosed,
    SupportTicketCreated,
    SupportTicketReopened,
    SupportTicketResolved,
)
from tests.faults.command_suite import run_command_suite
from tests.faults.crashes import Moment
from tests.faults.proxy import Fault
from tests.faults.suite import FaultDeployment, fault_deployment, run_fault_suite

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
# Of the front door: the command suite leads to them, and repeats the commands instead of the events.
_BY_COMMANDS = type_names(
    (
        *(CartItemAdded, CartItemRemoved, CartCleared, CartCheckoutInitiated, CategoryCreated, ProductUpdated),
        *(CustomerRegistered, CustomerLogin, CustomerProfileUpdated, CustomerErased, CustomerFeedback),
        *(SupportTicketCreated, SupportTicketResolved, SupportTicketReopened, SupportTicketClosed),
    )
)


@pytest.fixture(scope="module")
def deployed() -> Iterator[FaultDeployment]:
    with fault_deployment(seed=1, fault_rate=_FAULT_RATE) as deployed:
        yield deployed


def test_nothing_is_lost_or_oversold_under_faults(deployed: FaultDeployment) -> None:
    """It comes first: it expects a deployment where nothing ran before."""
    report = run_fault_suite(deployed, orders=80, seed=1)

    report.print()
    assert report.failures == {}
    assert report.killed > 0
    assert report.deployed == len(SERVICES)
    assert report.redriven > 0
    assert report.faults_by_kind.keys() == set(Fault)
    assert report.faults_by_kind.total() > 20
    assert report.duplicates.keys() >= set(type_names(known_events())) - set(_BY_COMMANDS)
    for passed in type_names((OrderValidated, PaymentRequested, PaymentProcessed, OrderConfirmed)):
        assert report.duplicates[passed] >= 2 * report.confirmed
    assert report.outcomes.keys() == _ENDS
    assert report.cancelled[CancelReason.CUSTOMER_REQUEST] > 0


def test_each_acknowledged_command_is_stored_once_whoever_dies(deployed: FaultDeployment) -> None:
    report = run_command_suite(deployed, commands=200, seed=1)

    report.print()
    assert report.failures == {}
    assert report.crashes.keys() == set(Moment)
    assert report.killed > 0
    assert report.acknowledged() > 100
    for command in ("cart: add", "cart: check out", "order: cancel", "staff: ", "me: change", "me: ask", "me: erase"):
        assert report.acknowledged(command) > 0

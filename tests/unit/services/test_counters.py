from collections import Counter

import pytest

from scripts.ledger.log_reader import Ledger, read_commits
from services.libs.store.ledger_counters import LedgerCounters
from services.order_service.service import OrderService
from services.payment_service.service import PaymentService
from services.payment_service.simulated_gateway import SimulatedGateway
from services.shared.commits import Commit
from services.shared.counters import counter_increments, tickets_waiting
from services.shared.customer_lifecycle import customer_stream
from services.shared.events.customer import (
    CustomerErased,
    CustomerLogin,
    CustomerProfileUpdated,
    CustomerRegistered,
    ProfileField,
)
from services.shared.events.event import Event
from services.shared.events.support import (
    ClosedBy,
    CustomerFeedback,
    SupportTicketClosed,
    SupportTicketCreated,
    SupportTicketReopened,
    SupportTicketResolved,
)
from tests.factories import CAUSE, NOW, PAYMENT_TIMEOUT, pay, place, placed_order, seeding
from tests.unit.conftest import GATEWAY_TABLE, METRICS_TABLE, Aws
from tests.unit.services.every_commit import COMMITS


def test_every_outcome_is_counted_in_the_transaction_of_its_commit(aws: Aws) -> None:
    """Each service has a counter item of its own; together they equal the log."""
    for sku in ("prod-001", "prod-002"):
        aws.store.append(seeding(sku, stock=10))
    orders = OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT)
    payments = PaymentService(aws.store, SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0))
    both = {"prod-001": 1, "prod-002": 1}
    for _ in range(2):
        place(orders, placed_order("paid", both, forced="SUCCESS"), CAUSE)
        place(orders, placed_order("declined", both, forced="FAILURE"), CAUSE)
        place(orders, placed_order("expired", both), CAUSE)
        place(orders, placed_order("short", {"prod-001": 99}), CAUSE)
        place(orders, placed_order("unknown", {"nowhere": 1, "prod-001": 1}), CAUSE)
        pay(payments, "paid", CAUSE)
        pay(payments, "declined", CAUSE)
    assert orders.expire_all(["order#expired"], NOW + PAYMENT_TIMEOUT) == {}

    counters = LedgerCounters(aws.dynamodb, METRICS_TABLE).read()

    assert counters == Counter(
        {
            "orders_processed_total|status=success|error_type=none": 3,
            "orders_processed_total|status=error|error_type=insufficient_stock": 1,
            "orders_processed_total|status=error|error_type=unknown_sku": 1,
            "stock_reservations_total|status=success": 6,
            "stock_reservations_total|status=insufficient_stock": 1,
            "stock_reservations_total|status=unknown_sku": 2,
            "payments_processed_total|status=success|error_type=none": 1,
            "payments_processed_total|status=failure|error_type=declined": 1,
            "payments_processed_total|status=failure|error_type=payment_timeout": 1,
            "inventory_operations_total|operation_type=reserve|status=success": 6,
            "inventory_operations_total|operation_type=reserve|status=error": 3,
            "inventory_operations_total|operation_type=decrement_reserved|status=success": 6,
            "inventory_operations_total|operation_type=decrement_stock|status=success": 2,
            "refunds_total|status=requested": 1,
        }
    )
    assert counters == Ledger.of(read_commits(aws.dynamodb, aws.deployment, [])).counters


@pytest.mark.parametrize(
    ("name", "added"),
    [
        (
            "called_off",
            {
                "payments_processed_total|status=failure|error_type=customer_request": 1,
                "inventory_operations_total|operation_type=decrement_reserved|status=success": 1,
                "refunds_total|status=requested": 1,
            },
        ),
        (
            "cancelled_by_customer",
            {
                "refunds_total|status=requested": 1,
                "inventory_operations_total|operation_type=restock|status=success": 1,
            },
        ),
        ("refunded", {"refunds_total|status=processed": 1}),
        ("refund_failed", {"refunds_total|status=failed": 1}),
        ("refund_asked_again", {"refunds_total|status=asked_again": 1}),
        ("confirmed", {}),
        ("started", {}),
        ("shipped", {}),
        ("delivered", {}),
        ("one_of_two_lost", {"refunds_total|status=requested": 1}),
        (
            "sent_back",
            {
                "refunds_total|status=requested": 1,
                "inventory_operations_total|operation_type=restock|status=success": 1,
            },
        ),
        ("returning", {"returns_total|status=requested": 1}),
        (
            "received",
            {
                "returns_total|status=received": 1,
                "refunds_total|status=requested": 1,
                "inventory_operations_total|operation_type=restock|status=success": 1,
            },
        ),
        ("not_received", {"returns_total|status=not_received": 1}),
        ("created", {"shipments_total|status=created": 1}),
        ("booked", {}),
        ("tracked", {}),
        ("parcel_delivered", {"shipments_total|status=delivered": 1}),
        ("parcel_lost", {"shipments_total|status=lost": 1}),
    ],
)
def test_each_step_after_the_sale_is_counted_once(name: str, added: dict[str, int]) -> None:
    assert counter_increments(COMMITS[name]) == added


_WHOSE = {"customer_id": "customer-1"}
_TICKET = {**_WHOSE, "ticket_id": "t-1"}
_CREATED = SupportTicketCreated(**_TICKET, sealed_subject="c3Vi", sealed_text="dGV4")
_RESOLVED = SupportTicketResolved(**_TICKET, sealed_text="dGV4")
_REOPENED = SupportTicketReopened(**_TICKET, sealed_text="dGV4")


def _closed(*, resolved: bool) -> SupportTicketClosed:
    return SupportTicketClosed(**_TICKET, closed_by=ClosedBy.ERASURE, resolved=resolved)


def _counted(*events: Event) -> Counter[str]:
    commits = (Commit("stream#1", version, (event,), CAUSE) for version, event in enumerate(events, start=1))
    return sum((Counter(counter_increments(commit)) for commit in commits), Counter[str]())


@pytest.mark.parametrize(
    ("event", "series"),
    [
        (CustomerRegistered(**_WHOSE), "customers_total|status=registered"),
        (CustomerErased(**_WHOSE), "customers_total|status=erased"),
        (CustomerLogin(**_WHOSE), "customer_logins_total"),
        (_CREATED, "support_tickets_total|status=created"),
        (_RESOLVED, "support_tickets_total|status=resolved"),
        (_REOPENED, "support_tickets_total|status=reopened"),
        (_closed(resolved=True), "support_tickets_total|status=closed"),
        (_closed(resolved=False), "support_tickets_total|status=closed_unresolved"),
        (CustomerFeedback(**_WHOSE, order_id="order-1", rating=1), "customer_feedback_total|rating=1"),
        (CustomerFeedback(**_WHOSE, order_id="order-1", rating=5), "customer_feedback_total|rating=5"),
    ],
)
def test_what_a_customer_does_is_counted_once(event: Event, series: str) -> None:
    assert _counted(event) == {series: 1}


def test_a_changed_profile_is_not_counted() -> None:
    assert _counted(CustomerProfileUpdated(**_WHOSE, fields=(ProfileField.NAME,), sealed_profile="cHJv")) == {}


@pytest.mark.parametrize(
    ("steps", "waiting"),
    [
        ((), 0),
        ((_CREATED,), 1),
        ((_CREATED, _RESOLVED), 0),
        ((_CREATED, _closed(resolved=False)), 0),
        ((_CREATED, _RESOLVED, _closed(resolved=True)), 0),
        ((_CREATED, _RESOLVED, _REOPENED), 1),
        ((_CREATED, _RESOLVED, _REOPENED, _closed(resolved=False)), 0),
        ((_CREATED, _RESOLVED, _REOPENED, _RESOLVED, _closed(resolved=True)), 0),
    ],
)
def test_a_ticket_waits_from_each_question_to_its_answer_or_its_end(steps: tuple[Event, ...], waiting: int) -> None:
    assert tickets_waiting(_counted(*steps)) == waiting


def test_a_sign_in_is_counted_in_its_commits_transaction(aws: Aws) -> None:
    """Its series is the only one without a label."""
    for version in (1, 2):
        login = CustomerLogin(**_WHOSE)
        aws.store.append(Commit(customer_stream("customer-1"), version, (login,), CAUSE))

    counters = LedgerCounters(aws.dynamodb, METRICS_TABLE)

    assert counters.read() == {"customer_logins_total": 2}
    assert counters.read() == Ledger.of(read_commits(aws.dynamodb, aws.deployment, [])).counters

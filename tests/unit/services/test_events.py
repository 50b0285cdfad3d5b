"""What is published, against the table in docs/events.md."""

import pytest

from services.libs.event_publisher import event_detail
from services.order_service.domain import conclude
from services.payment_service.domain import refunded, settle
from services.payment_service.gateway import Charge
from services.reservation_sweeper.domain import expire
from services.shared.commits import Commit
from services.shared.events import CATALOGUE, EventType
from tests.factories import CAUSE, NOW, decide, inventory, placed_order, seeding, stock_item

PUBLISHED = {
    "OrderPlaced": ("order.service", {"orderId", "customerId", "items"}),
    "OrderValidated": ("order.service", {"orderId", "customerId", "items", "amountMinor", "currency"}),
    "OrderConfirmed": ("order.service", {"orderId", "customerId", "amountMinor", "currency"}),
    "OrderCancelled": ("order.service", {"orderId", "customerId", "reason"}),
    "ProductInventoryUpdated": ("order.service", {"sku", "name", "priceMinor", "currency", "stock", "stockDelta"}),
    "PaymentRequested": ("payment.service", {"orderId", "customerId", "amountMinor", "currency"}),
    "PaymentProcessed": ("payment.service", {"orderId", "customerId", "amountMinor", "currency", "chargeId"}),
    "PaymentFailed": ("payment.service", {"orderId", "customerId", "amountMinor", "currency", "reason"}),
    "RefundRequested": ("payment.service", {"orderId", "customerId", "amountMinor", "currency", "reason"}),
    "RefundProcessed": ("payment.service", {"orderId", "customerId", "refundedMinor", "currency"}),
}


def _concluded(settled: Commit) -> Commit:
    final = conclude(settled, CAUSE)
    assert final
    return final


ACCEPTED = decide(placed_order(forced="SUCCESS"), inventory(stock_item()))
PAID = settle(ACCEPTED, Charge("charge-1", accepted=True), CAUSE)
DECLINED = settle(ACCEPTED, Charge("charge-1", accepted=False), CAUSE)
EXPIRED = expire(ACCEPTED, NOW)
COMMITS = {
    "accepted": ACCEPTED,
    "refused": decide(placed_order(), {}),
    "paid": PAID,
    "declined": DECLINED,
    "confirmed": _concluded(PAID),
    "cancelled": _concluded(DECLINED),
    "expired": EXPIRED,
    "refunded": refunded(EXPIRED, 1000, CAUSE),
    "seeded": seeding(),
}


def test_the_catalogue_is_the_documented_table() -> None:
    assert {event.value: (spec.bus.source, set(spec.fields)) for event, spec in CATALOGUE.items()} == PUBLISHED


@pytest.mark.parametrize("commit", COMMITS.values(), ids=COMMITS.keys())
def test_an_event_is_published_with_its_own_fields_and_no_others(commit: Commit) -> None:
    for index, event in enumerate(commit.events):
        _, fields = PUBLISHED[event.value]
        detail = event_detail(commit, index)

        assert set(detail) == {*fields, "metadata"}
        assert {field: detail[field] for field in fields} == {field: commit.body[field] for field in fields}


def test_every_event_that_we_publish_is_one_of_a_commit() -> None:
    made = {event for commit in COMMITS.values() for event in commit.events}

    assert made == set(EventType) - {EventType.ORDER_PLACED}


def test_the_metadata_names_the_event_its_cause_and_its_time() -> None:
    assert [event_detail(ACCEPTED, index)["metadata"] for index in (0, 1)] == [
        {
            "eventId": f"order#order-1/1/{index}",
            "correlationId": "correlation-1",
            "causationId": "event-1",
            "occurredAt": "2026-01-01T12:00:00.123Z",
            "schemaVersion": 1,
        }
        for index in (0, 1)
    ]

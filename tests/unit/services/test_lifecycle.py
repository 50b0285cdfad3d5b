"""The lives of all streams: every history that was ever written is one, and a wait is late in its time."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scripts.ledger.lifecycles import lifecycle_of
from services.libs.store.commit_items import commit_from_item
from services.shared.cart_lifecycle import CART, EMPTY
from services.shared.category_lifecycle import CATEGORY
from services.shared.commits import Commit
from services.shared.customer_lifecycle import CUSTOMER, ERASED, LOGIN, REGISTERED, SEEN
from services.shared.inventory import Move
from services.shared.lifecycle import ImpossibleCommitError, Phase
from services.shared.order_lifecycle import (
    CANCELLED,
    CONFIRMED,
    DECISION,
    DELIVERED,
    IN_FULFILMENT,
    ORDER,
    PAID,
    RESERVED,
    SETTLEMENT,
    SHIPPED,
    UNPAID,
)
from services.shared.shipment_lifecycle import DELIVERED as PARCEL_DELIVERED
from services.shared.shipment_lifecycle import LOST, RETURNED_TO_SENDER, SHIPMENT
from services.shared.sku_lifecycle import SKU, STOCKED
from services.shared.support_lifecycle import CLOSED, FEEDBACK, OPEN, TICKET
from tests.factories import NOW, PAYMENT_TIMEOUT
from tests.unit.services.every_commit import ACCEPTED, COMMITS, DECLINED, HISTORIES
from tests.unit.services.every_commit import PAID as PAID_COMMIT

_GOLDEN = Path(__file__).parents[2] / "golden" / "commits"
_GOLDEN_HISTORIES = {
    "confirmed": (ORDER, ["reserved", "paid", "confirmed"], CONFIRMED),
    "declined": (ORDER, ["reserved", "declined", "cancelled-unpaid"], CANCELLED),
    "refunded": (ORDER, ["reserved", "expired", "refunded"], CANCELLED),
    "forced": (ORDER, ["reserved-forced"], RESERVED),
    "short": (ORDER, ["refused-insufficient-stock"], CANCELLED),
    "unknown": (ORDER, ["refused-unknown-sku"], CANCELLED),
    "seeded": (SKU, ["seeded", "reseeded"], STOCKED),
}

_CONFIRMED = ["reserved", "paid", "confirmed"]
_DELIVERED = [*_CONFIRMED, "started", "shipped", "delivered"]
_ASKED_AGAIN = ["cancelled-by-customer", "refund-failed", "refund-asked-again", "refunded-at-last"]
_BOOKED = ["parcel-created", "parcel-booked"]
_FILLED = ["cart-opened", "cart-item-removed"]
_ANSWERED = ["ticket-created", "ticket-resolved"]
# Of forms that came after commits stated their stock move.
_LATER = {
    "refunded by id": (ORDER, ["reserved", "expired-by-refund-id", "refunded-by-refund-id"], CANCELLED),
    "refunded by id of an old request": (ORDER, ["reserved", "expired", "refunded-by-refund-id"], CANCELLED),
    "called off": (ORDER, ["reserved", "called-off-by-customer"], CANCELLED),
    "asked again": (ORDER, [*_CONFIRMED, *_ASKED_AGAIN], CANCELLED),
    "delivered": (ORDER, _DELIVERED, DELIVERED),
    "lost": (ORDER, [*_CONFIRMED, "started", "undeliverable-lost"], CANCELLED),
    "sent back": (ORDER, [*_CONFIRMED, "started", "shipped", "undeliverable-sent-back"], CANCELLED),
    "one of two lost": (ORDER, [*_CONFIRMED, "started-from-two-warehouses", "one-parcel-of-two-lost"], IN_FULFILMENT),
    "returned": (ORDER, [*_DELIVERED, "return-requested", "return-received", "return-refunded"], DELIVERED),
    "never returned": (ORDER, [*_DELIVERED, "return-requested", "return-not-received"], DELIVERED),
    "parcel delivered": (SHIPMENT, [*_BOOKED, "parcel-tracked", "parcel-delivered"], PARCEL_DELIVERED),
    "parcel lost": (SHIPMENT, [*_BOOKED, "parcel-tracked", "parcel-lost"], LOST),
    "cart checked out": (CART, [*_FILLED, "checked-out"], EMPTY),
    "cart cleared": (CART, [*_FILLED, "cart-cleared"], EMPTY),
    "cart abandoned": (CART, [*_FILLED, "cart-abandoned"], EMPTY),
    "created and changed": (SKU, ["product-created", "product-updated", "product-stocked"], STOCKED),
    "customer erased": (CUSTOMER, ["customer-registered", "profile-updated", "customer-erased"], ERASED),
    "customer registered by a command": (CUSTOMER, ["customer-registered-by-command"], REGISTERED),
    "customer signed in": (LOGIN, ["customer-login"], SEEN),
    "ticket of no order": (TICKET, ["ticket-about-no-order"], OPEN),
    "ticket closed": (TICKET, [*_ANSWERED, "ticket-closed-by-customer"], CLOSED),
    "ticket orphaned": (TICKET, [*_ANSWERED, "ticket-reopened", "ticket-closed-by-erasure"], CLOSED),
    "parcel came back": (SHIPMENT, [*_BOOKED, "parcel-tracked", "parcel-returned-to-sender"], RETURNED_TO_SENDER),
}
_OPEN = {"forced", "confirmed", "called off", "lost", "sent back", "one of two lost", "ticket of no order"}
"""The golden histories that wait for something."""

_STATED = "-move-stated"
_GOLDEN_HISTORIES |= {
    f"{name}{_STATED}": (lifecycle, [f"{one}{_STATED}" for one in names], phase)
    for name, (lifecycle, names, phase) in (_GOLDEN_HISTORIES | _LATER).items()
}


def _golden(name: str) -> Commit:
    return commit_from_item(json.loads((_GOLDEN / f"{name}.json").read_text("utf-8"))["item"])


@pytest.mark.parametrize("name", _GOLDEN_HISTORIES)
def test_every_history_that_was_ever_written_folds_to_its_end(name: str) -> None:
    lifecycle, names, phase = _GOLDEN_HISTORIES[name]
    history = [_golden(name) for name in names]

    state = lifecycle.fold(history)

    assert (state.phase, state.version) == (phase, len(history))
    assert state.is_final == (name.removesuffix(_STATED) not in _OPEN)
    assert {commit.stream_id.startswith(lifecycle.prefix) for commit in history} == {True}


def test_every_golden_commit_is_of_a_history_or_a_whole_life_by_itself() -> None:
    told = {name for _, names, _ in _GOLDEN_HISTORIES.values() for name in names}
    found = {file.stem for file in _GOLDEN.glob("*.json")}

    assert told <= found
    for alone in map(_golden, found - told):
        lifecycle = lifecycle_of(alone.stream_id)
        assert lifecycle
        assert lifecycle.fold([alone]).is_final


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES.keys())
def test_whatever_the_services_write_is_a_life_that_ends(history: Sequence[Commit]) -> None:
    lifecycle = lifecycle_of(history[0].stream_id)
    assert lifecycle

    assert lifecycle.fold(history).is_final


@pytest.mark.parametrize(
    ("history", "phase"),
    [
        ((), ORDER.start),
        ((ACCEPTED,), RESERVED),
        ((ACCEPTED, PAID_COMMIT), PAID),
        ((ACCEPTED, DECLINED), UNPAID),
        ((ACCEPTED, PAID_COMMIT, COMMITS["confirmed"]), CONFIRMED),
        ((ACCEPTED, COMMITS["expired"]), CANCELLED),
        (HISTORIES["delivered"][:4], IN_FULFILMENT),
        (HISTORIES["delivered"][:5], SHIPPED),
        (HISTORIES["received"][:7], DELIVERED),
        (HISTORIES["received"][:8], DELIVERED),
        (HISTORIES["refund_asked_again"][:5], CANCELLED),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_an_order_that_waits_for_something_has_not_ended(history: Sequence[Commit], phase: Phase) -> None:
    state = ORDER.fold(history)

    assert state.phase is phase
    assert not state.is_final


def test_the_hot_path_finds_the_decision_and_the_settlement_at_their_versions() -> None:
    decisions = {commit.version for commit in (ACCEPTED, COMMITS["refused"])}
    settlements = {commit.version for commit in (PAID_COMMIT, DECLINED, COMMITS["expired"])}

    assert (decisions, settlements) == ({DECISION}, {SETTLEMENT})


def test_what_a_service_writes_is_what_it_is_declared_to_write() -> None:
    writers: dict[str, set[str]] = {}
    for one in (
        each for lifecycle in (ORDER, SHIPMENT, SKU, CATEGORY, CART, TICKET, FEEDBACK) for each in lifecycle.transitions
    ):
        writers.setdefault(one.names, set()).add(one.writer)

    assert {events: " and ".join(sorted(names)) for events, names in writers.items()} == {
        "OrderValidated + PaymentRequested": "order-service",
        "OrderCancelled": "order-service",
        "PaymentProcessed": "payment-service",
        "PaymentFailed": "payment-service",
        "OrderCancelled + RefundRequested": "order-service",
        "OrderConfirmed": "order-service",
        "FulfilmentStarted": "fulfilment-service",
        "OrderShipped": "order-service",
        "OrderDelivered": "order-service",
        "ParcelWrittenOff + RefundRequested": "order-service",
        "ParcelWrittenOff + OrderCancelled + RefundRequested": "order-service",
        "ReturnRequested": "order-service",
        "ReturnReceived + RefundRequested": "order-service",
        "ReturnReceived": "order-service",
        "RefundRequested": "order-service",
        "RefundProcessed": "payment-service",
        "RefundFailed": "payment-service",
        "ShipmentCreated": "fulfilment-service",
        "ShipmentTracked": "fulfilment-service",
        "ShipmentDelivered": "fulfilment-service",
        "CartItemAdded": "cart-service",
        "CartItemRemoved": "cart-service",
        "CartCleared": "cart-service",
        "CartCheckoutInitiated + OrderPlaced": "cart-service",
        "ProductCreated": "catalog-service",
        "ProductCreated + ProductInventoryUpdated": "tools",
        "ProductUpdated": "catalog-service and tools",
        "ProductInventoryUpdated": "catalog-service and tools",
        "CategoryCreated": "catalog-service and tools",
        "SupportTicketCreated": "support-service",
        "SupportTicketResolved": "support-service",
        "SupportTicketReopened": "support-service",
        "SupportTicketClosed": "support-service",
        "CustomerFeedback": "support-service",
    }


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ((PAID_COMMIT,), "PaymentProcessed as version 2, where the stream is new at version 0"),
        ((replace(PAID_COMMIT, version=1),), "PaymentProcessed as version 1, where the stream is new"),
        ((ACCEPTED, replace(ACCEPTED, version=2)), "PaymentRequested as version 2, where the stream is reserved"),
        ((ACCEPTED, PAID_COMMIT, COMMITS["cancelled"]), "OrderCancelled as version 3, where the stream is paid"),
        ((ACCEPTED, replace(COMMITS["refunded"], version=2)), "RefundProcessed as version 2, where the stream is res"),
        ((replace(ACCEPTED, events=ACCEPTED.events[:1]),), "OrderValidated as version 1, where the stream is new"),
        ((replace(ACCEPTED, events=ACCEPTED.events[::-1]),), r"PaymentRequested \+ OrderValidated as version 1"),
        ((ACCEPTED, replace(PAID_COMMIT, version=3)), "version 3, where the stream is reserved at version 1"),
        ((ACCEPTED, ACCEPTED), "as version 1, where the stream is reserved at version 1"),
    ],
)
def test_a_commit_that_may_not_be_there_ends_the_fold(history: Sequence[Commit], message: str) -> None:
    with pytest.raises(ImpossibleCommitError, match=message):
        ORDER.fold(history)


def test_a_refund_is_made_once() -> None:
    history = HISTORIES["expired"]
    assert ORDER.fold(history[:2]).open.keys() == {("refund", f"{'o' * 36}-cancelled")}

    with pytest.raises(ImpossibleCommitError, match="RefundProcessed as version 4, where the stream is cancelled"):
        ORDER.fold([*history, replace(history[2], version=4)])


def test_a_refund_that_nobody_asked_for_is_impossible() -> None:
    with pytest.raises(ImpossibleCommitError, match="RefundProcessed"):
        ORDER.fold([COMMITS["refused"], replace(COMMITS["refunded"], version=2)])


@pytest.mark.parametrize(
    ("history", "waits_for", "normal"),
    [
        ((ACCEPTED,), "its stock is reserved, it waits for its payment", PAYMENT_TIMEOUT + timedelta(minutes=5)),
        ((ACCEPTED, PAID_COMMIT), "it is paid and waits to be confirmed", timedelta(minutes=20)),
        ((ACCEPTED, DECLINED), "its payment failed and it waits to be cancelled", timedelta(minutes=20)),
        (
            (ACCEPTED, COMMITS["expired"]),
            "its refund is still to be made",
            PAYMENT_TIMEOUT + timedelta(minutes=20),
        ),
        (HISTORIES["delivered"][:3], "it is confirmed and waits for its fulfilment", timedelta(minutes=20)),
        (HISTORIES["delivered"][:4], "its parcels wait to be picked up", timedelta(days=5)),
        (HISTORIES["delivered"][:5], "its parcels are on their way", timedelta(days=21)),
        (
            HISTORIES["received"][:7],
            "it waits for goods that the customer sends back",
            timedelta(days=14, minutes=5),
        ),
        (HISTORIES["received"][:8], "its refund is still to be made", timedelta(minutes=20)),
        (
            HISTORIES["refund_asked_again"][:5],
            "its refund was refused, `invoke refund-retry` asks again",
            timedelta(),
        ),
    ],
    ids=[
        "reserved",
        "paid",
        "unpaid",
        "refund",
        "confirmed",
        "in fulfilment",
        "shipped",
        "return",
        "refund of a return",
        "failed refund",
    ],
)
def test_an_order_is_late_once_it_has_waited_for_longer_than_is_normal(
    history: Sequence[Commit], waits_for: str, normal: timedelta
) -> None:
    state = ORDER.fold(history)

    assert state.late(NOW + normal) is None
    late = state.late(NOW + normal + timedelta(seconds=1))
    assert late
    assert (late.waits_for, late.late_after) == (waits_for, NOW + normal)


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES.keys())
def test_what_has_ended_is_never_late(history: Sequence[Commit]) -> None:
    lifecycle = lifecycle_of(history[0].stream_id)
    assert lifecycle

    assert lifecycle.fold(history).late(NOW + timedelta(days=999)) is None


def test_stock_moves_only_where_goods_are_reserved_leave_or_come_back() -> None:
    moves = {name: move for name, commit in COMMITS.items() if (move := commit.stock_move.move) is not Move.NONE}

    assert moves == {
        "accepted": Move.RESERVE,
        "paid": Move.SETTLE,
        "declined": Move.RELEASE,
        "expired": Move.RELEASE,
        "called_off": Move.RELEASE,
        "cancelled_by_customer": Move.RESTOCK,
        "sent_back": Move.RESTOCK,
        "received": Move.RESTOCK,
        "seeded": Move.ADJUST,
        "seeded_whole": Move.ADJUST,
        "product_created": Move.ADJUST,
        "product_updated": Move.ADJUST,
        "stocked": Move.ADJUST,
    }

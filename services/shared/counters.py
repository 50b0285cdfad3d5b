"""The business counters: each commit states its increments, so that the counters always equal the log."""

from collections.abc import Mapping

from services.shared.cancel_reasons import CancelReason
from services.shared.commits import Commit
from services.shared.events.customer import CustomerErased, CustomerLogin, CustomerRegistered
from services.shared.events.event import Event
from services.shared.events.fulfilment import ParcelStatus, ShipmentCreated, ShipmentDelivered, ShipmentTracked
from services.shared.events.order import OrderCancelled, OrderValidated, ReturnReceived, ReturnRequested
from services.shared.events.payment import (
    PaymentFailed,
    PaymentProcessed,
    RefundFailed,
    RefundMode,
    RefundProcessed,
    RefundRequested,
)
from services.shared.events.support import (
    CustomerFeedback,
    SupportTicketClosed,
    SupportTicketCreated,
    SupportTicketReopened,
    SupportTicketResolved,
)
from services.shared.inventory import Move


def counter(name: str, **labels: str) -> str:
    """Name one time series, such as `orders_processed_total|status=success|error_type=none`."""
    return "|".join([name, *(f"{label}={value}" for label, value in labels.items())])


def counter_increments(commit: Commit) -> dict[str, int]:
    """What the commit adds to each time series; empty if it adds to none."""
    added: dict[str, int] = {}
    for event in commit.events:
        match event:
            case OrderValidated():
                added |= _order(None, len(event.items))
            case OrderCancelled(content_hash=str()):
                added |= _order(event.reason, len(event.items or ()))
            case PaymentProcessed():
                added |= _payment(commit, "success", "none")
            case PaymentFailed():
                added |= _payment(commit, "failure", "declined")
            case RefundRequested(mode=RefundMode.CALL_OFF, retry_of=None):
                added |= _payment(commit, "failure", event.reason)
            case _:
                pass
    return added | _after_sale(commit) | {series: 1 for event in commit.events if (series := _of_customer(event))}


def tickets_waiting(counters: Mapping[str, int]) -> int:
    """How many tickets wait for support, by the values of all series."""
    signs = {"created": 1, "reopened": 1, "resolved": -1, "closed_unresolved": -1}
    return sum(sign * counters.get(_tickets(status), 0) for status, sign in signs.items())


def _order(refused: CancelReason | None, skus: int) -> dict[str, int]:
    status = "error" if refused else "success"
    return {
        counter("orders_processed_total", status=status, error_type=refused or "none"): 1,
        counter("stock_reservations_total", status=refused or "success"): skus,
        counter("inventory_operations_total", operation_type="reserve", status=status): skus,
    }


def _after_sale(commit: Commit) -> dict[str, int]:
    steps = [step for event in commit.events if (step := _step(event))]
    added = {counter(name, status=status): 1 for name, status in steps}
    if commit.stock_move.move is Move.RESTOCK:
        name = counter("inventory_operations_total", operation_type="restock", status="success")
        added[name] = len(commit.stock_move.lines)
    return added


def _step(event: Event) -> tuple[str, str] | None:
    """The metric that counts the event, and its status there."""
    match event:
        case RefundRequested() | RefundProcessed() | RefundFailed():
            asked_again = isinstance(event, RefundRequested) and event.retry_of
            return "refunds_total", "asked_again" if asked_again else event.type_name().removeprefix("Refund").lower()
        case ShipmentCreated() | ShipmentDelivered():
            return "shipments_total", event.type_name().removeprefix("Shipment").lower()
        case ShipmentTracked(status=ParcelStatus.LOST | ParcelStatus.RETURNED_TO_SENDER):
            return "shipments_total", event.status
        case ReturnRequested():
            return "returns_total", "requested"
        case ReturnReceived():
            return "returns_total", "received" if event.lines else "not_received"
        case _:
            return None


def _of_customer(event: Event) -> str | None:
    """The series that counts what a customer did, or what support did for them."""
    match event:
        case CustomerRegistered() | CustomerErased():
            return counter("customers_total", status=event.type_name().removeprefix("Customer").lower())
        case CustomerLogin():
            return counter("customer_logins_total")
        case SupportTicketClosed(resolved=False):
            return _tickets("closed_unresolved")
        case SupportTicketCreated() | SupportTicketResolved() | SupportTicketReopened() | SupportTicketClosed():
            return _tickets(event.type_name().removeprefix("SupportTicket").lower())
        case CustomerFeedback():
            return counter("customer_feedback_total", rating=str(event.rating))
        case _:
            return None


def _tickets(status: str) -> str:
    return counter("support_tickets_total", status=status)


def _payment(commit: Commit, status: str, error_type: str) -> dict[str, int]:
    operations = ["decrement_reserved"] + ["decrement_stock"] * (status == "success")
    return {counter("payments_processed_total", status=status, error_type=error_type): 1} | {
        counter("inventory_operations_total", operation_type=operation, status="success"): len(commit.stock_move.lines)
        for operation in operations
    }

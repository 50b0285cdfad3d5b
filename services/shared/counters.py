"""The business counters: what each commit adds to them, so that they equal the log at every moment."""

from services.shared.commits import Commit
from services.shared.events import EventType
from services.shared.json_types import objects, text


def counter(name: str, **labels: str) -> str:
    """Name one time series, such as `orders_processed_total|status=success|error_type=none`."""
    return "|".join([name, *(f"{label}={value}" for label, value in labels.items())])


def counted(commit: Commit) -> dict[str, int]:
    """What the commit adds, by time series; nothing for versions that no counter is about."""
    added: dict[str, int] = {}
    for event in commit.events:
        if event in _COUNTED_ORDERS and commit.version == 1:
            added |= _order(commit)
        elif event in _PAYMENTS:
            added |= _payment(commit, *_PAYMENTS[event])
    return added


_COUNTED_ORDERS = {EventType.ORDER_VALIDATED, EventType.ORDER_CANCELLED}
_PAYMENTS = {
    EventType.PAYMENT_PROCESSED: ("success", "none"),
    EventType.PAYMENT_FAILED: ("failure", "declined"),
    EventType.REFUND_REQUESTED: ("failure", "payment_timeout"),
}


def _order(commit: Commit) -> dict[str, int]:
    skus = len(objects(commit.body, "items"))
    reason = text(commit.body, "reason") if "reason" in commit.body else None
    status = "error" if reason else "success"
    return {
        counter("orders_processed_total", status=status, error_type=reason or "none"): 1,
        counter("stock_reservations_total", status=reason or "success"): skus,
        counter("inventory_operations_total", operation_type="reserve", status=status): skus,
    }


def _payment(commit: Commit, status: str, error_type: str) -> dict[str, int]:
    skus = len(objects(commit.body, "items"))
    operations = ["decrement_reserved"] + ["decrement_stock"] * (status == "success")
    return {counter("payments_processed_total", status=status, error_type=error_type): 1} | {
        counter("inventory_operations_total", operation_type=operation, status="success"): skus
        for operation in operations
    }

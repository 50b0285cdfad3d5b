from services.libs.observability.metrics import DECLARATIONS, Source
from services.shared.counters import counter, counter_increments
from tests.factories import decide, inventory, placed_order, stock_item
from tests.unit.services.every_commit import COMMITS


def test_the_names_types_and_labels_are_those_that_others_rely_on() -> None:
    """The names and types of the original, which dashboards elsewhere may use."""
    declared = {name: (_type(name), declaration.labels) for name, declaration in DECLARATIONS.items()}

    assert declared == {
        "orders_processed_total": ("counter", ("status", "error_type")),
        "payments_processed_total": ("counter", ("status", "error_type")),
        "stock_reservations_total": ("counter", ("status",)),
        "inventory_operations_total": ("counter", ("operation_type", "status")),
        "shipments_total": ("counter", ("status",)),
        "returns_total": ("counter", ("status",)),
        "refunds_total": ("counter", ("status",)),
        "customers_total": ("counter", ("status",)),
        "customer_logins_total": ("counter", ()),
        "support_tickets_total": ("counter", ("status",)),
        "customer_feedback_total": ("counter", ("rating",)),
        "support_tickets_waiting": ("gauge", ()),
        "lambda_requests_total": ("counter", ("function_name", "status")),
        "lambda_errors_total": ("counter", ("function_name", "error_type")),
        "lambda_request_duration_seconds": ("histogram", ("function_name",)),
        "order_processing_duration_seconds": ("histogram", ()),
        "payment_processing_duration_seconds": ("histogram", ()),
        "order_shipping_duration_seconds": ("histogram", ()),
        "order_delivery_duration_seconds": ("histogram", ()),
        "stock_quantity": ("gauge", ("sku",)),
        "stock_reserved": ("gauge", ("sku",)),
        "queue_messages": ("gauge", ("queue",)),
        "dead_letters": ("gauge", ("queue",)),
        "queue_oldest_message_age_seconds": ("gauge", ("queue",)),
        "pulsequeue_metrics_refresh_errors_total": ("counter", ()),
        "pulsequeue_metrics_last_refresh_timestamp_seconds": ("gauge", ()),
    }


def test_no_id_is_ever_a_label() -> None:
    """A person's id in a metric would outlive their erasure, and each id is a series that somebody pays for."""
    labels = {label for declaration in DECLARATIONS.values() for label in declaration.labels}

    assert labels == {"status", "error_type", "operation_type", "rating", "function_name", "sku", "queue"}


def test_what_a_commit_counts_is_a_declared_series() -> None:
    series = {
        counter(name, **dict(zip(declaration.labels, values, strict=True)))
        for name, declaration in DECLARATIONS.items()
        if declaration.source is Source.LEDGER
        for values in declaration.own_label_sets
    }
    stock = inventory(stock_item(stock=5))
    accepted = decide(placed_order(), stock)
    short = decide(placed_order(quantities={"prod-001": 9}), stock)
    unknown = decide(placed_order(quantities={"nowhere": 9}), stock)

    added = [counter_increments(commit) for commit in (accepted, short, unknown, *COMMITS.values())]

    assert all(set(one) <= series for one in added)


def _type(name: str) -> str:
    (family,) = DECLARATIONS[name].metric.describe()
    return str(family.type)

"""All metrics of the system, declared once: name, help, labels with every combination of their values, and source.

A function observes its own with `prometheus_client`; the metrics service shows all; dashboards and alerts name them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.utils import floatToGoString

from services.shared.cancel_reasons import REFUSALS, CancelReason

NAMESPACE = "PulseQueue"
"""In CloudWatch."""
FUNCTION_LABEL = "function_name"
"""Its values are the deployed functions. Each knows its own name; the settings tell the metrics service all."""
BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Of a function's work."""
_HOUR, _DAY = 3600.0, 86400.0
WAY_BUCKETS_SECONDS = (600.0, _HOUR, 6 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY, 21 * _DAY)
"""Of an order's way to its customer. Few, because each is a metric that CloudWatch bills."""

_M = TypeVar("_M", bound=MetricWrapperBase)


class Status(StrEnum):
    SUCCESS = "success"
    ERROR = "error"


class ErrorType(StrEnum):
    """Why a message or request failed."""

    VALIDATION_ERROR = "validation_error"
    CONFLICT = "conflict"
    DEPENDENCY_ERROR = "dependency_error"
    UNKNOWN_ERROR = "unknown_error"


class Source(StrEnum):
    """Where a metric's values come from."""

    LEDGER = "ledger"
    """Counted in the transaction of the counted commit."""
    CLOUDWATCH = "cloudwatch"
    """Written by the functions as EMF, added up by CloudWatch."""
    INVENTORY = "inventory"
    QUEUES = "queues"
    METRICS_SERVICE = "metrics_service"
    """Its own, or derived from the counters of the same page."""


@dataclass(frozen=True, slots=True)
class Declaration:
    metric: MetricWrapperBase
    source: Source
    labels: tuple[str, ...]
    own_label_sets: tuple[tuple[str, ...], ...]
    """Label values of each series, without the function, which comes first. Empty if only run time knows them: SKUs."""
    buckets: tuple[float, ...] = ()
    """The upper bounds of a histogram's buckets but the last, which has none; in its unit."""

    def label_sets(self, functions: Iterable[str]) -> Iterator[tuple[str, ...]]:
        """The label values of every series of these functions."""
        if FUNCTION_LABEL not in self.labels:
            return iter(self.own_label_sets)
        return ((function, *values) for function in functions for values in self.own_label_sets)


REGISTRY = CollectorRegistry(auto_describe=True)
DECLARATIONS: dict[str, Declaration] = {}
"""By the name that queries use."""

_Labels = Mapping[str, Sequence[str]]
_LabelSets = Sequence[tuple[str, ...]]
_NO_LABELS: _Labels = {}


def _counter(
    name: str, text: str, source: Source, labels: _Labels = _NO_LABELS, only: _LabelSets | None = None
) -> Counter:
    return _declared(name, Counter(name, text, tuple(labels), registry=REGISTRY), source, labels, only)


def _histogram(
    name: str, text: str, labels: _Labels = _NO_LABELS, buckets: tuple[float, ...] = BUCKETS_SECONDS
) -> Histogram:
    metric = Histogram(name, text, tuple(labels), buckets=buckets, registry=REGISTRY)
    return _declared(name, metric, Source.CLOUDWATCH, labels, buckets=buckets)


def _gauge(name: str, text: str, source: Source, label: str | None = None) -> Gauge:
    labels = {label: ()} if label else _NO_LABELS
    return _declared(name, Gauge(name, text, tuple(labels), registry=REGISTRY), source, labels)


def _declared(  # noqa: PLR0913 - what a declaration consists of
    name: str,
    metric: _M,
    source: Source,
    labels: _Labels,
    only: _LabelSets | None = None,
    *,
    buckets: tuple[float, ...] = (),
) -> _M:
    own = product(*(values for label, values in labels.items() if label != FUNCTION_LABEL)) if only is None else only
    label_sets = tuple(tuple(map(str, one)) for one in own)
    DECLARATIONS[name] = Declaration(metric, source, tuple(labels), label_sets, buckets)
    return metric


def bound_label(bound: float) -> str:
    """A bucket's upper bound as its label `le`, in Prometheus' own form: `1.0`, `1.8144e+06`."""
    return str(floatToGoString(bound))  # type: ignore[no-untyped-call]


ORDERS_PROCESSED = _counter(
    "orders_processed_total",
    "Orders decided: accepted with their stock reserved, or refused.",
    Source.LEDGER,
    {"status": tuple(Status), "error_type": ("none", *REFUSALS)},
    only=[(Status.SUCCESS, "none"), *((Status.ERROR, reason) for reason in REFUSALS)],
)
PAYMENTS_PROCESSED = _counter(
    "payments_processed_total",
    "Payments settled: taken, declined, not settled in time, or called off by the customer before.",
    Source.LEDGER,
    {
        "status": ("success", "failure"),
        "error_type": ("none", "declined", CancelReason.PAYMENT_TIMEOUT, CancelReason.CUSTOMER_REQUEST),
    },
    only=[
        ("success", "none"),
        ("failure", "declined"),
        ("failure", CancelReason.PAYMENT_TIMEOUT),
        ("failure", CancelReason.CUSTOMER_REQUEST),
    ],
)
STOCK_RESERVATIONS = _counter(
    "stock_reservations_total",
    "SKUs of orders, by whether the order's stock was reserved.",
    Source.LEDGER,
    {"status": ("success", *REFUSALS)},
)
INVENTORY_OPERATIONS = _counter(
    "inventory_operations_total",
    "Changes of a SKU's inventory.",
    Source.LEDGER,
    {"operation_type": ("reserve", "decrement_reserved", "decrement_stock", "restock"), "status": tuple(Status)},
)
SHIPMENTS = _counter(
    "shipments_total",
    "Parcels, by how far they came: created, and then delivered, lost or returned to the sender.",
    Source.LEDGER,
    {"status": ("created", "delivered", "lost", "returned_to_sender")},
)
RETURNS = _counter(
    "returns_total",
    "Returns that customers announced, that arrived, or that did not arrive in time.",
    Source.LEDGER,
    {"status": ("requested", "received", "not_received")},
)
REFUNDS = _counter(
    "refunds_total",
    "Refunds that were requested, refused for good and then asked for again by staff, or made.",
    Source.LEDGER,
    {"status": ("requested", "failed", "asked_again", "processed")},
)
CUSTOMERS = _counter(
    "customers_total",
    "Customers who were registered, and those who were erased, registered before or not.",
    Source.LEDGER,
    {"status": ("registered", "erased")},
)
CUSTOMER_LOGINS = _counter("customer_logins_total", "Sign-ins, at most one a minute and customer.", Source.LEDGER)
SUPPORT_TICKETS = _counter(
    "support_tickets_total",
    "Steps of tickets: created, resolved, reopened, closed after an answer, or closed without one.",
    Source.LEDGER,
    {"status": ("created", "resolved", "reopened", "closed", "closed_unresolved")},
)
CUSTOMER_FEEDBACK = _counter(
    "customer_feedback_total",
    "Feedback on delivered orders, by its rating: 1 is worst, 5 is best.",
    Source.LEDGER,
    {"rating": tuple(str(rating) for rating in range(1, 6))},
)
SUPPORT_TICKETS_WAITING = _gauge(
    "support_tickets_waiting",
    "Tickets that wait for support: created or reopened, and since neither resolved nor closed.",
    Source.METRICS_SERVICE,
)

LAMBDA_REQUESTS = _counter(
    "lambda_requests_total",
    "Messages and requests that functions handled.",
    Source.CLOUDWATCH,
    {FUNCTION_LABEL: (), "status": tuple(Status)},
)
LAMBDA_ERRORS = _counter(
    "lambda_errors_total",
    "Messages and requests that failed, by why.",
    Source.CLOUDWATCH,
    {FUNCTION_LABEL: (), "error_type": tuple(ErrorType)},
)
LAMBDA_REQUEST_DURATION = _histogram(
    "lambda_request_duration_seconds", "How long a function took for a message or request.", {FUNCTION_LABEL: ()}
)
ORDER_PROCESSING_DURATION = _histogram(
    "order_processing_duration_seconds", "How long the order service took to decide an order."
)
PAYMENT_PROCESSING_DURATION = _histogram(
    "payment_processing_duration_seconds", "How long the payment service took to settle a payment."
)
ORDER_SHIPPING_DURATION = _histogram(
    "order_shipping_duration_seconds",
    "Time from an order's confirmation until every parcel of it was with the carrier.",
    buckets=WAY_BUCKETS_SECONDS,
)
ORDER_DELIVERY_DURATION = _histogram(
    "order_delivery_duration_seconds",
    "Time from an order's confirmation until every parcel of it was delivered.",
    buckets=WAY_BUCKETS_SECONDS,
)

STOCK_QUANTITY = _gauge("stock_quantity", "Units in stock, those reserved included.", Source.INVENTORY, "sku")
STOCK_RESERVED = _gauge("stock_reserved", "Units held for orders that are not paid yet.", Source.INVENTORY, "sku")
QUEUE_MESSAGES = _gauge("queue_messages", "Messages in a queue, those in flight included.", Source.QUEUES, "queue")
DEAD_LETTERS = _gauge("dead_letters", "Messages in a dead-letter queue.", Source.QUEUES, "queue")
QUEUE_OLDEST_MESSAGE_AGE = _gauge(
    "queue_oldest_message_age_seconds", "Age of a queue's oldest message.", Source.CLOUDWATCH, "queue"
)
REFRESH_ERRORS = _counter(
    "pulsequeue_metrics_refresh_errors_total",
    "Readings of CloudWatch that failed, so its last good values were shown, or of the inventory that left out a SKU.",
    Source.METRICS_SERVICE,
)
LAST_REFRESH = _gauge(
    "pulsequeue_metrics_last_refresh_timestamp_seconds",
    "When CloudWatch was last read without a fault (Unix time).",
    Source.METRICS_SERVICE,
)

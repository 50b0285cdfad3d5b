"""What the business sees: orders, payments and stock. The counters are the ledger's own, so they are exact."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, ThresholdsConfig

from scripts.monitor.grafana.panels import (
    EXACT,
    NONE_WANTED,
    PLAIN,
    SECONDS,
    SHARE,
    Panel,
    bars,
    dashboard,
    figure,
    graph,
    levels,
    stacked_graph,
)
from scripts.monitor.grafana.promql import (
    count,
    mean,
    per_minute,
    quantile,
    quantile_in_range,
    rate_share,
    series,
    share,
    within,
)
from services.shared.cancel_reasons import REFUSALS, CancelReason

_FAILURES = levels("green", (0.1, "orange"), (0.25, "red"))
_DURATIONS = levels("green", (1, "orange"), (5, "red"))
_FEW_LEFT = levels("red", (1, "orange"), (6, "green"))

_ORDERS = series("orders_processed_total")
_ACCEPTED = series("orders_processed_total", status="success")
_REFUSED = series("orders_processed_total", status="error")
_PAYMENTS = series("payments_processed_total")
# A payment that its customer called off did not fail.
_FAILED = ("declined", "payment_timeout")
_SETTLED = series("payments_processed_total", error_type=("none", *_FAILED))
_TAKEN = series("payments_processed_total", status="success")
_NOT_TAKEN = series("payments_processed_total", error_type=_FAILED)
_STOCK = series("stock_quantity")
_RESERVED = series("stock_reserved")
_AVAILABLE = f"sum by (sku) ({_STOCK}) - sum by (sku) ({_RESERVED})"


def business() -> Dashboard:
    return dashboard(
        "business",
        "business overview",
        "Orders, money and stock at a glance.",
        [
            figure("Orders accepted", f"Orders whose stock was reserved. {EXACT}", count(_ACCEPTED)),
            figure("Orders refused", f"Orders refused, mostly for too little stock. {EXACT}", count(_REFUSED)),
            _refused_share(),
            figure("Payments taken", f"Payments that were taken. {EXACT}", count(_TAKEN)),
            figure(
                "Payments not taken",
                f"Payments declined, or not settled in time. {EXACT}",
                count(_NOT_TAKEN),
            ),
            figure(
                "Dead letters",
                "Messages given up on, in all dead-letter queues now. Each waits for a person.",
                f"sum({series('dead_letters')})",
                colours=NONE_WANTED,
            ),
            _orders_graph(),
            _payments_graph(),
            _durations("Time to decide an order", "an order from its message to its commit", "order_processing"),
            _fewest_left(),
        ],
    )


def orders() -> Dashboard:
    return dashboard(
        "orders",
        "order processing",
        "How many orders are decided, how, and how fast.",
        [
            *(one.span(3) for one in _decisions()),
            _orders_graph(),
            _failure_graph("Share of orders refused", "refused", rate_share(_REFUSED, _ORDERS)),
            _durations("Time to decide an order", "an order from its message to its commit", "order_processing"),
            _within("Orders decided within", "order_processing"),
            _mean("Mean time to decide an order", "order_processing"),
            faults("order-service"),
        ],
    )


def payments() -> Dashboard:
    declined = series("payments_processed_total", error_type="declined")
    too_late = series("payments_processed_total", error_type="payment_timeout")
    return dashboard(
        "payments",
        "payments",
        "How many payments are settled, how, and how fast.",
        [
            figure("Taken", f"Payments that were taken. {EXACT}", count(_TAKEN)),
            figure("Declined", f"Payments that the gateway declined. {EXACT}", count(declined)),
            figure(
                "Not settled in time",
                f"Orders cancelled because no payment was settled before their deadline. {EXACT}",
                count(too_late),
                colours=NONE_WANTED,
            ),
            figure(
                "Share not taken",
                "Payments not taken, of all but those that customers called off in the time shown.",
                share(count(_NOT_TAKEN), count(_SETTLED)),
                unit=SHARE,
                colours=_FAILURES,
            ),
            figure("Settled since the beginning", "All payments in the ledger, as it is now.", f"sum({_PAYMENTS})"),
            _p99("payment_processing"),
            _payments_graph(),
            _failure_graph("Share of payments not taken", "not taken", rate_share(_NOT_TAKEN, _SETTLED)),
            _durations("Time to settle a payment", "a payment from its message to its commit", "payment_processing"),
            _within("Payments settled within", "payment_processing"),
            _mean("Mean time to settle a payment", "payment_processing"),
            faults("payment-service"),
        ],
    )


def inventory() -> Dashboard:
    outcomes = {"reserved": "success"} | {reason.value: reason.value for reason in REFUSALS}
    reservations = {name: series("stock_reservations_total", status=value) for name, value in outcomes.items()}
    operations = series("inventory_operations_total", status="success")
    failed = series("inventory_operations_total", status="error")
    return dashboard(
        "inventory",
        "inventory",
        "What is in stock, what is held, and what moves.",
        [
            figure("Units in stock", "Units of all SKUs, those reserved included.", f"sum({_STOCK})"),
            figure("Units reserved", "Units held for orders that are not paid yet.", f"sum({_RESERVED})"),
            figure("Units available", "Units that can still be ordered.", f"sum({_AVAILABLE})"),
            figure(
                "SKUs sold out",
                "SKUs of which no unit can be ordered.",
                f"count(({_AVAILABLE}) < 1) or vector(0)",
                colours=levels("green", (1, "orange")),
            ),
            figure(
                "SKUs reserved",
                f"SKUs of orders whose stock was reserved. {EXACT}",
                count(reservations["reserved"]),
            ),
            figure("Changes failed", f"Changes of a SKU's inventory that failed. {EXACT}", count(failed)),
            _fewest_left(),
            graph(
                "Units available by SKU",
                "Units that can be ordered over time. It never falls below 0: stock is reserved by a condition.",
                {"{{sku}}": _AVAILABLE},
            ),
            graph(
                "Units in stock by SKU",
                "It falls when a payment is taken, and rises when goods come back or an order is cancelled.",
                {"{{sku}}": f"sum by (sku) ({_STOCK})"},
            ),
            graph(
                "Units reserved by SKU",
                "It returns to 0 once no order waits for its payment; what is held too long is released.",
                {"{{sku}}": f"sum by (sku) ({_RESERVED})"},
            ),
            stacked_graph(
                "SKUs of orders per minute",
                "SKUs of the orders decided, by whether the order's stock was reserved.",
                {name: per_minute(reservation) for name, reservation in reservations.items()},
            ),
            graph(
                "Changes per minute",
                "reserve: held for an order; decrement_stock: sold; decrement_reserved: sold or released; "
                "restock: back for sale.",
                {
                    "{{operation_type}}": per_minute(operations, "operation_type"),
                    "{{operation_type}} failed": per_minute(failed, "operation_type"),
                },
            ),
        ],
    )


def _decisions() -> list[Panel]:
    return [
        figure("Accepted", f"Orders whose stock was reserved. {EXACT}", count(_ACCEPTED)),
        _refused(CancelReason.INSUFFICIENT_STOCK, "too little stock", "a SKU had too few units left"),
        _refused(CancelReason.UNKNOWN_SKU, "unknown SKU", "a SKU is not in the inventory", colours=NONE_WANTED),
        _refused(
            CancelReason.MIXED_CURRENCIES,
            "mixed currencies",
            "their SKUs are priced in several currencies",
            colours=NONE_WANTED,
        ),
        _refused(CancelReason.PRICE_CHANGED, "price changed", "they cost more by then than the customer was shown"),
        _refused_share(),
        figure("Decided since the beginning", "All orders in the ledger, as it is now.", f"sum({_ORDERS})"),
        _p99("order_processing"),
    ]


def _refused(reason: CancelReason, title: str, why: str, *, colours: ThresholdsConfig = PLAIN) -> Panel:
    refused = series("orders_processed_total", error_type=reason.value)
    return figure(f"Refused: {title}", f"Orders refused because {why}. {EXACT}", count(refused), colours=colours)


def _refused_share() -> Panel:
    return figure(
        "Share refused",
        "Orders refused, of all that were decided in the time shown.",
        share(count(_REFUSED), count(_ORDERS)),
        unit=SHARE,
        colours=_FAILURES,
    )


def _orders_graph() -> Panel:
    return stacked_graph(
        "Orders per minute",
        "Orders decided, by outcome: a mean over at least 4 minutes, because the figures are renewed once a minute.",
        {"accepted": per_minute(_ACCEPTED), "{{error_type}}": per_minute(_REFUSED, "error_type")},
    )


def _payments_graph() -> Panel:
    return stacked_graph(
        "Payments per minute",
        "Payments settled, by outcome: a mean over at least 4 minutes, because the figures are renewed once a minute.",
        {"taken": per_minute(_TAKEN), "{{error_type}}": per_minute(_NOT_TAKEN, "error_type")},
    )


def _failure_graph(title: str, legend: str, query: str) -> Panel:
    text = "Of what was decided in the last minutes; a gap means that nothing was."
    return graph(title, text, {legend: query}, unit=SHARE, colours=_FAILURES)


def _durations(title: str, what: str, metric: str) -> Panel:
    quantiles = {f"p{fraction * 100:g}": fraction for fraction in (0.5, 0.95, 0.99)}
    return graph(
        title,
        f"How long the service took for {what}. From real buckets: between two bounds it is an estimate.",
        {legend: quantile(fraction, f"{metric}_duration_seconds") for legend, fraction in quantiles.items()},
        unit=SECONDS,
    )


def _p99(metric: str) -> Panel:
    return figure(
        "p99 duration",
        "99 of 100 in the time shown took no longer.",
        quantile_in_range(0.99, f"{metric}_duration_seconds"),
        unit=SECONDS,
        colours=_DURATIONS,
    )


def _within(title: str, metric: str) -> Panel:
    return bars(
        title,
        "Share of all in the time shown that took no longer than each bucket's bound, counted and not estimated.",
        within(f"{metric}_duration_seconds"),
        unit=SHARE,
    )


def _mean(title: str, metric: str) -> Panel:
    text = "All time spent, divided by all that was done. Far above the median: a few are very slow."
    return graph(title, text, {"mean": mean(f"{metric}_duration_seconds")}, unit=SECONDS)


def faults(function: str) -> Panel:
    return graph(
        f"Failed messages of the {function} per minute",
        "Messages that will be tried again, or went to the dead-letter queue, by why.",
        {"{{error_type}}": per_minute(series("lambda_errors_total", function_name=function), "error_type")},
    )


def _fewest_left() -> Panel:
    return bars(
        "Fewest units available",
        "The ten SKUs with the fewest units that can still be ordered. Orders beyond that are refused, never oversold.",
        {"{{sku}}": f"sort(bottomk(10, {_AVAILABLE}))"},
        colours=_FEW_LEFT,
    )

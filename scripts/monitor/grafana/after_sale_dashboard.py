"""What the business sees of an order after its confirmation: parcels, returns, refunds. The counts are the ledger's."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from scripts.monitor.grafana.business_dashboards import faults
from scripts.monitor.grafana.panels import (
    EXACT,
    NONE_WANTED,
    SECONDS,
    SHARE,
    Panel,
    bars,
    dashboard,
    figure,
    graph,
    levels,
)
from scripts.monitor.grafana.promql import count, per_minute, quantile, series, within

_QUEUE = "fulfilment-queue"
_AGES = levels("green", (300, "orange"), (900, "red"))

_PARCELS = series("shipments_total")
_UNDER_WAY = " - ".join(
    f"sum({series('shipments_total', status=status)})"
    for status in ("created", "delivered", "lost", "returned_to_sender")
)
_RETURNS_OPEN = " - ".join(
    f"sum({series('returns_total', status=status)})" for status in ("requested", "received", "not_received")
)
_ASKED, _ASKED_AGAIN, _MADE, _FAILED = (
    f"sum({series('refunds_total', status=status)})" for status in ("requested", "asked_again", "processed", "failed")
)
_REFUNDS_OPEN = f"{_ASKED} + {_ASKED_AGAIN} - {_MADE} - {_FAILED}"
_REFUNDS_FAILED = f"{_FAILED} - {_ASKED_AGAIN}"


def after_sale() -> Dashboard:
    return dashboard(
        "after-sale",
        "after the sale",
        "What becomes of confirmed orders: parcels, returns and refunds.",
        [
            figure(
                "Parcels under way", "Parcels that have not ended: neither delivered, lost nor returned.", _UNDER_WAY
            ),
            figure(
                "Parcels delivered",
                f"Parcels that the carrier delivered. {EXACT}",
                count(series("shipments_total", status="delivered")),
            ),
            figure(
                "Parcels not delivered",
                f"Parcels that were lost or returned to the sender; the customer is refunded. {EXACT}",
                f"{count(series('shipments_total', status='lost'))}"
                f" + {count(series('shipments_total', status='returned_to_sender'))}",
            ),
            figure("Returns open", "Returns whose goods are still to arrive, now.", _RETURNS_OPEN),
            figure("Refunds open", "Refunds that were asked for and are still to be made, now.", _REFUNDS_OPEN),
            figure(
                "Failed refunds",
                "Refunds that the gateway refused for good and nobody has asked for again. Each waits for a person.",
                _REFUNDS_FAILED,
                colours=NONE_WANTED,
            ),
            graph(
                "Parcels per minute",
                "Parcels that were created, and those that ended, by how.",
                {"{{status}}": per_minute(_PARCELS, "status")},
            ),
            graph(
                "Parcels under way over time",
                "A slope under even traffic: they are not tracked, or the carrier is late.",
                {"under way": _UNDER_WAY},
            ),
            *_duration_panels("ship", "shipped", "shipping", "every parcel of it was with the carrier"),
            *_duration_panels("deliver", "delivered", "delivery", "every parcel of it was delivered"),
            graph(
                "Returns per minute",
                "Returns that were announced, that arrived, and that were closed because nothing arrived in time.",
                {"{{status}}": per_minute(series("returns_total"), "status")},
            ),
            graph(
                "Refunds per minute",
                "requested: for a cancelled order, a lost parcel or a return; asked_again: by staff, after it failed.",
                {"{{status}}": per_minute(series("refunds_total"), "status")},
            ),
            graph(
                "Returns and refunds open",
                "Returns wait for days. Refunds are made in seconds, and a failed one waits for a person.",
                {"returns": _RETURNS_OPEN, "refunds": _REFUNDS_OPEN, "failed refunds": _REFUNDS_FAILED},
            ),
            graph(
                "Fulfilment queue",
                "Confirmed orders to start, labels to book and parcels to track, in flight included.",
                {"messages": f"sum({series('queue_messages', queue=_QUEUE)})"},
            ),
            graph(
                "Age of the fulfilment queue's oldest message",
                "How far behind fulfilment is. From CloudWatch, so some minutes late.",
                {"oldest message": f"max({series('queue_oldest_message_age_seconds', queue=_QUEUE)})"},
                unit=SECONDS,
                colours=_AGES,
            ),
            faults("fulfilment-service"),
        ],
    )


def _duration_panels(do: str, done: str, metric: str, until: str) -> tuple[Panel, Panel]:
    histogram = f"order_{metric}_duration_seconds"
    quantiles = {f"p{fraction * 100:g}": fraction for fraction in (0.5, 0.95, 0.99)}
    return (
        graph(
            f"Time to {do} an order",
            f"From its confirmation until {until}. From few buckets, so between two bounds it is an estimate.",
            {legend: quantile(fraction, histogram) for legend, fraction in quantiles.items()},
            unit=SECONDS,
        ),
        bars(
            f"Orders {done} within",
            "Share of all in the time shown that took no longer than each bucket's bound, counted and not estimated.",
            within(histogram),
            unit=SHARE,
        ),
    )

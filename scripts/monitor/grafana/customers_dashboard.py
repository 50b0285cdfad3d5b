"""What the business sees of its customers, and of how support answers them. The counts are the ledger's."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from scripts.monitor.grafana.panels import EXACT, NUMBER, SECONDS, bars, dashboard, figure, graph, levels
from scripts.monitor.grafana.promql import count, declaration, per_minute, series, share, values_of

_FUNCTIONS = (
    "customer-service",
    "customer-service-api",
    "customer-service-trigger",
    "support-service",
    "support-service-api",
)
_QUEUES = ("customer-queue", "support-queue")
_AGES = levels("green", (60, "orange"), (300, "red"))

_REGISTERED = series("customers_total", status="registered")
_ERASED = series("customers_total", status="erased")
_LOGINS = series("customer_logins_total")
_TICKETS = series("support_tickets_total")
_FAILED = series("lambda_errors_total", function_name=_FUNCTIONS)
_WAITING = f"sum({series('support_tickets_waiting')})"
_RATINGS = {
    int(rating): count(series("customer_feedback_total", rating=rating))
    for rating in sorted(values_of(declaration("customer_feedback_total"), "rating"))
}
_ALL_POINTS = " + ".join(f"{rating} * {times}" for rating, times in _RATINGS.items())
_ALL_RATINGS = count(series("customer_feedback_total"))


def customers() -> Dashboard:
    return dashboard(
        "customers",
        "customers and support",
        "Who comes and goes, how support answers, and what customers think of their orders.",
        [
            figure("Customers registered", f"Customers who came for the first time. {EXACT}", count(_REGISTERED)),
            figure("Sign-ins", f"Sign-ins, at most one a minute and customer. {EXACT}", count(_LOGINS)),
            figure("Customers erased", f"Customers whose personal data was destroyed. {EXACT}", count(_ERASED)),
            figure("Tickets waiting", "Tickets that wait for an answer of support, now.", _WAITING),
            figure(
                "Tickets resolved",
                f"Answers of support; a ticket that is reopened may have several. {EXACT}",
                count(series("support_tickets_total", status="resolved")),
            ),
            figure(
                "Average rating",
                "Of the feedback in the time shown: 1 is worst, 5 is best.",
                share(f"({_ALL_POINTS})", _ALL_RATINGS),
                unit=NUMBER,
            ),
            graph(
                "Customers per minute",
                "Sign-ins, and customers who were registered and erased.",
                {"sign-ins": per_minute(_LOGINS), "registered": per_minute(_REGISTERED), "erased": per_minute(_ERASED)},
            ),
            bars(
                "Ratings",
                f"Feedback on delivered orders, by its rating: 1 is worst, 5 is best. {EXACT}",
                {f"{rating}": times for rating, times in _RATINGS.items()},
            ),
            graph(
                "Tickets waiting over time",
                "created and reopened, less resolved and closed_unresolved, since the beginning.",
                {"waiting": _WAITING},
            ),
            graph(
                "Tickets per minute",
                "closed: after an answer. closed_unresolved: without one, by the customer, by staff or by an erasure.",
                {"{{status}}": per_minute(_TICKETS, "status")},
            ),
            graph(
                "Age of the oldest erasure to finish",
                "How long the user or the tickets of an erased customer have been left. Minutes late, from CloudWatch.",
                {"{{queue}}": f"max by (queue) ({series('queue_oldest_message_age_seconds', queue=_QUEUES)})"},
                unit=SECONDS,
                colours=_AGES,
            ),
            graph(
                "Failed messages and requests per minute",
                "Messages and requests that failed, by function. The Lambda dashboard shows why.",
                {"{{function_name}}": per_minute(_FAILED, "function_name")},
            ),
        ],
    )

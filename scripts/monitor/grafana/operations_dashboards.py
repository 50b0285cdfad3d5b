"""What operators see: functions, queues, dead letters, and the age of the figures themselves."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from scripts.monitor.grafana.panels import NONE_WANTED, SECONDS, SHARE, bars, dashboard, figure, graph, levels
from scripts.monitor.grafana.promql import (
    count,
    mean,
    per_minute,
    quantile,
    quantile_in_range,
    rate,
    rate_share,
    series,
    share,
)

_CLOUDWATCH = "From CloudWatch, so some minutes late, and counted at least once."
_ERRORS = levels("green", (0.01, "orange"), (0.05, "red"))
_DURATIONS = levels("green", (1, "orange"), (5, "red"))
_AGES = levels("green", (60, "orange"), (300, "red"))
_FIGURES_AGE = levels("green", (120, "orange"), (300, "red"))

_REQUESTS = series("lambda_requests_total")
_FAILED = series("lambda_requests_total", status="error")
_DURATION = "lambda_request_duration_seconds"


def functions() -> Dashboard:
    by_function = "{{function_name}}"
    return dashboard(
        "lambda",
        "Lambda performance",
        "What each function handles, how fast, and what fails.",
        [
            figure(
                "Handled",
                f"Messages and requests of all functions in the time shown. {_CLOUDWATCH}",
                count(_REQUESTS),
                width=6,
            ),
            figure(
                "Failed", f"Those of them that failed; most are tried again. {_CLOUDWATCH}", count(_FAILED), width=6
            ),
            figure(
                "Share failed",
                "Messages and requests that failed, of all in the time shown.",
                share(count(_FAILED), count(_REQUESTS)),
                unit=SHARE,
                colours=_ERRORS,
                width=6,
            ),
            figure(
                "Slowest function's p99",
                "The highest p99 of any function; a function is ended after 10 s.",
                f"max({quantile_in_range(0.99, _DURATION, 'function_name')})",
                unit=SECONDS,
                colours=_DURATIONS,
                width=6,
            ),
            graph(
                "Handled per minute",
                f"Messages and requests by function. {_CLOUDWATCH}",
                {by_function: per_minute(_REQUESTS, "function_name")},
            ),
            graph(
                "Share failed by function",
                "Of what the function handled in the last minutes; a gap means that it handled nothing.",
                {by_function: rate_share(_FAILED, _REQUESTS, "function_name")},
                unit=SHARE,
                colours=_ERRORS,
            ),
            graph(
                "Failures per minute, by why",
                "validation_error and conflict never succeed, dependency_error may later, unknown_error is a defect.",
                {"{{error_type}}": per_minute(series("lambda_errors_total"), "error_type")},
            ),
            bars(
                "Failures by function",
                f"Messages and requests that failed in the time shown. {_CLOUDWATCH}",
                {by_function: f"sort_desc({count(series('lambda_errors_total'), 'function_name')})"},
                colours=NONE_WANTED,
            ),
            graph(
                "Median duration",
                "Half took no longer. From real buckets.",
                {by_function: quantile(0.5, _DURATION, "function_name")},
                unit=SECONDS,
            ),
            graph(
                "p99 duration",
                "99 of 100 took no longer. From real buckets; a cold start shows here first.",
                {by_function: quantile(0.99, _DURATION, "function_name")},
                unit=SECONDS,
                colours=_DURATIONS,
            ),
            graph(
                "Mean duration",
                "All time spent, divided by all that was handled.",
                {by_function: mean(_DURATION, "function_name")},
                unit=SECONDS,
            ),
            graph(
                "Busy at once",
                "Seconds of work in each second: how many messages or requests a function works on at a time.",
                {by_function: rate(series(f"{_DURATION}_sum"), "function_name")},
            ),
        ],
    )


def queues() -> Dashboard:
    dead_letters, waiting = series("dead_letters"), series("queue_messages")
    oldest = series("queue_oldest_message_age_seconds")
    refresh_errors = series("pulsequeue_metrics_refresh_errors_total")
    figures_age = f"time() - max({series('pulsequeue_metrics_last_refresh_timestamp_seconds')})"
    by_queue = "{{queue}}"
    return dashboard(
        "queues",
        "queues and dead letters",
        "What waits, what was given up on, and whether the figures are fresh.",
        [
            figure("Dead letters", "In all dead-letter queues, now.", f"sum({dead_letters})", colours=NONE_WANTED),
            figure("Messages waiting", "In all queues, those in flight included, now.", f"sum({waiting})"),
            figure(
                "Oldest message",
                "How long the oldest message has waited.",
                f"max({oldest})",
                unit=SECONDS,
                colours=_AGES,
            ),
            figure(
                "Age of the figures",
                "Since CloudWatch was last read without a fault. Above some minutes, what comes from it is old.",
                figures_age,
                unit=SECONDS,
                colours=_FIGURES_AGE,
            ),
            figure(
                "Failed reads",
                "In the time shown: of CloudWatch, whose last good values were shown, or of a SKU, which was left out.",
                count(refresh_errors),
                colours=NONE_WANTED,
                width=8,
            ),
            bars(
                "Dead letters by queue",
                "Messages given up on. See why with `invoke dlq-list`; move them back with `invoke redrive`.",
                {by_queue: f"sort_desc(sum by (queue) ({dead_letters}))"},
                colours=NONE_WANTED,
            ),
            graph(
                "Dead letters over time",
                "A step is a fault that passed; a slope is one that goes on. It falls by a redrive, or after 14 days.",
                {by_queue: f"sum by (queue) ({dead_letters})"},
                colours=NONE_WANTED,
            ),
            graph(
                "Messages waiting by queue",
                "In flight included. A slope means that messages come faster than they are handled.",
                {by_queue: f"sum by (queue) ({waiting})"},
            ),
            graph(
                "Age of the oldest message",
                "How far behind a queue's service is. From CloudWatch, so some minutes late.",
                {by_queue: f"max by (queue) ({oldest})"},
                unit=SECONDS,
                colours=_AGES,
            ),
            graph(
                "Age of the figures over time",
                "A saw below two minutes is right: CloudWatch is read once a minute.",
                {"since CloudWatch was read": figures_age},
                unit=SECONDS,
                colours=_FIGURES_AGE,
            ),
            graph(
                "Failed reads over time",
                "All so far. A step: a read of CloudWatch failed, or an item of the inventory could not be read.",
                {"failed reads": f"sum({refresh_errors})"},
            ),
        ],
    )

"""The commits of an order as a table: when each was made and why, and the stock and the money that it moved."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from textwrap import wrap

from rich.markup import escape
from rich.table import Table

from scripts.cli.console import table
from scripts.cli.money import money
from scripts.ledger.order_history import reason_of
from services.shared.causes import request_cause
from services.shared.commits import Commit
from services.shared.events.cart import CartCheckoutInitiated
from services.shared.events.payment import PaymentProcessed, RefundFailed, RefundMode, RefundProcessed, RefundRequested
from services.shared.inventory import StockChange

_EVENTS_WIDTH = 20
"""A producer's id is folded, so that stock and money have room."""
_UNITS = ((timedelta(days=2), 86400, "d"), (timedelta(hours=2), 3600, "h"), (timedelta(minutes=2), 60, "min"))
_SECONDS_FROM = timedelta(seconds=10)


def timeline(order_id: str, history: Sequence[Commit], event_names: Mapping[str, str]) -> Table:
    """`history` begins with the checkout that placed the order, if one did.

    `event_names` are those of the events, by id, that may have caused the commits.
    """
    first = history[0].cause
    # The title has the id of the request that placed the order.
    names = {**event_names, request_cause(first.correlation_id): "the request"}
    shown = table(
        "time",
        "after",
        "version",
        "events, by cause",
        "stock and money moved",
        title=f"Order {escape(order_id)}, correlation id {escape(first.correlation_id)}",
        numbers={"after", "version"},
    )
    for column in shown.columns[:4]:
        column.no_wrap = True
    for commit in history:
        reason = reason_of(commit)
        cause = names.get(commit.cause.event_id, commit.cause.event_id)
        lines = [event.type_name() for event in commit.events] + ([f"({reason})"] if reason else [])
        shown.add_row(
            commit.cause.occurred_at,
            duration_text(commit.cause.at - first.at),
            f"cart {commit.version}" if commit.find(CartCheckoutInitiated) else str(commit.version),
            "\n".join([*lines, *wrap(f"by {cause}", _EVENTS_WIDTH)]),
            "\n".join([*map(_stock, commit.stock_changes()), *_money(commit)]),
        )
    return shown


def event_names_of(commits: Sequence[Commit]) -> dict[str, str]:
    return {
        commit.event_id(index): event.type_name() for commit in commits for index, event in enumerate(commit.events)
    }


def duration_text(duration: timedelta) -> str:
    """The duration in its own unit, such as `1500 ms`, `12 s`, `16 min`, `5 h` or `14 d`."""
    for least, seconds, unit in _UNITS:
        if duration >= least:
            return f"{int(duration.total_seconds()) // seconds} {unit}"
    if duration >= _SECONDS_FROM:
        return f"{int(duration.total_seconds())} s"
    return f"{round(duration.total_seconds() * 1000)} ms"


def _stock(change: StockChange) -> str:
    deltas = {"stock": change.stock, "reserved": change.reserved, "available": change.available}
    return f"{change.sku}: " + ", ".join(f"{name} {delta:+d}" for name, delta in deltas.items() if delta)


def _money(commit: Commit) -> Iterator[str]:
    for event in commit.events:
        match event:
            case CartCheckoutInitiated():
                yield f"at most {money(event.shown_total_minor, event.currency)}"
            case PaymentProcessed():
                yield f"charged {money(event.amount_minor, event.currency)}"
            case RefundRequested(mode=RefundMode.REFUND):
                yield f"to refund {money(event.amount_minor, event.currency)}"
            case RefundProcessed():
                yield f"refunded {money(event.refunded_minor, event.currency)}"
            case RefundFailed():
                yield f"not refunded {money(event.amount_minor, event.currency)}"
            case _:
                pass

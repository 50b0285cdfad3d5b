"""One order's whole history: when each commit was made and why, and the stock and the money that it moved."""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from scripts.cli.console import out, print_table, table
from scripts.cli.errors import UserError
from scripts.cli.money import money
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.gateway_ledger import NEVER_ASKED, UNREADABLE, GatewayEntry, read_entries
from scripts.ledger.log_reader import NoCommitError, named_briefly, read_stream, readable_commits
from scripts.ledger.order_history import Mismatch, reason_of, state_of
from services.libs.store.commit_items import commit_to_item
from services.libs.store.dynamodb_items import from_item
from services.shared.causes import timestamp
from services.shared.commits import Commit, order_id_of, order_stream
from services.shared.events.order import OrderCancelled
from services.shared.events.payment import PaymentProcessed, RefundProcessed
from services.shared.inventory import StockChange
from services.shared.order_lifecycle import ORDER

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


_CAUSE_WIDTH = 20
"""A producer's id is folded, so that stock and money have room."""


def show(target: Target, order_id: str, *, as_json: bool = False) -> None:
    """Print the order's timeline, the payment gateway's entry, and the order's state."""
    print_order(target.client("dynamodb"), Deployment.of(target), order_id, as_json=as_json)


def print_order(client: "DynamoDBClient", deployment: Deployment, order_id: str, *, as_json: bool = False) -> None:
    """Raise UserError where there is no such order, or an item of it is no commit."""
    unreadable: list[NoCommitError] = []
    items = read_stream(client, deployment, order_stream(order_id))
    history = list(readable_commits(items, unreadable))
    if not history and not unreadable:
        raise UserError(
            f"the event store has no order {order_id!r}; if it was placed, `invoke dlq-list` may say why it failed"
        )
    entry = read_entries(client, deployment, [order_id]).get(order_id, GatewayEntry(order_id))
    if as_json:
        commits = [from_item(commit_to_item(commit)) for commit in history]
        state = state_text(history) if history else None
        shown = {"order_id": order_id, "state": state, "gateway": entry._asdict(), "commits": commits}
        out.print(json.dumps(shown, ensure_ascii=False), markup=False)
    else:
        _print(history, entry)
    if unreadable:
        raise UserError(named_briefly(unreadable))


def _print(history: Sequence[Commit], entry: GatewayEntry) -> None:
    if history:
        print_table(timeline(history))
    out.print(f"\ngateway   {gateway_text(entry)}", markup=False)
    if history:
        out.print(f"state     {state_text(history)}", markup=False)


def timeline(history: Sequence[Commit]) -> Table:
    first = history[0].cause
    event_names = {
        commit.event_id(index): event.type_name() for commit in history for index, event in enumerate(commit.events)
    }
    shown = table(
        "time",
        "+ms",
        "version",
        "events",
        "caused by",
        "stock and money moved",
        title=f"Order {escape(order_id_of(history[0].stream_id))}, correlation id {escape(first.correlation_id)}",
        numbers={"+ms", "version"},
    )
    for column in shown.columns[:4]:
        column.no_wrap = True
    shown.columns[4].max_width = _CAUSE_WIDTH
    for commit in history:
        since_first = round((commit.cause.at - first.at).total_seconds() * 1000)
        reason = reason_of(commit)
        shown.add_row(
            commit.cause.occurred_at,
            str(since_first),
            str(commit.version),
            "\n".join([event.type_name() for event in commit.events] + ([f"({reason})"] if reason else [])),
            event_names.get(commit.cause.event_id, commit.cause.event_id),
            "\n".join([*map(_stock, commit.stock_changes()), *_money(commit)]),
        )
    return shown


def gateway_text(entry: GatewayEntry) -> str:
    """Describe the gateway's entry; an order that was called off before its charge has no amount."""
    if entry.status == NEVER_ASKED:
        return "was never asked"
    if entry.status == UNREADABLE:
        return "has an entry that cannot be read"
    amount = money(entry.amount_minor, entry.currency) if entry.currency else ""
    attempts = "asked to charge once" if entry.attempts == 1 else f"asked to charge {entry.attempts} times"
    return ", ".join(part for part in (entry.status, amount, entry.charge_id, attempts) if part)


def state_text(history: Sequence[Commit]) -> str:
    """Name the order's phase, and the step that it waits for unless it is over."""
    state = state_of(ORDER, history)
    if isinstance(state, Mismatch):
        return f"impossible: {state.found}"
    cancelled = next((event for commit in history if (event := commit.find(OrderCancelled))), None)
    reached = "open" if state.phase.wait else f"cancelled ({cancelled.reason})" if cancelled else state.phase.name
    waits = "; ".join(waiting.waits_for for waiting in state.waits)
    due = f", due {timestamp(state.due_at)}" if state.due_at else ""
    return f"{reached}; {waits}{due}" if waits else reached


def _stock(change: StockChange) -> str:
    deltas = {"stock": change.stock, "reserved": change.reserved, "available": change.available}
    return f"{change.sku}: " + ", ".join(f"{name} {delta:+d}" for name, delta in deltas.items() if delta)


def _money(commit: Commit) -> Iterator[str]:
    if paid := commit.find(PaymentProcessed):
        yield f"charged {money(paid.amount_minor, paid.currency)}"
    if refunded := commit.find(RefundProcessed):
        yield f"refunded {money(refunded.refunded_minor, refunded.currency)}"

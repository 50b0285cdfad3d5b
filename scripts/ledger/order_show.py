"""One order's whole history: what happened when and why, and the stock and the money that it moved."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from scripts.cli.console import out, table
from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.order_history import Problem, events_text, state_of
from services.libs.store.dynamodb_items import from_item, to_item
from services.libs.store.event_store import EventStore
from services.shared.causes import timestamp
from services.shared.commits import Commit, order_id_of, order_stream
from services.shared.events.order import OrderCancelled
from services.shared.events.payment import PaymentProcessed, RefundProcessed
from services.shared.inventory import StockChange
from services.shared.json_types import JsonObject, integer, text
from services.shared.order_lifecycle import ORDER

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def show(target: Target, order_id: str) -> None:
    """Print the order's timeline, what the payment gateway has of it, and where it stands."""
    deployment = Deployment.of(target)
    client = target.client("dynamodb")
    print_order(EventStore(client, deployment.store_tables), client, deployment.tables.simulated_gateway, order_id)


def print_order(store: EventStore, client: "DynamoDBClient", gateway_table: str, order_id: str) -> None:
    history = store.read(order_stream(order_id))
    if not history:
        raise UserError(
            f"the event store has no order {order_id!r}; if it was placed, `invoke dlq-list` may say what became of it"
        )
    found = client.get_item(TableName=gateway_table, Key=to_item({"order_id": order_id}), ConsistentRead=True)
    out.print(timeline(history))
    out.print(f"\ngateway   {gateway_entry(from_item(found.get('Item', {})))}", markup=False)
    out.print(f"state     {state_text(history)}", markup=False)


def timeline(history: Sequence[Commit]) -> Table:
    first = history[0].cause
    shown = table(
        "time",
        "+ms",
        "version",
        "events",
        "caused by",
        "stock moved",
        "money moved",
        title=f"Order {escape(order_id_of(history[0].stream_id))}, correlation id {escape(first.correlation_id)}",
        numbers={"+ms", "version"},
    )
    for commit in history:
        since_first = round((commit.cause.at - first.at).total_seconds() * 1000)
        cells = (
            commit.cause.occurred_at,
            str(since_first),
            str(commit.version),
            events_text(commit),
            commit.cause.event_id,
            "\n".join(map(_stock, commit.stock_changes())),
            _money(commit),
        )
        shown.add_row(*map(escape, cells))
    return shown


def gateway_entry(entry: JsonObject) -> str:
    """Say what the gateway's own ledger holds; it has no amount where it was only told to take nothing."""
    if not entry:
        return "was never asked"
    amount = _amount(integer(entry, "amount_minor"), text(entry, "currency")) if "amount_minor" in entry else None
    attempts = f"asked to charge {entry.get('attempts', 0)} times"
    return ", ".join(str(part) for part in (entry["status"], amount, entry.get("charge_id"), attempts) if part)


def state_text(history: Sequence[Commit]) -> str:
    """Say where the order stands, and what it waits for unless this is its end."""
    state = state_of(ORDER, history)
    if isinstance(state, Problem):
        return f"impossible: {state.found}"
    cancelled = next((event for commit in history if (event := commit.find(OrderCancelled))), None)
    reached = "open" if state.phase.wait else f"cancelled ({cancelled.reason})" if cancelled else state.phase.name
    waits = "; ".join(waiting.waits_for for waiting in state.waits)
    due = f", due {timestamp(state.due_at)}" if state.due_at else ""
    return f"{reached}; {waits}{due}" if waits else reached


def _stock(change: StockChange) -> str:
    deltas = {"stock": change.stock, "reserved": change.reserved, "available": change.available}
    return f"{change.sku}: " + ", ".join(f"{name} {delta:+d}" for name, delta in deltas.items() if delta)


def _money(commit: Commit) -> str:
    if paid := commit.find(PaymentProcessed):
        return f"charged {_amount(paid.amount_minor, paid.currency)}"
    if refunded := commit.find(RefundProcessed):
        return f"refunded {_amount(refunded.refunded_minor, refunded.currency)}"
    return ""


def _amount(minor: int, currency: str) -> str:
    return f"{minor / 100:,.2f} {currency}"

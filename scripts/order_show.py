"""One order's whole history: what happened when and why, and the stock and the money that it moved."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from scripts.console import out, table
from scripts.deployment import Deployment
from scripts.errors import UserError
from scripts.target import Target
from services.libs.dynamodb_items import from_item, to_item
from services.libs.event_store import EventStore
from services.shared.commits import Commit, order_stream, timestamp
from services.shared.events import EventType
from services.shared.inventory import StockChange
from services.shared.json_types import JsonObject, integer

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def show(target: Target, order_id: str) -> None:
    """Print the order's timeline, what the payment gateway has of it, and where it stands."""
    deployment = Deployment.of(target)
    client = target.client("dynamodb")
    print_order(EventStore(client, deployment.tables), client, deployment.simulated_gateway_table_name, order_id)


def print_order(store: EventStore, client: "DynamoDBClient", gateway_table: str, order_id: str) -> None:
    history = store.read(order_stream(order_id))
    if not history:
        raise UserError(
            f"the event store has no order {order_id!r}; if it was placed, `invoke dlq-list` may say what became of it"
        )
    found = client.get_item(TableName=gateway_table, Key=to_item({"order_id": order_id}), ConsistentRead=True)
    out.print(timeline(history))
    out.print(f"\ngateway   {gateway_entry(from_item(found.get('Item', {})))}", markup=False)
    out.print(f"state     {state(history)}", markup=False)


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
        title=f"Order {escape(str(history[0].body['orderId']))}, correlation id {escape(first.correlation_id)}",
        numbers={"+ms", "version"},
    )
    for commit in history:
        since_first = round((commit.cause.at - first.at).total_seconds() * 1000)
        cells = (
            commit.cause.occurred_at,
            str(since_first),
            str(commit.version),
            _events(commit),
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
    amount = _amount(entry, "amount_minor") if "amount_minor" in entry else None
    attempts = f"asked to charge {entry.get('attempts', 0)} times"
    return ", ".join(str(part) for part in (entry["status"], amount, entry.get("charge_id"), attempts) if part)


def state(history: Sequence[Commit]) -> str:
    """Say where the order stands, and what it waits for unless this is its end."""
    events = {event: commit for commit in history for event in commit.events}
    waits = _WAITS_AFTER.get(history[-1].events[-1])
    cancelled = events.get(EventType.ORDER_CANCELLED)
    if EventType.ORDER_CONFIRMED in events:
        reached = "confirmed"
    elif cancelled:
        reached = f"cancelled ({cancelled.body['reason']})"
    else:
        reached = "open"
    if len(history) == 1 and (due_at := history[0].due_at):
        waits = f"{waits}, due {timestamp(due_at)}"
    return f"{reached}; {waits}" if waits else reached


_WAITS_AFTER = {
    EventType.PAYMENT_REQUESTED: "its stock is reserved, it waits for its payment",
    EventType.PAYMENT_PROCESSED: "it is paid and waits to be confirmed",
    EventType.PAYMENT_FAILED: "its payment failed and it waits to be cancelled",
    EventType.REFUND_REQUESTED: "its payment is still to be called off",
}


def _events(commit: Commit) -> str:
    reason = f" ({commit.body['reason']})" if "reason" in commit.body else ""
    return " + ".join(event.value for event in commit.events) + reason


def _stock(change: StockChange) -> str:
    deltas = {"stock": change.stock, "reserved": change.reserved, "available": change.available}
    return f"{change.sku}: " + ", ".join(f"{name} {delta:+d}" for name, delta in deltas.items() if delta)


def _money(commit: Commit) -> str:
    if EventType.PAYMENT_PROCESSED in commit.events:
        return f"charged {_amount(commit.body, 'amountMinor')}"
    if EventType.REFUND_PROCESSED in commit.events:
        return f"refunded {_amount(commit.body, 'refundedMinor')}"
    return ""


def _amount(fields: JsonObject, name: str) -> str:
    return f"{integer(fields, name) / 100:,.2f} {fields['currency']}"

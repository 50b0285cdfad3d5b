"""One order's whole history: its commits, its parcels, returns and refunds, and its state."""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from scripts.cli.console import out, print_table
from scripts.cli.errors import UserError
from scripts.cli.money import money
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.checkouts import WHERE_IT_IS, checkout_of
from scripts.ledger.gateway_ledger import NEVER_ASKED, UNREADABLE, GatewayEntry, read_entries
from scripts.ledger.log_reader import NoCommitError, named_briefly, read_stream, readable_commits
from scripts.ledger.order_history import Mismatch, state_of
from scripts.ledger.order_tables import Parcel, parcel_table, refunds_table, returns_table
from scripts.ledger.order_timeline import event_names_of, timeline
from services.libs.store.commit_items import commit_to_item
from services.libs.store.dynamodb_items import from_item
from services.shared.causes import timestamp
from services.shared.commits import Commit, order_stream
from services.shared.events.order import FulfilmentStarted, OrderCancelled, ParcelWrittenOff
from services.shared.json_types import JsonObject
from services.shared.order_lifecycle import ORDER
from services.shared.order_state import Order
from services.shared.shipment_lifecycle import shipment_stream

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class _Shown(NamedTuple):
    """An order as it is shown. `order` is None where its history is impossible."""

    order_id: str
    history: Sequence[Commit]
    parcels: Sequence[Parcel]
    entry: GatewayEntry
    order: Order | None
    checkout: Commit | None
    """The commit of the cart that placed it; None if it came by an event from outside."""

    @property
    def state(self) -> str | None:
        if self.history:
            return state_text(self.history)
        return f"checked out, and not decided yet: {WHERE_IT_IS}" if self.checkout else None


def show(target: Target, order_id: str, *, as_json: bool = False) -> None:
    """Print the order's timeline, its parcels, returns and refunds, the payment gateway's entry, and its state."""
    print_order(target.client("dynamodb"), Deployment.of(target), order_id, as_json=as_json)


def print_order(client: "DynamoDBClient", deployment: Deployment, order_id: str, *, as_json: bool = False) -> None:
    """Raise UserError where there is no such order, or an item of it or of its parcels is no commit."""
    unreadable: list[NoCommitError] = []
    history = list(readable_commits(read_stream(client, deployment, order_stream(order_id)), unreadable))
    checkout = checkout_of(client, deployment, order_id, history)
    if not history and not unreadable and not checkout:
        raise UserError(
            f"the event store has no order {order_id!r}; if it was placed, `invoke dlq-list` may say why it failed"
        )
    parcels = list(_parcels(client, deployment, history, unreadable))
    entry = read_entries(client, deployment, [order_id]).get(order_id, GatewayEntry(order_id))
    is_possible = bool(history) and not isinstance(state_of(ORDER, history), Mismatch)
    shown = _Shown(order_id, history, parcels, entry, Order.of(history) if is_possible else None, checkout)
    if as_json:
        out.print(json.dumps(_json(shown), ensure_ascii=False), markup=False)
    else:
        _print(shown)
    if unreadable:
        raise UserError(named_briefly(unreadable))


def _parcels(
    client: "DynamoDBClient", deployment: Deployment, history: Sequence[Commit], unreadable: list[NoCommitError]
) -> Iterator[Parcel]:
    written_off = {one.shipment_id: one for commit in history if (one := commit.find(ParcelWrittenOff))}
    for commit in history:
        started = commit.find(FulfilmentStarted)
        for planned in started.shipments if started else ():
            items = read_stream(client, deployment, shipment_stream(planned.shipment_id))
            commits = list(readable_commits(items, unreadable))
            yield Parcel(planned, commits, written_off.get(planned.shipment_id))


def _print(shown: _Shown) -> None:
    order = shown.order
    if history := [*filter(None, [shown.checkout]), *shown.history]:
        every = [*history, *(commit for parcel in shown.parcels for commit in parcel.history)]
        print_table(timeline(shown.order_id, history, event_names_of(every)))
    tables = [parcel_table(parcel) for parcel in shown.parcels]
    if order and order.returns:
        tables.append(returns_table(order))
    if order and order.refunds:
        tables.append(refunds_table(order, shown.entry))
    for one in tables:
        out.print()
        print_table(one)
    out.print(f"\ngateway   {gateway_text(shown.entry)}", markup=False)
    if shown.state:
        out.print(f"state     {shown.state}", markup=False)


def _json(shown: _Shown) -> dict[str, object]:
    order = shown.order
    entry = shown.entry
    return {
        "order_id": shown.order_id,
        "state": shown.state,
        "phase": order.state.phase.name if order else None,
        "gateway": entry._asdict() | {"refunds": dict(entry.refunds), "refused": dict(entry.refused)},
        "checkout": _stored([shown.checkout])[0] if shown.checkout else None,
        "commits": _stored(shown.history),
        "parcels": [_parcel_json(parcel) for parcel in shown.parcels],
        "returns": _returns_json(order) if order else [],
        "refunds": _refunds_json(order) if order else [],
    }


def _stored(history: Sequence[Commit]) -> list[JsonObject]:
    return [from_item(commit_to_item(commit)) for commit in history]


def _parcel_json(parcel: Parcel) -> dict[str, object]:
    return {
        "shipment_id": parcel.planned.shipment_id,
        "warehouse": parcel.planned.warehouse,
        "lines": [line.model_dump() for line in parcel.planned.lines],
        "state": parcel.state,
        "tracking_number": parcel.tracking_number,
        "written_off": parcel.written_off.outcome if parcel.written_off else None,
        "commits": _stored(parcel.history),
    }


def _returns_json(order: Order) -> list[dict[str, object]]:
    return [
        {
            "return_id": return_id,
            "announced": [line.model_dump() for line in one.requested.lines],
            "due_at": timestamp(one.due_at) if one.due_at else None,
            "received": [line.model_dump() for line in one.received.lines] if one.received else None,
            "restocked": [line.model_dump() for line in one.received.restock] if one.received else None,
        }
        for return_id, one in order.returns.items()
    ]


def _refunds_json(order: Order) -> list[dict[str, object]]:
    return [
        {
            "refund_id": refund_id,
            "mode": refund.requested.mode,
            "reason": refund.requested.reason,
            "amount_minor": refund.requested.amount_minor,
            "currency": refund.requested.currency,
            "retry_of": refund.requested.retry_of,
            "status": refund.status,
            "refunded_minor": refund.refunded_minor,
        }
        for refund_id, refund in order.refunds.items()
    ]


def gateway_text(entry: GatewayEntry) -> str:
    """Describe the gateway's entry; an order that was called off before its charge has no amount."""
    if entry.status == NEVER_ASKED:
        return "was never asked"
    if entry.status == UNREADABLE:
        return "has an entry that cannot be read"
    amount = money(entry.amount_minor, entry.currency) if entry.currency else ""
    attempts = "asked to charge once" if entry.attempts == 1 else f"asked to charge {entry.attempts} times"
    refunded = f"{money(entry.refunded_minor, entry.currency)} refunded since" if entry.refunded_minor else ""
    return ", ".join(part for part in (entry.status, amount, entry.charge_id, attempts, refunded) if part)


def state_text(history: Sequence[Commit]) -> str:
    """Name the order's phase, and all that it waits for: its next step, open returns, open and failed refunds."""
    state = state_of(ORDER, history)
    if isinstance(state, Mismatch):
        return f"impossible: {state.found}"
    cancelled = next((event for commit in history if (event := commit.find(OrderCancelled))), None)
    phase = state.phase
    parts = [f"{phase} ({cancelled.reason})" if cancelled else phase.name]
    if phase.wait:
        parts.append(phase.wait.waits_for + (f", due {timestamp(state.due_at)}" if state.due_at else ""))
    for (name, id_), waiting in state.open.items():
        due = f", due {timestamp(waiting.due_at)}" if waiting.due_at else ""
        parts.append(f"{name} {id_}: {waiting.waits_for}{due}")
    return "; ".join(parts)

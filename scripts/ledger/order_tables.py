"""The parcels, the returns and the refunds of an order as tables."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.markup import escape
from rich.table import Table

from scripts.cli.console import table
from scripts.cli.money import money
from scripts.ledger.gateway_ledger import GatewayEntry
from scripts.ledger.order_history import Mismatch, state_of
from scripts.ledger.order_timeline import duration_text
from services.shared.causes import timestamp
from services.shared.commits import Commit
from services.shared.events.event import Event
from services.shared.events.fulfilment import ShipmentDelivered, ShipmentTracked
from services.shared.events.order import OrderLine, ParcelWrittenOff, PlannedShipment, ReturnReceived, ReturnRequested
from services.shared.events.payment import RefundMode
from services.shared.order_state import Order, Refund, RefundStatus
from services.shared.shipment_lifecycle import SHIPMENT

_ID_WIDTH = 26
"""An id is folded beyond, so that the rest has room."""


class Parcel(NamedTuple):
    """A parcel as it was planned, and the commits of its stream."""

    planned: PlannedShipment
    history: Sequence[Commit]
    written_off: ParcelWrittenOff | None = None

    @property
    def state(self) -> str:
        if not self.history:
            return "without a stream"
        state = state_of(SHIPMENT, self.history)
        return f"impossible: {state.found}" if isinstance(state, Mismatch) else state.phase.name

    @property
    def tracking_number(self) -> str | None:
        tracked = (commit.find(ShipmentTracked) for commit in self.history)
        return next((event.tracking_number for event in tracked if event and event.tracking_number), None)


def units_text(lines: Iterable[OrderLine]) -> str:
    return ", ".join(f"{line.quantity} {line.sku}" for line in lines) or "nothing"


def parcel_table(parcel: Parcel) -> Table:
    """The way of one parcel, with its content and its tracking number in the title."""
    planned, number = parcel.planned, parcel.tracking_number
    parts = [
        f"Parcel {planned.shipment_id} from {planned.warehouse}: {units_text(planned.lines)}",
        f"tracking number {number}" if number else "no label yet",
        *(["written off"] if parcel.written_off else []),
    ]
    shown = table(
        "time",
        "after",
        "version",
        "state",
        "by the carrier",
        title=escape(", ".join(parts)),
        numbers={"after", "version"},
    )
    for commit in parcel.history:
        event = commit.events[0]
        shown.add_row(
            commit.cause.occurred_at,
            duration_text(commit.cause.at - parcel.history[0].cause.at),
            str(commit.version),
            _step(event),
            timestamp(event.carrier_time) if isinstance(event, ShipmentTracked | ShipmentDelivered) else "",
        )
    return shown


def _step(event: Event) -> str:
    return event.status if isinstance(event, ShipmentTracked) else event.type_name().removeprefix("Shipment").lower()


def returns_table(order: Order) -> Table:
    """Each return as it was announced, and as it was closed."""
    shown = table("return", "time", "step", "units", "fit for sale", title="Returns")
    shown.columns[0].max_width, shown.columns[1].no_wrap = _ID_WIDTH, True
    for commit in order.history:
        for event in commit.events:
            match event:
                case ReturnRequested():
                    due = f", due {commit.due_at:%Y-%m-%d}" if commit.due_at else ""
                    shown.add_row(
                        event.return_id, commit.cause.occurred_at, f"announced{due}", units_text(event.lines), ""
                    )
                case ReturnReceived():
                    step, fit = ("received", units_text(event.restock)) if event.lines else ("closed", "")
                    shown.add_row(event.return_id, commit.cause.occurred_at, step, units_text(event.lines), fit)
                case _:
                    pass
    return shown


def refunds_table(order: Order, entry: GatewayEntry) -> Table:
    """Each refund with its state by the log, and beside it what the gateway did."""
    shown = table("refund", "reason", "amount", "state", "by the gateway", title="Refunds", numbers={"amount"})
    shown.columns[0].max_width = _ID_WIDTH
    for refund_id, refund in order.refunds.items():
        requested = refund.requested
        shown.add_row(
            refund_id,
            requested.reason,
            _amount(refund),
            refund.status.replace("_", " ") + (f", instead of {requested.retry_of}" if requested.retry_of else ""),
            _by_gateway(refund, entry),
        )
    return shown


def _amount(refund: Refund) -> str:
    """The amount that is asked for; of a call-off the amount that was taken, once that is known."""
    requested = refund.requested
    if requested.mode is RefundMode.REFUND:
        return money(requested.amount_minor, requested.currency)
    if refund.status is RefundStatus.PROCESSED:
        return money(refund.refunded_minor, requested.currency)
    return "what was taken"


def _by_gateway(refund: Refund, entry: GatewayEntry) -> str:
    refund_id = refund.requested.refund_id
    if refund.requested.mode is RefundMode.CALL_OFF:
        return entry.status
    if given_back := entry.refunds.get(refund_id):
        return f"{money(given_back, entry.currency)} given back"
    return "refused" if refund_id in {*entry.refunds, *entry.refused} else "not asked yet"

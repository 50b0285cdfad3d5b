"""An order as its commits tell it: its parcels, its returns, its refunds, and what may still be returned."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.shared.commits import Commit
from services.shared.events.order import (
    FulfilmentStarted,
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderValidated,
    ParcelWrittenOff,
    PlannedShipment,
    ReturnReceived,
    ReturnRequested,
)
from services.shared.events.payment import RefundFailed, RefundProcessed, RefundRequested, refund_id
from services.shared.inventory import StockLine
from services.shared.lifecycle import State
from services.shared.order_lifecycle import ORDER


class RefundStatus(StrEnum):
    OPEN = "open"
    PROCESSED = "processed"
    FAILED = "failed"
    ASKED_AGAIN = "asked_again"
    """It failed, and another refund took its place."""


@dataclass(slots=True)
class Refund:
    requested: RefundRequested
    status: RefundStatus = RefundStatus.OPEN
    refunded_minor: int = 0


@dataclass(slots=True)
class Return:
    requested: ReturnRequested
    due_at: datetime | None
    """When it is closed if nothing has arrived."""
    received: ReturnReceived | None = None


@dataclass(slots=True)
class Order:
    """A fold of an order's stream. `validated` is None for an order that was refused."""

    history: tuple[Commit, ...]
    state: State
    validated: OrderValidated | None = None
    shipments: dict[str, PlannedShipment] = field(default_factory=dict)
    """The parcels by id, without those written off."""
    written_off: dict[str, ParcelWrittenOff] = field(default_factory=dict)
    confirmed_at: datetime | None = None
    delivered_at: datetime | None = None
    returns: dict[str, Return] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    """In the order of their requests."""

    @classmethod
    def of(cls, history: Sequence[Commit]) -> "Order":
        """Raise ImpossibleCommitError for a history that no life of an order has."""
        order = cls(tuple(history), ORDER.fold(history))
        for commit in history:
            for event in commit.events:
                order._add_goods(event, commit)
                order._add_refund(event)
        return order

    @property
    def stream_id(self) -> str:
        return self.history[0].stream_id

    @property
    def customer_id(self) -> str:
        return (self.validated or self.history[0].get(OrderCancelled)).customer_id

    @property
    def next_version(self) -> int:
        return self.state.version + 1

    @property
    def open_refunds(self) -> list[RefundRequested]:
        return [refund.requested for refund in self.refunds.values() if refund.status is RefundStatus.OPEN]

    def amount_of(self, lines: Iterable[StockLine]) -> int:
        """The price of these units, as it was frozen when the order was accepted, in minor units."""
        if self.validated is None:
            raise ValueError(f"{self.stream_id} was refused, so it has no prices")
        prices = {line.sku: line.unit_price_minor for line in self.validated.items}
        return sum(prices[line.sku] * line.quantity for line in lines)

    def returnable(self) -> Counter[str]:
        """The delivered units, by SKU, that have neither come back nor been announced."""
        units = _units(line for shipment in self.shipments.values() for line in shipment.stock_lines)
        for one in self.returns.values():
            units.subtract(_units((one.received or one.requested).stock_lines))
        return units

    def id_of_retry(self, failed_id: str) -> str:
        """The id under which a failed refund is asked for again: numbered from the second time on, so never long."""
        first, number = self.refunds[failed_id].requested, 1
        while first.retry_of:
            first, number = self.refunds[first.retry_of].requested, number + 1
        subject = first.refund_id.removeprefix(f"{first.order_id}-")
        return refund_id(first.order_id, "again", *([str(number)] if number > 1 else []), subject)

    def _add_goods(self, event: object, commit: Commit) -> None:
        match event:
            case OrderValidated():
                self.validated = event
            case OrderConfirmed():
                self.confirmed_at = commit.cause.at
            case FulfilmentStarted():
                self.shipments = {shipment.shipment_id: shipment for shipment in event.shipments}
            case ParcelWrittenOff():
                self.written_off[event.shipment_id] = event
                del self.shipments[event.shipment_id]
            case OrderDelivered():
                self.delivered_at = commit.cause.at
            case ReturnRequested():
                self.returns[event.return_id] = Return(event, commit.due_at)
            case ReturnReceived():
                self.returns[event.return_id].received = event
            case _:
                pass

    def _add_refund(self, event: object) -> None:
        match event:
            case RefundRequested():
                self.refunds[event.refund_id] = Refund(event)
                if event.retry_of:
                    self.refunds[event.retry_of].status = RefundStatus.ASKED_AGAIN
            case RefundProcessed():
                self.refunds[event.refund_id].status = RefundStatus.PROCESSED
                self.refunds[event.refund_id].refunded_minor = event.refunded_minor
            case RefundFailed():
                self.refunds[event.refund_id].status = RefundStatus.FAILED
            case _:
                pass


def _units(lines: Iterable[StockLine]) -> Counter[str]:
    units: Counter[str] = Counter()
    for line in lines:
        units[line.sku] += line.quantity
    return units

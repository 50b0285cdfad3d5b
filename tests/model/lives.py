"""What each event of an order means, said again in other words than those of the code under test."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from services.shared.commits import Commit
from services.shared.events.event import Event
from services.shared.events.order import (
    FulfilmentStarted,
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderLine,
    OrderShipped,
    OrderValidated,
    ParcelWrittenOff,
    PricedLine,
    ReturnReceived,
    ReturnRequested,
)
from services.shared.events.payment import (
    PaymentFailed,
    PaymentProcessed,
    RefundFailed,
    RefundProcessed,
    RefundRequested,
)
from tests.model.goods import Goods

E = TypeVar("E", bound=Event)

RETURN_WINDOW, RETURN_ARRIVAL = timedelta(minutes=30), timedelta(minutes=5)
_ONCE = (OrderValidated, PaymentProcessed, OrderConfirmed, FulfilmentStarted, OrderShipped, OrderDelivered)


@dataclass(slots=True)
class Return:
    announced: Counter[str]
    due_at: datetime
    received: Counter[str] | None = None
    fit: Counter[str] | None = None

    def holds(self, received: Counter[str], fit: Counter[str]) -> bool:
        return (self.received, self.fit) == (received, fit)


@dataclass(slots=True)
class Refund:
    requested: RefundRequested
    status: str = "open"
    """Or processed, failed, asked again."""
    given_back_minor: int = 0


@dataclass(slots=True)
class Life:
    """An order's life so far; to add a commit that must not be raises AssertionError."""

    stream_id: str
    events: list[Event] = field(default_factory=list)
    units: Counter[str] = field(default_factory=Counter)
    prices: Mapping[str, int] = field(default_factory=dict)
    planned: dict[str, Counter[str]] = field(default_factory=dict)
    """The units of each parcel, without those written off."""
    written_off: dict[str, str] = field(default_factory=dict)
    returns: dict[str, Return] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    pay_until: datetime | None = None
    delivered_at: datetime | None = None
    value_owed_minor: int = 0
    """The value of all that was cancelled after its payment, lost, or sent back."""

    def find(self, kind: type[E]) -> E | None:
        return next((event for event in self.events if isinstance(event, kind)), None)

    @property
    def is_reserved(self) -> bool:
        ended = (PaymentProcessed, PaymentFailed, OrderCancelled)
        return bool(self.units) and not any(isinstance(event, ended) for event in self.events)

    @property
    def is_paid(self) -> bool:
        return self.find(PaymentProcessed) is not None

    @property
    def customer_id(self) -> str | None:
        first = self.find(OrderValidated) or self.find(OrderCancelled)
        return first.customer_id if first else None

    @property
    def is_in_fulfilment(self) -> bool:
        """Whether its parcels still decide what becomes of it."""
        started, ended = self.find(FulfilmentStarted), self.find(OrderDelivered) or self.find(OrderCancelled)
        return bool(started and not ended)

    @property
    def amount_minor(self) -> int:
        return self.price(self.units)

    @property
    def failed_refunds(self) -> list[str]:
        return [refund_id for refund_id, refund in self.refunds.items() if refund.status == "failed"]

    @property
    def left_to_return(self) -> Counter[str]:
        left = sum(self.planned.values(), Counter[str]()) if self.delivered_at else Counter[str]()
        for one in self.returns.values():
            left.subtract(one.announced if one.received is None else one.received)
        return left

    def price(self, units: Mapping[str, int]) -> int:
        return sum(self.prices[sku] * quantity for sku, quantity in units.items())

    def waits_for(self) -> list[str]:
        """What is still to happen before the order has come to its end."""
        ended = self.find(OrderDelivered) or self.find(OrderCancelled)
        refunds = [name for name, refund in self.refunds.items() if refund.status in {"open", "failed"}]
        returns = [name for name, one in self.returns.items() if one.received is None]
        return [*([] if ended else ["its end"]), *refunds, *returns]

    def add(self, commit: Commit, goods: Goods, warehouses: Mapping[str, str]) -> None:
        owed_before = self.value_owed_minor
        for event in commit.events:
            self._add_sale(event, commit, goods)
            self._add_parcels(event, goods, warehouses)
            self._add_return(event, commit, goods)
            self._add_refund(event)
            self.events.append(event)
        self._check_owed(commit, self.value_owed_minor - owed_before)

    def _say(self, condition: object, text: str) -> None:
        assert condition, f"{self.stream_id} {text}"

    def _add_sale(self, event: Event, commit: Commit, goods: Goods) -> None:
        if type(event) in {*_ONCE, OrderCancelled}:
            self._say(not self.find(type(event)), f"has a second {event.type_name()}")
        match event:
            case OrderValidated():
                self.units = _units(event.items)
                self.prices = {line.sku: line.unit_price_minor for line in event.items}
                self.pay_until = commit.due_at
                self._say(self.pay_until, "has no deadline")
                self._say(self.amount_minor == event.amount_minor, f"does not cost {event.amount_minor}")
                goods.reserved.update(self.units)
            case PaymentProcessed() | PaymentFailed():
                self._say(self.is_reserved, f"has {event.type_name()} and was not reserved")
                self._say(event.amount_minor == self.amount_minor, "is paid with another amount")
                goods.reserved.subtract(self.units)
                if isinstance(event, PaymentProcessed):
                    goods.sold.update(self.units)
            case OrderConfirmed():
                self._say(self.is_paid and not self.find(OrderCancelled), "is confirmed and not paid")
            case OrderCancelled():
                self._cancel(event, commit, goods)
            case _:
                pass

    def _cancel(self, event: OrderCancelled, commit: Commit, goods: Goods) -> None:
        match event.reason.value:
            case "payment_timeout":
                self._say(self.is_reserved and self.pay_until, "timed out and was not reserved")
                self._say(self.pay_until and commit.cause.at >= self.pay_until, "expired too early")
                goods.reserved.subtract(self.units)
            case "customer_request" if self.is_reserved:
                goods.reserved.subtract(self.units)
            case "customer_request":
                self._say(self.is_paid and not self.planned and not self.written_off, "was cancelled too late")
                goods.back.update(self.units)
                self.value_owed_minor += self.amount_minor
            case "undeliverable":
                self._say(self.written_off and not self.planned, "is undeliverable, and a parcel remains")
            case "payment_failed":
                self._say(self.find(PaymentFailed), "was cancelled for a payment that did not fail")
            case _:
                self._say(commit.version == 1, f"was refused ({event.reason}) after it was accepted")

    def _add_parcels(self, event: Event, goods: Goods, warehouses: Mapping[str, str]) -> None:
        match event:
            case FulfilmentStarted():
                self._say(self.find(OrderConfirmed) and not self.find(OrderCancelled), "is in fulfilment unasked")
                self.planned = {one.shipment_id: _units(one.lines) for one in event.shipments}
                self._say(len(self.planned) == len(event.shipments), "has two parcels of one id")
                by_warehouse: dict[str, Counter[str]] = {}
                for sku, quantity in self.units.items():
                    by_warehouse.setdefault(warehouses[sku], Counter())[sku] = quantity
                planned = {one.warehouse: _units(one.lines) for one in event.shipments}
                self._say(planned == by_warehouse, f"is {by_warehouse}, and its parcels are {planned}")
            case OrderShipped():
                self._say(self.is_in_fulfilment, "is shipped and not in fulfilment")
            case OrderDelivered():
                self._say(self.find(OrderShipped) and self.is_in_fulfilment, "is delivered and was not shipped")
            case ParcelWrittenOff():
                self._say(self.is_in_fulfilment, "wrote off a parcel and is not in fulfilment")
                self._say(event.shipment_id in self.planned, f"wrote off {event.shipment_id}, which it has not")
                units = self.planned.pop(event.shipment_id)
                self._say(units == _units(event.lines), "wrote off other lines than the parcel's")
                self.written_off[event.shipment_id] = event.outcome.value
                self.value_owed_minor += self.price(units)
                if event.outcome.value == "returned_to_sender":
                    goods.back.update(units)
            case _:
                pass

    def may_announce(self, units: Counter[str], at: datetime) -> bool:
        """Whether goods may be announced: within the window, or as a closed return had them that nothing came of."""
        if self.delivered_at is None:
            return False
        unheard = [one.announced for one in self.returns.values() if one.received is not None and not one.received]
        return at <= self.delivered_at + RETURN_WINDOW or any(units <= announced for announced in unheard)

    def _add_return(self, event: Event, commit: Commit, goods: Goods) -> None:
        match event:
            case OrderDelivered():
                self.delivered_at = commit.cause.at
            case ReturnRequested():
                self._say(event.return_id not in self.returns, f"has two returns {event.return_id}")
                in_time = self.may_announce(_units(event.lines), commit.cause.at)
                self._say(in_time, f"has return {event.return_id} too late, or before it was delivered")
                self._say(commit.due_at, f"waits for return {event.return_id} for ever")
                if commit.due_at:
                    self.returns[event.return_id] = Return(_units(event.lines), commit.due_at)
                self._say(_least(self.left_to_return) >= 0, "returns more than was delivered")
            case ReturnReceived():
                one = self.returns.get(event.return_id)
                self._say(one and one.received is None, f"received return {event.return_id}, which is not open")
                if one:
                    self._receive(one, event, commit, goods)
            case _:
                pass

    def _receive(self, one: Return, event: ReturnReceived, commit: Commit, goods: Goods) -> None:
        one.received, one.fit = _units(event.lines), _units(event.restock)
        self._say(one.received <= one.announced, "received more than was announced")
        self._say(one.fit <= one.received, "restocked more than came back")
        self._say(one.received or commit.cause.at >= one.due_at, "closed a return too early")
        goods.back.update(one.fit)
        self.value_owed_minor += self.price(one.received)

    def _add_refund(self, event: Event) -> None:
        match event:
            case RefundRequested():
                self._say(event.refund_id not in self.refunds, f"has two refunds {event.refund_id}")
                if event.retry_of:
                    failed = self.refunds.get(event.retry_of)
                    self._say(failed and failed.status == "failed", f"asks again for {event.retry_of}")
                    if failed:
                        same = failed.requested.amount_minor, failed.requested.mode
                        self._say((event.amount_minor, event.mode) == same, "asks again for another refund")
                        failed.status = "asked again"
                self.refunds[event.refund_id] = Refund(event)
            case RefundProcessed() | RefundFailed():
                refund = self.refunds.get(event.refund_id)
                self._say(refund and refund.status == "open", f"closed {event.refund_id}, which is not open")
                if refund and isinstance(event, RefundProcessed):
                    refund.status, refund.given_back_minor = "processed", event.refunded_minor
                elif refund:
                    refund.status = "failed"
            case _:
                pass

    def _check_owed(self, commit: Commit, owed_minor: int) -> None:
        """Whoever is owed money has a refund of it in the same commit, and nobody else has one."""
        asked = [event for event in commit.events if isinstance(event, RefundRequested) and not event.retry_of]
        cancelled = commit.find(OrderCancelled)
        if cancelled and cancelled.reason in {"payment_timeout", "customer_request"} and not self.is_paid:
            expected = [("call_off", self.amount_minor)]
        else:
            expected = [("refund", owed_minor)] if owed_minor else []
        self._say([(one.mode, one.amount_minor) for one in asked] == expected, f"should ask for {expected}: {asked}")
        alive = [one for one in self.refunds.values() if one.status in {"open", "processed"}]
        self._say(sum(one.requested.amount_minor for one in alive) <= self.amount_minor, "refunds more than it cost")


def _units(lines: Iterable[OrderLine | PricedLine]) -> Counter[str]:
    units: Counter[str] = Counter()
    for line in lines:
        units[line.sku] += line.quantity
    return units


def _least(units: Mapping[str, int]) -> int:
    return min(units.values(), default=0)

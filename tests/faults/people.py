"""Customers who cancel and return, a carrier whose messages come in any order, staff who asks for refunds again."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple
from uuid import uuid4

from services.fulfilment_service.carrier import CarrierEvent
from services.order_service.after_sale import ReceivedGoods
from services.shared.causes import Cause
from services.shared.events.fulfilment import ParcelStatus
from services.shared.events.order import ReturnRequested, order_lines
from services.shared.inventory import StockLine
from services.shared.order_lifecycle import CANCELLED, DELIVERED
from services.shared.order_state import Order, RefundStatus
from services.shared.refusals import Refusal, RefusedError
from services.shared.shipment_lifecycle import CREATED, SHIPMENT, UNDER_WAY, shipment_stream
from tests.faults.agenda import Agenda
from tests.use_cases import UseCases

_CANCEL_SHARE = 0.3
# On average: most orders are in fulfilment by then, and some not decided yet.
_CANCEL_SECONDS = 6.0
_ASK_AGAIN_SECONDS = 1.0

_STEPS = (ParcelStatus.PICKED_UP, ParcelStatus.IN_TRANSIT, ParcelStatus.OUT_FOR_DELIVERY)
_SKIPPED_SHARE = 0.6
_ENDS = {None: 0.8, ParcelStatus.LOST: 0.1, ParcelStatus.RETURNED_TO_SENDER: 0.1}
_CARRIER_SECONDS = 4.0
# The carrier sends no message about these: only an enquiry after a deadline tells how far they are.
_SILENT_SHARE = 0.15
_ENQUIRY_SECONDS = 4.0

_RETURN_SHARE = 0.5
_RETURN_SECONDS = 2.0
ARRIVAL = timedelta(seconds=6)
"""How long the goods of a return may take; some come later, and some never."""
_LATEST_ARRIVAL_SECONDS = 1.2 * ARRIVAL.total_seconds()


class Promise(NamedTuple):
    """What somebody was told is done, and how the order shows it."""

    order_id: str
    what: str
    is_kept: Callable[[Order], bool]


class People:
    """Everybody does the same in each run with the same seed; when they come to it is up to the run."""

    def __init__(self, use_cases: UseCases, seed: int) -> None:
        self.agenda = Agenda()
        self._use_cases = use_cases
        self._seed = seed
        self._known: set[str] = set()
        self._refusals: list[str] = []
        self._promises: list[Promise] = []

    @property
    def refusals(self) -> Counter[str]:
        return Counter(self._refusals)

    def broken_promises(self, orders: Mapping[str, Order]) -> list[str]:
        """What somebody was told is done, and is not, in the orders by id as they are at the end."""
        broken = (promise for promise in self._promises if not promise.is_kept(orders[promise.order_id]))
        return [f"{promise.order_id}: {promise.what}" for promise in broken]

    def place(self, order_id: str, customer_id: str) -> None:
        """The customer may want to cancel soon."""
        dice = self._dice(order_id)
        if dice.random() < _CANCEL_SHARE:
            cancel = partial(self._use_cases.after_sale.cancel, order_id, customer_id)
            promise = Promise(order_id, "cancel", lambda order: order.state.phase == CANCELLED)
            self._add(order_id, dice.expovariate(1 / _CANCEL_SECONDS), partial(self._ask, "cancel", cancel, promise))

    def see(self, order: Order) -> None:
        """Begin what follows from the state that the order is in."""
        if order.validated is None:
            return
        order_id = order.validated.order_id
        for shipment_id in (*order.shipments, *order.written_off):
            if self._is_new(shipment_id):
                self._carry(order_id, shipment_id)
        if order.state.phase == DELIVERED and self._is_new(order_id):
            self._bring_back(order_id, order.validated.customer_id, order.returnable())
        for refund_id, refund in order.refunds.items():
            if refund.status is RefundStatus.FAILED and self._is_new(refund_id):
                self._retry(order_id, refund_id)

    def _retry(self, order_id: str, refund_id: str) -> None:
        retry = partial(self._use_cases.after_sale.retry_refund, order_id, refund_id)
        promise = Promise(order_id, "retry", lambda order: order.refunds[refund_id].status is RefundStatus.ASKED_AGAIN)
        for _ in range(2):
            self._add(order_id, 0, partial(self._ask, "retry", retry, promise))

    def _carry(self, order_id: str, shipment_id: str) -> None:
        dice = self._dice(shipment_id)
        if dice.random() < _SILENT_SHARE:
            self._add(order_id, _ENQUIRY_SECONDS, partial(self._enquire, shipment_stream(shipment_id)))
            return
        for message in _messages(shipment_id, dice):
            tell = partial(self._use_cases.carrier_messages.record, shipment_id, message)
            for _ in range(dice.choice((1, 1, 2))):
                self._add(order_id, dice.uniform(0, _CARRIER_SECONDS), partial(self._ask, "message", tell))

    def _enquire(self, stream_id: str) -> float | None:
        """Say that the parcel's deadline has passed, as the sweeper does a minute later, until it is at its end."""
        phase = SHIPMENT.fold(self._use_cases.store.read(stream_id)).phase
        if phase not in UNDER_WAY:
            return None
        if phase != CREATED:
            self._use_cases.notices.send([stream_id])
        return _ENQUIRY_SECONDS

    def _bring_back(self, order_id: str, customer_id: str, left: Counter[str]) -> None:
        """Announce some of the goods, or twice some: then both may not be able to have it all."""
        dice = self._dice(f"{order_id} returned")
        for number in range(dice.choice((1, 2)) if left and dice.random() < _RETURN_SHARE else 0):
            skus = dice.sample(sorted(left), dice.randint(1, len(left)))
            lines = tuple(StockLine(sku, dice.randint(1, left[sku])) for sku in skus)
            announced = ReturnRequested(
                order_id=order_id, customer_id=customer_id, return_id=f"return-{number}", lines=order_lines(lines)
            )
            for _ in range(2):
                self._add(order_id, dice.uniform(0, _RETURN_SECONDS), partial(self._announce, announced))

    def _announce(self, announced: ReturnRequested) -> float | None:
        try:
            self._use_cases.after_sale.request_return(announced, _cause())
        except RefusedError as refused:
            self._note("return", refused)
            return None
        order_id, return_id = announced.order_id, announced.return_id
        self._promises.append(Promise(order_id, "return", lambda order: return_id in order.returns))
        dice = self._dice(f"{order_id} {return_id}")
        if goods := _arrived(announced, dice):
            receive = partial(self._use_cases.after_sale.receive_return, goods)
            promise = Promise(order_id, "receive", lambda order: _has_received(order, goods))
            seconds = dice.uniform(0, _LATEST_ARRIVAL_SECONDS)
            self._add(order_id, seconds, partial(self._ask, "receive", receive, promise))
        return None

    def _ask(self, what: str, ask: Callable[[Cause], object], promise: Promise | None = None) -> float | None:
        try:
            ask(_cause())
        except RefusedError as refused:
            if refused.reason is Refusal.NOT_YET:
                return _ASK_AGAIN_SECONDS
            self._note(what, refused)
        else:
            self._promises += [promise] if promise else []
        return None

    def _note(self, what: str, refused: RefusedError) -> None:
        self._refusals.append(f"{what}, {refused.reason}")

    def _is_new(self, subject: str) -> bool:
        new = subject not in self._known
        self._known.add(subject)
        return new

    def _add(self, order_id: str, seconds: float, action: Callable[[], float | None]) -> None:
        self.agenda.add(order_id, seconds, action)

    def _dice(self, subject: str) -> random.Random:
        return random.Random(f"{self._seed} {subject}")  # noqa: S311 - no secret


def _messages(shipment_id: str, dice: random.Random) -> Iterator[CarrierEvent]:
    """The parcel's way, with some steps skipped; they are sent in any order."""
    steps = [step for step in _STEPS if dice.random() >= _SKIPPED_SHARE]
    (end,) = dice.choices(list(_ENDS), list(_ENDS.values()))
    began = datetime.now(UTC)
    for number, status in enumerate((*steps, end)):
        yield CarrierEvent(f"{shipment_id}-{number}", status, began + timedelta(milliseconds=number))


def _arrived(announced: ReturnRequested, dice: random.Random) -> ReceivedGoods | None:
    """All or a part of it, of which some is fit for sale; None if nothing ever arrives."""
    lines = tuple(StockLine(line.sku, dice.randint(0, line.quantity)) for line in announced.lines)
    lines = tuple(line for line in lines if line.quantity)
    fit = tuple(StockLine(line.sku, dice.randint(0, line.quantity)) for line in lines)
    goods = ReceivedGoods(announced.order_id, announced.return_id, lines, tuple(line for line in fit if line.quantity))
    return goods if lines else None


def _has_received(order: Order, goods: ReceivedGoods) -> bool:
    received = order.returns[goods.return_id].received
    return received is not None and dict(received.stock_lines) == dict(goods.lines)


def _cause() -> Cause:
    event_id = f"people-{uuid4()}"
    return Cause(event_id, event_id, datetime.now(UTC))

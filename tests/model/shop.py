"""The services, as their handlers call them, and what must hold when one of them is done with a message."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from services.fulfilment_service.carrier import CarrierError
from services.fulfilment_service.carrier_messages import CarrierMessages
from services.fulfilment_service.service import FulfilmentService
from services.libs.messaging.incoming_events import event_in
from services.libs.messaging.incoming_events import order_id as order_id_of
from services.libs.messaging.messages import Message, validate
from services.libs.messaging.queue_consumer import one_by_one, validated
from services.libs.store.event_store import ContentionError
from services.order_service.after_sale_service import AfterSale, ReturnTimes
from services.order_service.domain import NotDueError, PlacedOrder
from services.order_service.service import OrderService
from services.payment_service.gateway import GatewayError
from services.payment_service.service import PaymentService
from services.shared.deadlines import DEADLINES_PASSED, DeadlinesPassed
from services.shared.events.fulfilment import ShipmentReference
from services.shared.events.order import OrderCancelled, OrderPlaced, OrderValidated
from services.shared.faults import no_hurry
from services.shared.rejections import RejectedError, RejectionReason
from tests.model.faults import FaultError, ProcessDiedError
from tests.model.lives import RETURN_ARRIVAL, RETURN_WINDOW
from tests.model.queues import PARCELS_DUE, kind_of
from tests.model.system import System
from tests.model.truth import Truth

INVOCATION_FAILED = (ProcessDiedError, FaultError, ContentionError, GatewayError, CarrierError, NotDueError)
# In turn: a deadline that clocks may take for past when it is written, and one that a single sweep tells of.
_PAYMENT_TIMEOUTS = (timedelta(seconds=20), timedelta(minutes=10))
_TRACKING_INTERVAL = timedelta(minutes=2)

Outcomes = Sequence[BaseException | None]


class Shop:
    def __init__(self, system: System, truth: Truth) -> None:
        self._system = system
        self._truth = truth
        self._messages = 0
        self._order_services = [OrderService(system.store, system.inventory, after) for after in _PAYMENT_TIMEOUTS]
        self._payments = PaymentService(system.store, system.gateway)
        self.after_sale = AfterSale(system.store, ReturnTimes(RETURN_WINDOW, RETURN_ARRIVAL))
        self.fulfilment = FulfilmentService(
            system.store, system.inventory, system.deadlines, system.carrier, _TRACKING_INTERVAL
        )
        self.carrier_messages = CarrierMessages(system.store, _TRACKING_INTERVAL)
        self._handlers: Mapping[str, Callable[[Sequence[Message]], Outcomes]] = {
            "OrderPlaced": self._place,
            "PaymentProcessed": lambda messages: validated(messages, order_id_of, self._orders.conclude_all),
            "PaymentRequested": self._pay,
            "OrderConfirmed": lambda messages: one_by_one(self._start)(messages, no_hurry),
            "ShipmentCreated": lambda messages: one_by_one(self._book)(messages, no_hurry),
            "ShipmentTracked": lambda messages: validated(messages, order_id_of, self.after_sale.follow_all),
            "RefundRequested": lambda messages: one_by_one(self._refund)(messages, no_hurry),
            PARCELS_DUE: lambda messages: [self._track(message) for message in messages],
            DEADLINES_PASSED: lambda messages: [self._end_waits(message) for message in messages],
        }

    def handle(self, messages: Sequence[Message]) -> Outcomes:
        """As the services' handlers do; all messages are of one kind."""
        self._messages += len(messages)
        return self._handlers[kind_of(messages[0].event_type, messages[0].detail)](messages)

    def check_rejection(self, message: Message, rejected: RejectedError) -> None:
        assert "metadata" not in message.detail, f"an event of ours was rejected: {rejected}"
        assert message.event_type != DEADLINES_PASSED, f"a deadline was rejected: {rejected}"
        if message.event_type == OrderPlaced.type_name():
            assert rejected.reason is RejectionReason.CONFLICT, f"an order was rejected: {rejected}"
            order = _order(message)
            assert self._stored(order.order_id) != order.quantities, "an order was rejected for its own content"

    @property
    def _orders(self) -> OrderService:
        return self._order_services[self._messages % len(self._order_services)]

    def _place(self, messages: Sequence[Message]) -> Outcomes:
        outcomes = validated(messages, _order, self._orders.place_all)
        for message, outcome in zip(messages, outcomes, strict=True):
            order = _order(message)
            assert outcome or self._stored(order.order_id) == order.quantities, "an order was taken for another"
        return outcomes

    def _pay(self, messages: Sequence[Message]) -> Outcomes:
        ids = [order_id_of(message) for message in messages]
        before = {order_id: (self._is_settled(order_id), self._system.ledger().get(order_id)) for order_id in ids}
        outcomes = validated(messages, order_id_of, self._payments.pay_all)
        for order_id, outcome in zip(ids, outcomes, strict=True):
            settled, entry = before[order_id]
            after = self._system.ledger().get(order_id)
            assert not settled or entry or not after or after.charge_id is None, f"{order_id} was charged after its end"
            assert outcome or self._is_settled(order_id), f"{order_id}: a payment is done, and not in the log"
        return outcomes

    def _refund(self, message: Message) -> None:
        order_id = order_id_of(message)
        open_before = self._open_refunds(order_id)
        self._payments.refund(order_id, message.cause)
        left = open_before & self._open_refunds(order_id)
        assert not left, f"{order_id}: refunds are done, and not in the log: {left}"

    def _start(self, message: Message) -> None:
        order_id = order_id_of(message)
        self.fulfilment.start(order_id, message.cause)
        life = self._truth.life(order_id)
        begun = life.planned or life.written_off or life.find(OrderCancelled)
        assert begun, f"{order_id} is confirmed, and neither in fulfilment nor cancelled"

    def _book(self, message: Message) -> None:
        shipment_id = validate(ShipmentReference, message.detail).shipment_id
        self.fulfilment.book(shipment_id, message.cause)

    def _track(self, message: Message) -> BaseException | None:
        streams = validate(DeadlinesPassed, message.detail).stream_ids
        return next(iter(self.fulfilment.track(streams, message.cause.at).values()), None)

    def _end_waits(self, message: Message) -> BaseException | None:
        streams = validate(DeadlinesPassed, message.detail).stream_ids
        failures = dict(self._orders.expire_all(streams, message.cause.at))
        failures |= self.after_sale.close_overdue_returns(streams, message.cause.at)
        return next(iter(failures.values()), None)

    def _open_refunds(self, order_id: str) -> set[str]:
        refunds = self._truth.life(order_id).refunds
        return {refund_id for refund_id, refund in refunds.items() if refund.status == "open"}

    def _is_settled(self, order_id: str) -> bool:
        life = self._truth.life(order_id)
        return bool(life.events) and not life.is_reserved

    def _stored(self, order_id: str) -> dict[str, int]:
        decided = self._truth.placed(order_id)
        accepted = decided.find(OrderValidated)
        items = accepted.items if accepted else decided.get(OrderCancelled).items or ()
        return {item.sku: item.quantity for item in items}


def _order(message: Message) -> PlacedOrder:
    return PlacedOrder.of(event_in(message, OrderPlaced), allow_forced_payment_result=True)

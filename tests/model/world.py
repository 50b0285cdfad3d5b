"""The world around the services: messages on their way, the relay, the clock, and everything that goes wrong."""

import json
import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from scripts.operate.seeding import Seeder, SeedProduct
from services.deadline_sweeper.domain import CLOCK_ERROR
from services.deadline_sweeper.service import DeadlineSweeper
from services.libs.messaging.deadline_notices import DeadlineNotices
from services.libs.messaging.event_publisher import EventPublisher
from services.libs.messaging.incoming_events import event_in, parse_message
from services.libs.messaging.incoming_events import order_id as order_id_of
from services.libs.messaging.messages import Message, validate
from services.libs.messaging.queue_consumer import one_by_one, validated
from services.libs.runtime.backoff import Backoff
from services.libs.store.event_store import ContentionError
from services.order_service.domain import NotDueError, PlacedOrder
from services.order_service.service import OrderService
from services.payment_service.gateway import GatewayError
from services.payment_service.service import PaymentService
from services.shared.commits import order_stream
from services.shared.deadlines import DEADLINES_PASSED, MINUTE, DeadlinesPassed
from services.shared.events.event import Bus, type_names
from services.shared.events.order import OrderCancelled, OrderPlaced, OrderValidated
from services.shared.events.payment import PaymentFailed, PaymentProcessed, PaymentRequested, RefundRequested
from services.shared.faults import no_hurry
from services.shared.order_lifecycle import RESERVED
from services.shared.rejections import RejectedError, RejectionReason
from tests.factories import event_body
from tests.model.faults import Fault, FaultError, ProcessDiedError, Unreliable
from tests.model.system import System
from tests.model.truth import Truth

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient
    from types_boto3_sqs import SQSClient

# In turn: a deadline that clocks may take for past when it is written, and one that a single sweep tells of.
_PAYMENT_TIMEOUTS = (timedelta(seconds=20), timedelta(minutes=10))
# The longest timeout, and the error of every clock.
PAST_EVERY_DEADLINE_SECONDS = 800
# Longer than the seconds that pass within one invocation here.
_WRITER_TIMEOUT = timedelta(minutes=1)
CLOCK_ERRORS_SECONDS = (-CLOCK_ERROR.seconds, CLOCK_ERROR.seconds)
_TELLING_CALLS = ("send_message_batch",)
# OrderPlaced, the payment's request, its outcome, and a conflict on the way.
_LONGEST_FLOW = 5
_INVOCATION_FAILED = (ProcessDiedError, FaultError, ContentionError, GatewayError, NotDueError)
CONSUMED = type_names((PaymentRequested, PaymentProcessed, PaymentFailed, RefundRequested))


class World:
    def __init__(self, system: System) -> None:
        self.faults = system.faults
        self.truth = Truth(system)
        self.pending: list[str] = []
        self.dead_letters: list[str] = []
        self.deliveries: Counter[str] = Counter()
        self._system = system
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self._clock_error = timedelta()
        self._postponed_until = self._now
        self._in_hand: list[str] = []
        self._placed: list[str] = []
        self._order_ids: set[str] = set()
        self._published = 0
        self._delivered: set[int] = set()
        self._buses = _Buses(self.pending)
        self._order_services = [OrderService(system.store, system.inventory, after) for after in _PAYMENT_TIMEOUTS]
        self._payments = PaymentService(system.store, system.gateway)
        queues = cast("SQSClient", Unreliable(_Queues(self.pending), self.faults, {"send_message_batch": _sqs_refused}))
        notices = DeadlineNotices(queues, {"order": "order"})
        self._sweeper = DeadlineSweeper(system.deadlines, notices, _WRITER_TIMEOUT)
        self._seeder = Seeder(system.store, system.inventory)
        self._publisher = EventPublisher(
            cast("EventBridgeClient", Unreliable(self._buses, self.faults, {"put_events": _put_refused})),
            {bus: bus.value for bus in Bus},
            backoff=Backoff(3, 0, sleep=lambda _: None),
        )

    def place(self, order_id: str, quantities: Mapping[str, int], forced: str | None = None) -> None:
        items = [{"sku": sku, "quantity": quantity} for sku, quantity in quantities.items()]
        fields = {"orderId": order_id, "customerId": "customer-1", "items": items}
        if forced:
            fields["_postDeployTestForceResult"] = forced
        body = event_body(OrderPlaced.type_name(), **fields)
        self.pending.append(body)
        self._placed.append(body)
        self._order_ids.add(order_id)

    def place_again(self, choice: int) -> None:
        """The producer sends an order that it sent before."""
        if self._placed:
            self.pending.append(self._placed[choice % len(self._placed)])

    def rival(self) -> None:
        """Another order comes, and takes all that there is."""
        available = {sku: item.available for sku, item in self._system.stock().items() if item.available}
        if available:
            self.place(f"rival-{len(self._placed)}", available)
            self.deliver(-1)

    def forge(self, event: str, order_id: str) -> None:
        """Somebody sends an event that no commit stands behind."""
        self.pending.append(event_body(event, orderId=order_id))

    def forge_deadline(self, order_id: str) -> None:
        """Somebody tells of a deadline that may not have passed, of an order that may not be there."""
        self.pending.append(event_body(DEADLINES_PASSED, streamIds=[order_stream(order_id)]))

    def deliver(self, choice: int = 0, *, again: bool = False) -> None:
        """Hand a message to its service. It stays on its way if that fails, or if it is to come `again`."""
        if not self.pending:
            return
        place_ = choice % len(self.pending)
        body = self.pending[place_] if again else self.pending.pop(place_)
        self._take([body], again=again)

    def deliver_batch(self, choice: int, size: int) -> None:
        """Hand a service the next messages of one kind that are on their way, all at once."""
        if not self.pending:
            return
        kind = _kind(self.pending[choice % len(self.pending)])
        bodies = [body for body in self.pending if _kind(body) == kind][:size]
        for body in bodies:
            self.pending.remove(body)
        self._take(bodies)

    def _take(self, bodies: Sequence[str], *, again: bool = False) -> None:
        for body in bodies:
            self.deliveries["again" if hash(body) in self._delivered else "first"] += 1
            self._delivered.add(hash(body))
        messages = [parse_message(body, self._clock()) for body in bodies]
        in_hand, self._in_hand = self._in_hand, [*self._in_hand, *bodies]
        try:
            outcomes = self._handle(messages)
        except _INVOCATION_FAILED as error:
            outcomes = [error] * len(bodies)
        self._in_hand = in_hand
        for body, message, outcome in zip(bodies, messages, outcomes, strict=True):
            if isinstance(outcome, RejectedError):
                self._check_rejection(message, outcome)
                self.dead_letters.append(body)
            elif isinstance(outcome, _INVOCATION_FAILED):
                self.pending += [] if again else [body]
            elif outcome:
                raise outcome
            self.truth.touch(message.order_id)

    def redrive(self, messages: int) -> None:
        """Send the oldest dead letters once more, the hopeless ones too."""
        self.pending += self.dead_letters[:messages]
        del self.dead_letters[:messages]

    def relay(self, commits: int, refusals: Iterable[bool] = ()) -> None:
        """Publish the next commits; the buses refuse the entries that `refusals` says, in turn.

        As with Lambda, the stream is read again from the first commit that did not get out.
        """
        start, log = self._published, self._system.log()
        batch = log[start : start + commits]
        self._buses.refusals = deque(refusals)
        with suppress(*_INVOCATION_FAILED, ClientError):
            unpublished = self._publisher.publish(batch)
            self._published = start + (batch.index(unpublished[0]) if unpublished else len(batch))

    def rewind(self, commits: int) -> None:
        """Publish the last commits again: the stream's record was not acknowledged, or an operator catches up."""
        self._published = max(0, self._published - commits)

    def arrive(self) -> None:
        """Everything that is under way arrives."""
        self.relay(len(self._system.log()))
        for _ in range(len(self.pending)):
            self.deliver()

    def seed(self, sku: str, stock: int, price_minor: int = 500) -> None:
        product = SeedProduct(sku=sku, name=sku, stock=stock, priceMinor=price_minor, currency="GBP")
        with suppress(*_INVOCATION_FAILED):
            for change in self._seeder.seed([product]):
                assert change.refused or self._system.stock()[sku].stock == stock, f"{sku} was not set to {stock}"

    def advance(self, seconds: int) -> None:
        self._now += timedelta(seconds=seconds)

    def set_clock(self, error_seconds: int) -> None:
        """From now on the services' clocks are so far from the true time, and the sweeper's as far the other way."""
        self._clock_error = timedelta(seconds=error_seconds)

    def sweep(self, *, looks: int | None = None, throttled: bool = False) -> None:
        """Sweep with time left at the first `looks` at the clock only, or while no queue takes a message."""
        now, struck = self._now - self._clock_error, self.faults.struck.total()
        looked = count()
        self.faults.throttled = _TELLING_CALLS if throttled else ()
        with suppress(*_INVOCATION_FAILED):
            self._sweeper.sweep(now, lambda: 0 if looks is not None and next(looked) >= looks else math.inf)
        self.faults.throttled = ()
        if self.faults.struck.total() != struck or throttled:
            # What could not be told is due again a minute later, by a clock that was as wrong then as another is now.
            self._postponed_until = self._now + MINUTE + 2 * CLOCK_ERROR
        elif looks is None and self._now > self._postponed_until:
            self.truth.check_told(now, self._told())

    def _told(self) -> set[str]:
        """The streams that messages on their way tell of."""
        passed = [body for body in (*self.pending, *self._in_hand, *self.dead_letters) if DEADLINES_PASSED in body]
        return {stream for body in passed for stream in json.loads(body)["detail"]["streamIds"]}

    def _clock(self) -> datetime:
        return self._now + self._clock_error

    def arm(self, call: int, trouble: str) -> None:
        """Let one of the TROUBLES befall the call-th call from now, whoever makes it."""
        meanwhile = _MEANWHILE.get(trouble)
        self.faults.arm(call, partial(meanwhile, self) if meanwhile else Fault(trouble))

    def settle(self) -> None:
        """End all faults, let everything happen that still can, and check that nothing was lost on the way."""
        self.faults.disarm()
        self.advance(PAST_EVERY_DEADLINE_SECONDS)
        self.sweep()
        self.redrive(len(self.dead_letters))
        for _ in range(_LONGEST_FLOW):
            self.arrive()
            self.truth.check()
        assert not self.pending, f"never done: {self.pending}"
        self.truth.check_settled(self._order_ids)

    def _handle(self, messages: Sequence[Message]) -> "Sequence[BaseException | None]":
        """As the services' handlers do; all messages are of one kind."""
        match _handled_kind(messages[0].event_type):
            case "OrderPlaced":
                outcomes = validated(messages, _order, self._orders.place_all)
                for message, outcome in zip(messages, outcomes, strict=True):
                    order = _order(message)
                    assert outcome or self._stored(order.order_id) == order.quantities, "an order was taken for another"
                return outcomes
            case "PaymentProcessed":
                return validated(messages, order_id_of, self._orders.conclude_all)
            case "PaymentRequested":
                return self._pay(messages)
            case "DeadlinesPassed":
                return [self._expire(message) for message in messages]
            case _:
                return one_by_one(self._call_off)(messages, no_hurry)

    @property
    def _orders(self) -> OrderService:
        return self._order_services[self.deliveries.total() % len(self._order_services)]

    def _call_off(self, message: Message) -> None:
        order_id = order_id_of(message)
        self._payments.call_off(order_id, message.cause)
        assert self._has_ended(order_id), "a refund is done, and not in the log"

    def _expire(self, message: Message) -> BaseException | None:
        streams = validate(DeadlinesPassed, message.detail).stream_ids
        failures = self._orders.expire_all(streams, message.cause.at)
        return next(iter(failures.values()), None)

    def _has_ended(self, order_id: str) -> bool:
        state = self.truth.state(order_id)
        return state is not None and state.is_final

    def _is_settled(self, order_id: str) -> bool:
        state = self.truth.state(order_id)
        return state is not None and state.phase != RESERVED

    def _pay(self, messages: Sequence[Message]) -> "Sequence[BaseException | None]":
        ids = [order_id_of(message) for message in messages]
        before = {order_id: (self._is_settled(order_id), self._system.ledger().get(order_id)) for order_id in ids}
        outcomes = validated(messages, order_id_of, self._payments.pay_all)
        for order_id, outcome in zip(ids, outcomes, strict=True):
            settled, entry = before[order_id]
            after = self._system.ledger().get(order_id)
            assert not settled or entry or not after or after.charge_id is None, f"{order_id} was charged after its end"
            assert outcome or self._is_settled(order_id), f"{order_id}: a payment is done, and not in the log"
        return outcomes

    def _check_rejection(self, message: Message, rejected: RejectedError) -> None:
        assert "metadata" not in message.detail, f"an event of ours was rejected: {rejected}"
        assert message.event_type != DEADLINES_PASSED, f"a deadline was rejected: {rejected}"
        if message.event_type == OrderPlaced.type_name():
            assert rejected.reason is RejectionReason.CONFLICT, f"an order was rejected: {rejected}"
            order = _order(message)
            assert self._stored(order.order_id) != order.quantities, "an order was rejected for its own content"

    def _stored(self, order_id: str) -> dict[str, int]:
        decided = self.truth.placed(order_id)
        accepted = decided.find(OrderValidated)
        items = accepted.items if accepted else decided.get(OrderCancelled).items or ()
        return {item.sku: item.quantity for item in items}


def _sweep_and_arrive(world: World) -> None:
    world.sweep()
    world.arrive()


_SWEEPS: Mapping[str, Callable[[World], None]] = {
    "a sweep": World.sweep,
    "a sweep, and everything arrives": _sweep_and_arrive,
}
_RIVALS: Mapping[str, Callable[[World], None]] = {
    "another order takes all": World.rival,
    "the stock is lowered": lambda world: world.seed("sku-a", 1),
}
_MEANWHILE: Mapping[str, Callable[[World], None]] = {
    **_SWEEPS,
    **_RIVALS,
    "a message arrives": World.deliver,
    "another message arrives": lambda world: world.deliver(-1),
    "everything arrives": World.arrive,
    "some seconds pass": lambda world: world.advance(5),
}
SWEEPS, RIVALS = tuple(_SWEEPS), tuple(_RIVALS)
TROUBLES = (*Fault, *_MEANWHILE)


class _Buses:
    """EventBridge: takes the entries that it does not refuse, and routes them as the rules do."""

    def __init__(self, queue: list[str]) -> None:
        self.refusals: deque[bool] = deque()
        self._queue = queue

    def put_events(self, **request: Sequence[Mapping[str, str]]) -> dict[str, object]:
        results = [self._put(entry) for entry in request["Entries"]]
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}

    def _put(self, entry: Mapping[str, str]) -> dict[str, str]:
        if self.refusals and self.refusals.popleft():
            return {"ErrorCode": "InternalFailure"}
        if entry["EventBusName"] == Bus.PAYMENT and entry["DetailType"] in CONSUMED:
            self._queue.append(event_body(entry["DetailType"], **json.loads(entry["Detail"])))
        return {"EventId": "bridge-1"}


class _Queues:
    """SQS, for the sweeper."""

    def __init__(self, queue: list[str]) -> None:
        self._queue = queue

    def send_message_batch(self, **request: Sequence[Mapping[str, str]]) -> dict[str, object]:
        self._queue += [entry["MessageBody"] for entry in request["Entries"]]
        return {}


def _sqs_refused(**_: object) -> ClientError:
    return ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "away"}}, "SendMessageBatch")


def _put_refused(**_: object) -> ClientError:
    return ClientError({"Error": {"Code": "ThrottlingException", "Message": "throttled"}}, "PutEvents")


def _order(message: Message) -> PlacedOrder:
    return PlacedOrder.of(event_in(message, OrderPlaced), allow_forced_payment_result=True)


def _kind(body: str) -> str:
    return _handled_kind(json.loads(body)["detail-type"])


def _handled_kind(event_type: str) -> str:
    """Both outcomes of a payment are handled together."""
    return PaymentProcessed.type_name() if event_type == PaymentFailed.type_name() else event_type

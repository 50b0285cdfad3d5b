"""The world around the services: messages on their way, the relay, the clock, and everything that goes wrong."""

import json
import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
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
from services.libs.messaging.incoming_events import parse_message
from services.libs.runtime.backoff import Backoff
from services.shared.commits import order_stream
from services.shared.deadlines import DEADLINES_PASSED, MINUTE
from services.shared.events.event import Bus
from services.shared.events.fulfilment import ParcelStatus
from services.shared.events.order import OrderPlaced
from services.shared.inventory import MAIN_WAREHOUSE
from services.shared.rejections import RejectedError
from services.shared.shipment_lifecycle import shipment_id as parcel_id
from services.shared.shipment_lifecycle import shipment_stream
from tests.factories import event_body
from tests.model.carrier import Answer
from tests.model.faults import Fault, Unreliable
from tests.model.people import CUSTOMER, People
from tests.model.queues import TELLING_CALLS, Buses, Queues, kind
from tests.model.shop import INVOCATION_FAILED, Shop
from tests.model.system import System
from tests.model.troubles import MEANWHILE
from tests.model.truth import Truth

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient
    from types_boto3_sqs import SQSClient

# The longest timeout, and the error of every clock.
PAST_EVERY_DEADLINE_SECONDS = 800
# The interval of tracking and that error, several times.
_PAST_TRACKING_SECONDS = 240
# Longer than the seconds that pass within one invocation here.
_WRITER_TIMEOUT = timedelta(minutes=1)
CLOCK_ERRORS_SECONDS = (-CLOCK_ERROR.seconds, CLOCK_ERROR.seconds)
# From OrderPlaced to the last parcel's label, and a conflict on the way.
_LONGEST_FLOW = 9
# A refund that is refused each time is asked for again so often.
_MOST_ROUNDS = 30
_RECENT = 20
_NO_ORDER = "order-none"
_NORTHERN_SKUS = ("sku-b", "sku-d", "sku-f")


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
        self._recent: deque[str] = deque(maxlen=_RECENT)
        self._published = 0
        self._delivered: set[int] = set()
        self._buses = Buses(self.pending)
        self.shop = Shop(system, self.truth)
        self.people: People = People(system, self.shop, self.truth, self._clock)
        refused = {"send_message_batch": Queues.refused}
        queues = cast("SQSClient", Unreliable(Queues(self.pending), self.faults, refused))
        notices = DeadlineNotices(queues, {"order": "order", "shipment": "fulfilment"})
        self._sweeper = DeadlineSweeper(system.deadlines, notices, _WRITER_TIMEOUT)
        self._seeder = Seeder(system.store, system.inventory)
        self._publisher = EventPublisher(
            cast("EventBridgeClient", Unreliable(self._buses, self.faults, {"put_events": Buses.refused})),
            {bus: bus.value for bus in Bus},
            backoff=Backoff(3, 0, sleep=lambda _: None),
        )

    def place(self, order_id: str, quantities: Mapping[str, int], forced: str | None = None) -> None:
        items = [{"sku": sku, "quantity": quantity} for sku, quantity in quantities.items()]
        fields = {"orderId": order_id, "customerId": CUSTOMER, "items": items}
        if forced:
            fields["_postDeployTestForceResult"] = forced
        body = event_body(OrderPlaced.type_name(), **fields)
        self.pending.append(body)
        self._placed.append(body)
        if order_id not in self._order_ids:
            self._order_ids.add(order_id)
            self._recent.append(order_id)

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
        self.pending.append(event_body(event, orderId=order_id, shipmentId=parcel_id(order_id, 1)))

    def forge_deadline(self, order_id: str, *, of_parcel: bool = False) -> None:
        """Somebody tells of a deadline that may not have passed, of an order or a parcel that may not be there."""
        stream = shipment_stream(parcel_id(order_id, 1)) if of_parcel else order_stream(order_id)
        self.pending.append(event_body(DEADLINES_PASSED, streamIds=[stream]))

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
        one = kind(self.pending[choice % len(self.pending)])
        bodies = [body for body in self.pending if kind(body) == one][:size]
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
            outcomes = self.shop.handle(messages)
        except INVOCATION_FAILED as error:
            outcomes = [error] * len(bodies)
        self._in_hand = in_hand
        for body, message, outcome in zip(bodies, messages, outcomes, strict=True):
            if isinstance(outcome, RejectedError):
                self.shop.check_rejection(message, outcome)
                self.dead_letters.append(body)
            elif isinstance(outcome, INVOCATION_FAILED):
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
        with suppress(*INVOCATION_FAILED, ClientError):
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

    def order(self, choice: int) -> str:
        """The id of an order that was placed lately, or of none."""
        known = [_NO_ORDER, *self._recent]
        return known[-1 - choice % len(known)]

    def delivered_order(self, choice: int) -> str:
        """The id of an order that was delivered lately; of any, if none was or the choice is not so."""
        delivered = self.truth.delivered
        return delivered[-1 - choice % len(delivered)] if delivered and choice % 10 else self.order(choice)

    def sell(self, order_id: str, quantities: Mapping[str, int]) -> None:
        """An order is placed, and comes as far as it can without the carrier."""
        self.place(order_id, quantities, "SUCCESS")
        for _ in range(_LONGEST_FLOW):
            self.arrive()

    def come_home(self, choice: int, *, together: bool) -> None:
        """The carrier delivers the parcels of an order at once; or picks up all, and delivers one after the other."""
        parcels = [*self.truth.life(self.order(choice)).planned]
        for status in [None] if together else [ParcelStatus.PICKED_UP, None]:
            for shipment_id in parcels:
                self.people.carrier_brings(shipment_id, status, self._now + CLOCK_ERROR)
                if not together:
                    self.arrive()
                    self.truth.check()
        self.arrive()

    def carrier_moves(self, choice: int, status: ParcelStatus | None) -> None:
        self.people.parcel_moves(choice, status, self._now)

    def carrier_answers(self, answer: Answer) -> None:
        self._system.parcels.answer = answer

    def seed(self, sku: str, stock: int, price_minor: int = 500) -> None:
        warehouse = "north" if sku in _NORTHERN_SKUS else MAIN_WAREHOUSE
        product = SeedProduct(
            sku=sku, name=sku, stock=stock, priceMinor=price_minor, currency="GBP", warehouse=warehouse
        )
        with suppress(*INVOCATION_FAILED):
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
        self.faults.throttled = TELLING_CALLS if throttled else ()
        with suppress(*INVOCATION_FAILED):
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
        meanwhile = MEANWHILE.get(trouble)
        self.faults.arm(call, partial(meanwhile, self) if meanwhile else Fault(trouble))

    def settle(self) -> None:
        """End all faults, let everything happen that still can, and check that nothing was lost on the way."""
        self.faults.disarm()
        self.carrier_answers(Answer.ALL)
        self._arrive_all()
        self.truth.check_followed()
        self._system.parcels.hurries = True
        self.advance(PAST_EVERY_DEADLINE_SECONDS)
        for _ in range(_MOST_ROUNDS):
            self.sweep()
            self.redrive(len(self.dead_letters))
            self._arrive_all()
            if self.truth.all_ended():
                break
            self.people.retry_failed_refunds()
            self.advance(_PAST_TRACKING_SECONDS)
        self._system.parcels.hurries = False
        assert not self.pending, f"never done: {self.pending}"
        self.truth.check_settled(self._order_ids)

    def _arrive_all(self) -> None:
        for _ in range(_LONGEST_FLOW):
            self.arrive()
            self.truth.check()
            if not self.pending and self._published == len(self._system.log()):
                return
        # The time of a deadline may not have come by the service's clock.
        stuck = [body for body in self.pending if DEADLINES_PASSED not in body]
        assert not stuck, f"never done: {stuck}"

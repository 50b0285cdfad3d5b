"""The state machine: random steps through the world, with everything checked after each."""

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.shared.events.event import Event
from services.shared.events.payment import PaymentRequested
from tests.model.faults import Fault
from tests.model.queues import CONSUMED
from tests.model.system import System
from tests.model.troubles import RIVALS, SWEEPS, TROUBLES
from tests.model.world import (
    CLOCK_ERRORS_SECONDS,
    PAST_EVERY_DEADLINE_SECONDS,
    World,
)

SKUS = ("sku-a", "sku-b")
_UNKNOWN_SKU = "sku-c"
_KNOWN_ORDERS = st.integers(1, 6).map("order-{}".format)
_FORCED = st.sampled_from([None, "SUCCESS", "FAILURE"])
QUANTITIES = st.dictionaries(st.sampled_from([*SKUS * 5, _UNKNOWN_SKU]), st.integers(1, 6), min_size=1, max_size=2)
CHOICES = st.integers(0, 30)
# The longest use case makes about ten calls; a payment three: the order is read, charged and committed.
CALLS = st.integers(1, 10)
_PAYMENT_CALLS = st.integers(1, 3)
# A decision takes two: the stock is read, and reserved if it is still there.
_RESERVING_CALL = 2
# Due, and by some clocks only; past all that.
_WAITS = st.sampled_from([15, 45, 75, PAST_EVERY_DEADLINE_SECONDS])
_EVERY_COMMIT = 1000
# After so many looks at the clock a sweep is out of time; mostly it never is.
_LOOKS = st.none() | st.integers(0, 5)


class OrderSystem(RuleBasedStateMachine):
    def __init__(self, system: System) -> None:
        super().__init__()
        self.world = World(system)
        self.orders = 0
        for sku in SKUS:
            self.world.seed(sku, 10)

    @rule(quantities=QUANTITIES, forced=_FORCED)
    def place(self, quantities: Mapping[str, int], forced: str | None) -> None:
        self.orders += 1
        self.world.place(f"order-{self.orders}", quantities, forced)

    @rule(quantities=QUANTITIES, forced=_FORCED)
    def place_and_decide(self, quantities: Mapping[str, int], forced: str | None) -> None:
        self.place(quantities, forced)
        self.world.deliver(-1)
        self.world.relay(1)

    @rule(quantities=QUANTITIES, trouble=st.sampled_from([*RIVALS, Fault.REFUSED]))
    def decide_in_trouble(self, quantities: Mapping[str, int], trouble: str) -> None:
        self.place(quantities, None)
        self.world.arm(_RESERVING_CALL, trouble)
        self.world.deliver(-1)

    @rule(order_id=_KNOWN_ORDERS, quantities=QUANTITIES)
    def place_under_a_known_id(self, order_id: str, quantities: Mapping[str, int]) -> None:
        self.world.place(order_id, quantities)

    @rule(choice=CHOICES)
    def place_again(self, choice: int) -> None:
        self.world.place_again(choice)

    @rule(event=st.sampled_from(CONSUMED), order_id=_KNOWN_ORDERS)
    def forge(self, event: str, order_id: str) -> None:
        self.world.forge(event, order_id)

    @rule(order_id=_KNOWN_ORDERS, of_parcel=st.booleans())
    def forge_deadline(self, order_id: str, *, of_parcel: bool) -> None:
        self.world.forge_deadline(order_id, of_parcel=of_parcel)

    @rule(seconds=st.integers(*CLOCK_ERRORS_SECONDS))
    def clocks_go_wrong(self, seconds: int) -> None:
        self.world.set_clock(seconds)

    @rule(choice=CHOICES, again=st.booleans())
    def deliver(self, choice: int, *, again: bool) -> None:
        self.world.deliver(choice, again=again)

    @rule(choice=CHOICES, size=st.integers(2, 10))
    def deliver_batch(self, choice: int, size: int) -> None:
        self.world.deliver_batch(choice, size)

    @rule(choice=CHOICES, size=st.integers(2, 10), call=CALLS, trouble=st.sampled_from(TROUBLES))
    def deliver_batch_in_trouble(self, choice: int, size: int, call: int, trouble: str) -> None:
        self.world.relay(_EVERY_COMMIT)
        self.world.arm(call, trouble)
        self.world.deliver_batch(choice, size)

    @rule()
    def everything_arrives(self) -> None:
        self.world.arrive()

    @rule(messages=st.integers(1, 10))
    def redrive(self, messages: int) -> None:
        self.world.redrive(messages)

    @rule(commits=st.integers(1, 5), refusals=st.lists(st.booleans(), max_size=12))
    def relay(self, commits: int, refusals: Sequence[bool]) -> None:
        self.world.relay(commits, refusals)

    @rule(commits=st.integers(1, 10))
    def publish_again(self, commits: int) -> None:
        self.world.rewind(commits)

    @rule(sku=st.sampled_from([*SKUS, _UNKNOWN_SKU]), stock=st.integers(0, 20), price_minor=st.integers(1, 900))
    def seed(self, sku: str, stock: int, price_minor: int) -> None:
        self.world.seed(sku, stock, price_minor)

    @rule(sku=st.sampled_from(SKUS), stock=st.integers(0, 20), call=st.integers(1, 3))
    def seed_while_everything_arrives(self, sku: str, stock: int, call: int) -> None:
        self.world.arm(call, "everything arrives")
        self.world.seed(sku, stock)

    @rule(seconds=st.integers(1, 90))
    def time_passes(self, seconds: int) -> None:
        self.world.advance(seconds)

    @rule(looks=_LOOKS, throttled=st.booleans())
    def sweep(self, looks: int | None, *, throttled: bool) -> None:
        self.world.sweep(looks=looks, throttled=throttled)

    @rule(seconds=_WAITS, looks=_LOOKS, throttled=st.booleans())
    def wait_and_sweep(self, seconds: int, looks: int | None, *, throttled: bool) -> None:
        self.world.advance(seconds)
        self.world.sweep(looks=looks, throttled=throttled)

    @rule(choice=CHOICES, call=_PAYMENT_CALLS, trouble=st.sampled_from(TROUBLES))
    def pay_in_trouble(self, choice: int, call: int, trouble: str) -> None:
        self._pay(choice, call, trouble)

    @rule(quantities=QUANTITIES, call=_PAYMENT_CALLS, trouble=st.sampled_from(SWEEPS))
    def pay_while_a_sweep_comes(self, quantities: Mapping[str, int], call: int, trouble: str) -> None:
        self.place_and_decide(quantities, "SUCCESS")
        self.world.advance(PAST_EVERY_DEADLINE_SECONDS)
        self._pay(-1, call, trouble)

    @rule()
    def every_deadline_passes(self) -> None:
        self.world.advance(PAST_EVERY_DEADLINE_SECONDS)

    @rule(call=CALLS, trouble=st.sampled_from(TROUBLES), times=st.sampled_from([1, 5]))
    def arm(self, call: int, trouble: str, times: int) -> None:
        for number in range(times):
            self.world.arm(call + number, trouble)

    @invariant()
    def everything_adds_up(self) -> None:
        self.world.truth.check_all()

    def teardown(self) -> None:
        self.world.settle()

    def _pay(self, choice: int, call: int, trouble: str) -> None:
        self._hand_over(PaymentRequested, choice, call, trouble)

    def _hand_over(self, event: type[Event], choice: int, call: int, trouble: str) -> None:
        """Deliver an event in trouble; it comes again, perhaps meanwhile."""
        self.world.relay(_EVERY_COMMIT)
        places = [place for place, body in enumerate(self.world.pending) if f'"{event.type_name()}"' in body]
        if places:
            self.world.arm(call, trouble)
            self.world.deliver(places[choice % len(places)], again=True)

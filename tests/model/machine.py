"""The state machine: random steps through the world, with everything checked after each."""

from collections.abc import Iterable, Mapping, Sequence

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.shared.events.fulfilment import ParcelStatus
from services.shared.events.payment import PaymentRequested
from tests.model.carrier import NEWS, Answer
from tests.model.faults import Fault
from tests.model.lives import RETURN_ARRIVAL
from tests.model.people import CUSTOMER, UNREASONABLE
from tests.model.queues import CONSUMED
from tests.model.system import System
from tests.model.world import (
    CLOCK_ERRORS_SECONDS,
    PAST_EVERY_DEADLINE_SECONDS,
    RIVALS,
    SWEEPS,
    TROUBLES,
    World,
)

_SKUS = ("sku-a", "sku-b")
_UNKNOWN_SKU = "sku-c"
_KNOWN_ORDERS = st.integers(1, 6).map("order-{}".format)
_FORCED = st.sampled_from([None, "SUCCESS", "FAILURE"])
_QUANTITIES = st.dictionaries(st.sampled_from([*_SKUS * 5, _UNKNOWN_SKU]), st.integers(1, 6), min_size=1, max_size=2)
_CHOICES = st.integers(0, 30)
# The longest use case makes about ten calls; a payment three: the order is read, charged and committed.
_CALLS = st.integers(1, 10)
_PAYMENT_CALLS = st.integers(1, 3)
# A decision takes two: the stock is read, and reserved if it is still there.
_RESERVING_CALL = 2
# Due, and by some clocks only; past all that.
_WAITS = st.sampled_from([15, 45, 75, PAST_EVERY_DEADLINE_SECONDS])
_EVERY_COMMIT = 1000
_CUSTOMERS = st.sampled_from([*[CUSTOMER] * 4, "customer-2"])
_RETURNS = st.integers(1, 3)
# What is returned, or received: all of it, or the half.
_SHARES = st.integers(1, 2)
_WRONG = st.sampled_from([*[""] * 8, *UNREASONABLE])
# What becomes of one or two parcels.
_FATES = st.lists(st.sampled_from(NEWS), min_size=1, max_size=2)
# A command reads the order, writes, and does so again where another writer was faster.
_COMMAND_CALLS = st.integers(1, 4)
# After so many looks at the clock a sweep is out of time; mostly it never is.
_LOOKS = st.none() | st.integers(0, 5)


class OrderSystem(RuleBasedStateMachine):
    def __init__(self, system: System) -> None:
        super().__init__()
        self.world = World(system)
        self.orders = 0
        for sku in _SKUS:
            self.world.seed(sku, 10)

    @rule(quantities=_QUANTITIES, forced=_FORCED)
    def place(self, quantities: Mapping[str, int], forced: str | None) -> None:
        self.orders += 1
        self.world.place(f"order-{self.orders}", quantities, forced)

    @rule(quantities=_QUANTITIES, forced=_FORCED)
    def place_and_decide(self, quantities: Mapping[str, int], forced: str | None) -> None:
        self.place(quantities, forced)
        self.world.deliver(-1)
        self.world.relay(1)

    @rule(quantities=_QUANTITIES, trouble=st.sampled_from([*RIVALS, Fault.REFUSED]))
    def decide_in_trouble(self, quantities: Mapping[str, int], trouble: str) -> None:
        self.place(quantities, None)
        self.world.arm(_RESERVING_CALL, trouble)
        self.world.deliver(-1)

    @rule(order_id=_KNOWN_ORDERS, quantities=_QUANTITIES)
    def place_under_a_known_id(self, order_id: str, quantities: Mapping[str, int]) -> None:
        self.world.place(order_id, quantities)

    @rule(choice=_CHOICES)
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

    @rule(choice=_CHOICES, again=st.booleans())
    def deliver(self, choice: int, *, again: bool) -> None:
        self.world.deliver(choice, again=again)

    @rule(choice=_CHOICES, size=st.integers(2, 10))
    def deliver_batch(self, choice: int, size: int) -> None:
        self.world.deliver_batch(choice, size)

    @rule(choice=_CHOICES, size=st.integers(2, 10), call=_CALLS, trouble=st.sampled_from(TROUBLES))
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

    @rule(sku=st.sampled_from([*_SKUS, _UNKNOWN_SKU]), stock=st.integers(0, 20), price_minor=st.integers(1, 900))
    def seed(self, sku: str, stock: int, price_minor: int) -> None:
        self.world.seed(sku, stock, price_minor)

    @rule(sku=st.sampled_from(_SKUS), stock=st.integers(0, 20), call=st.integers(1, 3))
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

    @rule(choice=_CHOICES, call=_PAYMENT_CALLS, trouble=st.sampled_from(TROUBLES))
    def pay_in_trouble(self, choice: int, call: int, trouble: str) -> None:
        self._pay(choice, call, trouble)

    @rule(quantities=_QUANTITIES, call=_PAYMENT_CALLS, trouble=st.sampled_from(SWEEPS))
    def pay_while_a_sweep_comes(self, quantities: Mapping[str, int], call: int, trouble: str) -> None:
        self.place_and_decide(quantities, "SUCCESS")
        self.world.advance(PAST_EVERY_DEADLINE_SECONDS)
        self._pay(-1, call, trouble)

    @rule()
    def every_deadline_passes(self) -> None:
        self.world.advance(PAST_EVERY_DEADLINE_SECONDS)

    @rule(call=_CALLS, trouble=st.sampled_from(TROUBLES), times=st.sampled_from([1, 5]))
    def arm(self, call: int, trouble: str, times: int) -> None:
        for number in range(times):
            self.world.arm(call + number, trouble)

    @rule(quantities=_QUANTITIES)
    def sell(self, quantities: Mapping[str, int]) -> None:
        self.orders += 1
        self._restock(quantities)
        self.world.sell(f"order-{self.orders}", quantities)

    @rule(quantities=_QUANTITIES, call=_CALLS, trouble=st.sampled_from(TROUBLES), together=st.booleans())
    def sell_and_bring_home(self, quantities: Mapping[str, int], call: int, trouble: str, *, together: bool) -> None:
        self.sell(quantities)
        self.world.arm(call, trouble)
        self.world.come_home(0, together=together)

    @rule(choice=_CHOICES, call=_CALLS, trouble=st.sampled_from(TROUBLES), together=st.booleans())
    def bring_home_in_trouble(self, choice: int, call: int, trouble: str, *, together: bool) -> None:
        self.world.arm(call, trouble)
        self.world.come_home(choice, together=together)

    @rule(quantities=_QUANTITIES, fates=_FATES, call=_CALLS, trouble=st.sampled_from(TROUBLES))
    def sell_and_lose(
        self, quantities: Mapping[str, int], fates: Sequence[ParcelStatus | None], call: int, trouble: str
    ) -> None:
        self.sell(quantities)
        for number, status in enumerate(fates):
            self.world.carrier_moves(number, status)
            self.world.people.carrier_tells(0)
        self.world.arm(call, trouble)
        self.world.come_home(0, together=True)

    @rule(
        quantities=_QUANTITIES,
        shares=st.tuples(_SHARES, _SHARES),
        received=st.tuples(_SHARES, st.integers(0, 1), _WRONG),
        call=_COMMAND_CALLS,
        trouble=st.sampled_from(TROUBLES),
    )
    def sell_and_take_back(
        self,
        quantities: Mapping[str, int],
        shares: tuple[int, int],
        received: tuple[int, int, str],
        call: int,
        trouble: str,
    ) -> None:
        self.sell(quantities)
        self.world.come_home(0, together=True)
        order_id = self.world.order(0)
        for number, share in enumerate(shares):
            self.world.people.request_return(order_id, number, share)
        self.world.arm(call, trouble)
        self.world.people.receive_return(order_id, 0, *received)

    @rule(quantities=_QUANTITIES, clock_error=st.integers(*CLOCK_ERRORS_SECONDS), seconds=st.integers(-45, 90))
    def wait_for_a_return(self, quantities: Mapping[str, int], clock_error: int, seconds: int) -> None:
        """It falls due about now, by some clocks only."""
        self.sell(quantities)
        self.world.come_home(0, together=True)
        self.world.people.request_return(self.world.order(0), 1, 1)
        self.world.set_clock(clock_error)
        self.world.advance(RETURN_ARRIVAL.seconds + seconds)
        self.world.sweep()
        self.world.arrive()
        self.world.sweep()

    @rule(choice=_CHOICES, status=st.sampled_from(NEWS), is_told=st.booleans())
    def carrier_moves(self, choice: int, status: ParcelStatus | None, *, is_told: bool) -> None:
        self.world.carrier_moves(choice, status)
        if is_told:
            self.world.people.carrier_tells(choice)

    @rule(choice=_CHOICES)
    def carrier_tells(self, choice: int) -> None:
        self.world.people.carrier_tells(choice)

    @rule(choice=_CHOICES)
    def carrier_tells_nonsense(self, choice: int) -> None:
        self.world.people.carrier_tells_nonsense(self.world.order(choice), choice)

    @rule(answer=st.sampled_from(Answer))
    def carrier_answers(self, answer: Answer) -> None:
        self.world.carrier_answers(answer)

    @rule(choice=_CHOICES, customer=_CUSTOMERS)
    def cancel(self, choice: int, customer: str) -> None:
        self.world.people.cancel(self.world.order(choice), customer)

    @rule(quantities=_QUANTITIES, steps=st.integers(1, 4), customer=_CUSTOMERS)
    def buy_and_cancel(self, quantities: Mapping[str, int], steps: int, customer: str) -> None:
        self._buy(quantities, steps)
        self.world.people.cancel(self.world.order(0), customer)

    @rule(quantities=_QUANTITIES, steps=st.integers(1, 4), call=_COMMAND_CALLS, trouble=st.sampled_from(TROUBLES))
    def buy_and_cancel_in_trouble(self, quantities: Mapping[str, int], steps: int, call: int, trouble: str) -> None:
        self._buy(quantities, steps)
        self.world.arm(call, trouble)
        self.world.people.cancel(self.world.order(0))

    @rule(choice=_CHOICES, number=_RETURNS, share=_SHARES, wrong=_WRONG, customer=_CUSTOMERS)
    def request_return(self, choice: int, number: int, share: int, wrong: str, customer: str) -> None:
        self.world.people.request_return(self.world.delivered_order(choice), number, share, wrong, customer)

    @rule(choice=_CHOICES, return_=_CHOICES, share=_SHARES, unfit=st.integers(0, 2), wrong=_WRONG)
    def receive_return(self, choice: int, return_: int, share: int, unfit: int, wrong: str) -> None:
        self.world.people.receive_return(self.world.delivered_order(choice), return_, share, unfit, wrong)

    @rule(choice=_CHOICES, number=_RETURNS, call=_COMMAND_CALLS, trouble=st.sampled_from(TROUBLES))
    def return_in_trouble(self, choice: int, number: int, call: int, trouble: str) -> None:
        order_id = self.world.delivered_order(choice)
        self.world.people.request_return(order_id, number, 1)
        self.world.arm(call, trouble)
        self.world.people.request_return(order_id, number + 1, 2)
        self.world.people.receive_return(order_id, number, 1, 0)

    @rule(choice=_CHOICES, call=_COMMAND_CALLS, trouble=st.sampled_from(TROUBLES))
    def retry_refund_in_trouble(self, choice: int, call: int, trouble: str) -> None:
        """Two members of staff ask again for one refund, if any has failed."""
        self.world.arrive()
        self.world.arm(call, trouble)
        for order_id, refund_id in self.world.truth.failed_refunds()[:1] * 2:
            self.world.people.retry_refund(order_id, refund_id)
        self.world.people.retry_some_refund(self.world.order(choice), choice)

    @rule()
    def retry_failed_refunds(self) -> None:
        self.world.people.retry_failed_refunds()

    @invariant()
    def everything_adds_up(self) -> None:
        self.world.truth.check_all()

    def teardown(self) -> None:
        self.world.settle()

    def _restock(self, skus: Iterable[str]) -> None:
        for sku in skus:
            if sku in _SKUS:
                self.world.seed(sku, 20)

    def _buy(self, quantities: Mapping[str, int], steps: int) -> None:
        """An order is placed, and is reserved, paid, confirmed or in fulfilment after so many steps."""
        self._restock(quantities)
        self.place(quantities, "SUCCESS")
        for _ in range(steps):
            self.world.arrive()

    def _pay(self, choice: int, call: int, trouble: str) -> None:
        self.world.relay(_EVERY_COMMIT)
        requests = [place for place, body in enumerate(self.world.pending) if PaymentRequested.type_name() in body]
        if requests:
            self.world.arm(call, trouble)
            self.world.deliver(requests[choice % len(requests)], again=True)

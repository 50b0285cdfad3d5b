"""The state machine of an order's whole life: it is cancelled, shipped, lost, delivered, returned and refunded."""

from collections.abc import Iterable, Mapping, Sequence

from hypothesis import strategies as st
from hypothesis.stateful import rule

from services.shared.events.event import Event
from services.shared.events.fulfilment import ParcelStatus, ShipmentCreated, ShipmentDelivered, ShipmentTracked
from services.shared.events.order import OrderConfirmed
from services.shared.events.payment import RefundRequested
from tests.model.carrier import NEWS, Answer
from tests.model.lives import RETURN_ARRIVAL
from tests.model.machine import CALLS, CHOICES, QUANTITIES, SKUS, OrderSystem
from tests.model.people import CUSTOMER, UNREASONABLE
from tests.model.troubles import TROUBLES
from tests.model.world import CLOCK_ERRORS_SECONDS

_CUSTOMERS = st.sampled_from([*[CUSTOMER] * 4, "customer-2"])
_RETURNS = st.integers(1, 3)
# What is returned, or received: all of it, or the half.
_SHARES = st.integers(1, 2)
_WRONG = st.sampled_from([*[""] * 8, *UNREASONABLE])
# What becomes of one or two parcels.
_FATES = st.lists(st.sampled_from(NEWS), min_size=1, max_size=2)
# A command reads the order, writes, and does so again where another writer was faster.
_COMMAND_CALLS = st.integers(1, 4)


class WholeLife(OrderSystem):
    @rule(
        event=st.sampled_from([RefundRequested, OrderConfirmed, ShipmentCreated, ShipmentTracked, ShipmentDelivered]),
        choice=CHOICES,
        call=_COMMAND_CALLS,
        trouble=st.sampled_from(TROUBLES),
    )
    def hand_over_in_trouble(self, event: type[Event], choice: int, call: int, trouble: str) -> None:
        self._hand_over(event, choice, call, trouble)

    @rule(quantities=QUANTITIES, call=_COMMAND_CALLS, trouble=st.sampled_from(TROUBLES))
    def buy_cancel_and_refund_in_trouble(self, quantities: Mapping[str, int], call: int, trouble: str) -> None:
        self._buy(quantities, 2)
        self.world.people.cancel(self.world.order(0))
        self._hand_over(RefundRequested, -1, call, trouble)

    @rule(quantities=QUANTITIES, call=_COMMAND_CALLS, trouble=st.sampled_from(TROUBLES))
    def buy_and_start_in_trouble(self, quantities: Mapping[str, int], call: int, trouble: str) -> None:
        self._buy(quantities, 3)
        self._hand_over(OrderConfirmed, -1, call, trouble)

    @rule(quantities=QUANTITIES)
    def sell(self, quantities: Mapping[str, int]) -> None:
        self.orders += 1
        self._restock(quantities)
        self.world.sell(f"order-{self.orders}", quantities)

    @rule(quantities=QUANTITIES, call=CALLS, trouble=st.sampled_from(TROUBLES), together=st.booleans())
    def sell_and_bring_home(self, quantities: Mapping[str, int], call: int, trouble: str, *, together: bool) -> None:
        self.sell(quantities)
        self.world.arm(call, trouble)
        self.world.come_home(0, together=together)

    @rule(choice=CHOICES, call=CALLS, trouble=st.sampled_from(TROUBLES), together=st.booleans())
    def bring_home_in_trouble(self, choice: int, call: int, trouble: str, *, together: bool) -> None:
        self.world.arm(call, trouble)
        self.world.come_home(choice, together=together)

    @rule(quantities=QUANTITIES, fates=_FATES, call=CALLS, trouble=st.sampled_from(TROUBLES))
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
        quantities=QUANTITIES,
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

    @rule(quantities=QUANTITIES, clock_error=st.integers(*CLOCK_ERRORS_SECONDS), seconds=st.integers(-45, 90))
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

    @rule(choice=CHOICES, status=st.sampled_from(NEWS), is_told=st.booleans())
    def carrier_moves(self, choice: int, status: ParcelStatus | None, *, is_told: bool) -> None:
        self.world.carrier_moves(choice, status)
        if is_told:
            self.world.people.carrier_tells(choice)

    @rule(choice=CHOICES)
    def carrier_tells(self, choice: int) -> None:
        self.world.people.carrier_tells(choice)

    @rule(choice=CHOICES)
    def carrier_tells_nonsense(self, choice: int) -> None:
        self.world.people.carrier_tells_nonsense(self.world.order(choice), choice)

    @rule(answer=st.sampled_from(Answer))
    def carrier_answers(self, answer: Answer) -> None:
        self.world.carrier_answers(answer)

    @rule(choice=CHOICES, customer=_CUSTOMERS)
    def cancel(self, choice: int, customer: str) -> None:
        self.world.people.cancel(self.world.order(choice), customer)

    @rule(quantities=QUANTITIES, steps=st.integers(1, 4), customer=_CUSTOMERS)
    def buy_and_cancel(self, quantities: Mapping[str, int], steps: int, customer: str) -> None:
        self._buy(quantities, steps)
        self.world.people.cancel(self.world.order(0), customer)

    @rule(quantities=QUANTITIES, steps=st.integers(1, 4), call=_COMMAND_CALLS, trouble=st.sampled_from(TROUBLES))
    def buy_and_cancel_in_trouble(self, quantities: Mapping[str, int], steps: int, call: int, trouble: str) -> None:
        self._buy(quantities, steps)
        self.world.arm(call, trouble)
        self.world.people.cancel(self.world.order(0))

    @rule(choice=CHOICES, number=_RETURNS, share=_SHARES, wrong=_WRONG, customer=_CUSTOMERS)
    def request_return(self, choice: int, number: int, share: int, wrong: str, customer: str) -> None:
        self.world.people.request_return(self.world.delivered_order(choice), number, share, wrong, customer)

    @rule(choice=CHOICES, return_=CHOICES, share=_SHARES, unfit=st.integers(0, 2), wrong=_WRONG)
    def receive_return(self, choice: int, return_: int, share: int, unfit: int, wrong: str) -> None:
        self.world.people.receive_return(self.world.delivered_order(choice), return_, share, unfit, wrong)

    @rule(choice=CHOICES, number=_RETURNS, call=_COMMAND_CALLS, trouble=st.sampled_from(TROUBLES))
    def return_in_trouble(self, choice: int, number: int, call: int, trouble: str) -> None:
        order_id = self.world.delivered_order(choice)
        self.world.people.request_return(order_id, number, 1)
        self.world.arm(call, trouble)
        self.world.people.request_return(order_id, number + 1, 2)
        self.world.people.receive_return(order_id, number, 1, 0)

    @rule(choice=CHOICES, call=_COMMAND_CALLS, trouble=st.sampled_from(TROUBLES))
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

    def _restock(self, skus: Iterable[str]) -> None:
        for sku in skus:
            if sku in SKUS:
                self.world.seed(sku, 20)

    def _buy(self, quantities: Mapping[str, int], steps: int) -> None:
        """An order is placed, and is reserved, paid, confirmed or in fulfilment after so many steps."""
        self._restock(quantities)
        self.place(quantities, "SUCCESS")
        for _ in range(steps):
            self.world.arrive()

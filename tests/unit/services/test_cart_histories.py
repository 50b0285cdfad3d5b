"""Random histories of carts, checkouts, prices and stock, of a customer with two tabs, in memory."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple, Self

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.cart_service.domain import Cart, Request, Total, closes
from services.cart_service.service import AbandonedCarts, CartService
from services.order_service.domain import PlacedOrder
from services.order_service.service import OrderService
from services.shared.cart_lifecycle import CART, checkout_version
from services.shared.causes import Cause
from services.shared.commits import Command, Commit, sku_stream
from services.shared.events.cart import CartCheckoutInitiated, CartCleared, ClearReason
from services.shared.events.order import OrderPlaced, OrderValidated
from services.shared.inventory import Move
from services.shared.refusals import Refusal, RefusedError
from tests.factories import CAUSE, NOW, PAYMENT_TIMEOUT, seeding
from tests.model.memory import MemoryEventStore, MemoryInventory

CUSTOMER, STREAM = "customer-1", "cart#customer-1"
SKUS = ("sku-a", "sku-b")
AFTER = timedelta(hours=72)
TABS = st.sampled_from([0, 1])
_EXPECTED = {
    Refusal.STALE,
    Refusal.NOT_FOUND,
    Refusal.NOT_ALLOWED,
    Refusal.PRICE_CHANGED,
    Refusal.TOO_MUCH,
    Refusal.KEY_REUSED,
}


class _Store(MemoryEventStore):
    """The other tab, or the sweeper, may act just before a commit is written."""

    meanwhile: Callable[[], None] | None = None

    def for_customer(self, customer_id: str) -> Self:  # noqa: ARG002 - nobody is erased here
        return self

    def read_back(self, stream_id: str, until: Callable[[Commit], bool]) -> tuple[Commit, ...]:
        commits = self.read(stream_id)
        first = max((place for place, commit in enumerate(commits) if until(commit)), default=0)
        return commits[first:]

    def append(self, commit: Commit) -> None:
        if act := self.meanwhile:
            self.meanwhile = None
            act()
        super().append(commit)


class _Tab(NamedTuple):
    """What a tab shows: the cart as it was read, and what it costs."""

    version: int = 0
    totals: tuple[Total, ...] = ()


class _Sent(NamedTuple):
    """A request as it was sent, and the version that it led to."""

    act: Callable[[Request], Cart]
    request: Request
    version: int


class Carts(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.store = _Store()
        inventory = MemoryInventory(self.store)
        self.carts = CartService(self.store, inventory, AFTER)
        self.sweeper = AbandonedCarts(self.store, self.store.deadlines, AFTER)
        self.orders = OrderService(self.store, inventory, PAYMENT_TIMEOUT)
        self.now = self.swept_at = NOW
        self.tabs = [_Tab(), _Tab()]
        self.sent: list[_Sent] = []
        self.keys = 0
        self.shown: dict[str, Total] = {}

    @initialize()
    def seed_all(self) -> None:
        for sku in SKUS:
            self.seed(sku, 5, 500, "GBP")

    @rule(
        sku=st.sampled_from(SKUS),
        stock=st.integers(0, 9),
        price_minor=st.sampled_from([400, 500, 600]),
        currency=st.sampled_from(["GBP"] * 4 + ["EUR"]),
    )
    def seed(self, sku: str, stock: int, price_minor: int, currency: str) -> None:
        before = self.store.stock.get(sku)
        if before and before.reserved > stock:
            return
        commit = seeding(
            sku,
            stock,
            self.store.latest_version(sku_stream(sku)) + 1,
            stock - (before.stock if before else 0),
            price_minor=price_minor,
            currency=currency,
        )
        self.store.append(commit)

    @rule(tab=TABS)
    def read(self, tab: int) -> None:
        cart, stock = self.carts.read(CUSTOMER)
        self.tabs[tab] = _Tab(cart.version, tuple(cart.totals(stock)))

    @rule(tab=TABS, sku=st.sampled_from([*SKUS, "sku-nowhere"]), quantity=st.integers(1, 3))
    def add(self, tab: int, sku: str, quantity: int) -> None:
        self._send(tab, lambda request: self.carts.add(CUSTOMER, sku, quantity, request))

    @rule(tab=TABS, sku=st.sampled_from(SKUS), quantity=st.integers(1, 3))
    def set_quantity(self, tab: int, sku: str, quantity: int) -> None:
        self._send(tab, lambda request: self.carts.set_quantity(CUSTOMER, sku, quantity, request))

    @rule(tab=TABS, sku=st.sampled_from(SKUS))
    def remove(self, tab: int, sku: str) -> None:
        self._send(tab, lambda request: self.carts.remove(CUSTOMER, sku, request))

    @rule(tab=TABS)
    def clear(self, tab: int) -> None:
        self._send(tab, lambda request: self.carts.clear(CUSTOMER, request))

    @rule(tab=TABS, quantity=st.integers(1, 3), prices=st.tuples(*[st.sampled_from([400, 500, 600])] * 3))
    def fill_and_check_out(self, tab: int, quantity: int, prices: tuple[int, int, int]) -> None:
        """The whole way; the price changes before the checkout, and before the order is decided."""
        self.seed("sku-a", 9, prices[0], "GBP")
        self.read(tab)
        self.clear(tab)
        self.read(tab)
        self.add(tab, "sku-a", quantity)
        self.read(tab)
        self.seed("sku-a", 9, prices[1], "GBP")
        self.check_out(tab)
        self.seed("sku-a", 9, prices[2], "GBP")
        self.decide()

    @rule(tab=TABS)
    def check_out(self, tab: int) -> None:
        shown = next(iter(self.tabs[tab].totals), Total(0, "GBP"))
        self._send(tab, self._checkout(shown))

    @rule(tab=TABS)
    def a_double_click(self, tab: int) -> None:
        """Both tabs, or both clicks, reach the service at once."""
        self.read(tab)
        shown = next(iter(self.tabs[tab].totals), Total(0, "GBP"))
        self.store.meanwhile = lambda: self._send(tab, self._checkout(shown))
        self._send(tab, self._checkout(shown))
        self.store.meanwhile = None

    @rule(tab=TABS, sku=st.sampled_from(SKUS), swept=st.booleans())
    def two_at_once(self, tab: int, sku: str, *, swept: bool) -> None:
        self.read(tab)
        self.read(1 - tab)
        self.store.meanwhile = self.sweep if swept else lambda: self.check_out(1 - tab)
        self.add(tab, sku, 1)
        self.store.meanwhile = None

    @rule(choice=st.integers(0, 30))
    def repeat(self, choice: int) -> None:
        """A request arrives again: it has the same answer, or is of a cart before the last, and changes nothing."""
        if not self.sent:
            return
        sent, before = self.sent[choice % len(self.sent)], len(self.store.log)
        answer = _answer(sent.act, sent.request)
        closed = max((commit.version for commit in self.store.read(STREAM) if closes(commit)), default=0)
        if sent.version < closed:
            assert answer is Refusal.STALE
        else:
            assert isinstance(answer, Cart)
            assert answer.version == sent.version
        assert len(self.store.log) == before

    @rule(hours=st.sampled_from([1, 40, 80]))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def sweep(self) -> None:
        assert self.sweeper.clear_all([STREAM], self.now) == {}
        self.swept_at = self.now

    @rule()
    def sweep_at_a_checkout(self) -> None:
        self.read(0)
        self.store.meanwhile = lambda: self.check_out(0)
        self.sweep()
        self.store.meanwhile = None

    @rule()
    def decide(self) -> None:
        """All orders that were placed so far, some again."""
        placed = [commit for commit in self.store.read(STREAM) if commit.find(OrderPlaced)]
        orders = [PlacedOrder.of(commit.get(OrderPlaced), allow_forced_payment_result=True) for commit in placed]
        causes = [Cause(commit.event_id(1), "correlation-1", self.now) for commit in placed]
        assert not any(self.orders.place_all(list(zip(orders, causes, strict=True))))

    @invariant()
    def the_cart_has_a_life(self) -> None:
        CART.fold(self.store.read(STREAM))

    @invariant()
    def a_version_of_a_cart_makes_one_order_and_no_more(self) -> None:
        placed = set()
        for commit in self.store.read(STREAM):
            if checkout := commit.find(CartCheckoutInitiated):
                assert checkout_version(checkout.order_id) == commit.version
                assert commit.get(OrderPlaced).order_id == checkout.order_id
                placed.add(checkout.order_id)
        assert self._decided().keys() <= placed

    @invariant()
    def nobody_pays_more_than_was_shown(self) -> None:
        for order_id, decision in self._decided().items():
            if validated := decision.find(OrderValidated):
                shown = self.shown[order_id]
                assert validated.currency == shown.currency
                assert validated.amount_minor <= shown.amount_minor

    @invariant()
    def only_an_open_cart_that_was_left_alone_is_abandoned(self) -> None:
        history = self.store.read(STREAM)
        for before, commit in pairwise(history):
            cleared = commit.find(CartCleared)
            if cleared and cleared.reason is ClearReason.ABANDONED:
                assert not before.find(CartCheckoutInitiated)
                assert commit.cause.at - before.cause.at >= AFTER

    @invariant()
    def an_open_cart_has_a_deadline_to_come(self) -> None:
        history = self.store.read(STREAM)
        opened = [one for before, one in pairwise((None, *history)) if one and (before is None or closes(before))]
        if not self.carts.read(CUSTOMER)[0].touched_at:
            return
        since = max(opened[-1].cause.at, self.swept_at)
        told = (group for groups in self.store.deadlines._minutes.values() for group in groups)  # noqa: SLF001
        assert any(STREAM in group.stream_ids and group.due_at > since for group in told)

    @invariant()
    def stock_is_what_the_orders_left(self) -> None:
        for sku, item in self.store.stock.items():
            reserved = sum(
                line.quantity
                for decision in self._decided().values()
                if decision.stock_move.move is Move.RESERVE
                for line in decision.stock_move.lines
                if line.sku == sku
            )
            assert item.reserved == reserved
            assert item.stock == item.available + item.reserved
            assert item.available >= 0

    def _decided(self) -> dict[str, Commit]:
        return {
            commit.stream_id.removeprefix("order#"): commit
            for commit in self.store.log
            if commit.stream_id.startswith("order#")
        }

    def _checkout(self, shown: Total) -> Callable[[Request], Cart]:
        def act(request: Request) -> Cart:
            cart, checkout = self.carts.check_out(CUSTOMER, shown, request)
            assert Total(checkout.shown_total_minor, checkout.currency) == shown
            self.shown[checkout.order_id] = shown
            if cart.last is self.store.log[-1]:
                lines = cart.last.get(OrderPlaced).items
                present = sum(line.quantity * self.store.stock[line.sku].product.price_minor for line in lines)
                assert present <= shown.amount_minor, "it was checked out for more than was shown"
            return cart

        return act

    def _send(self, tab: int, act: Callable[[Request], Cart]) -> None:
        """Send a command from a tab, for the version that the tab shows."""
        self.keys += 1
        cause = replace(CAUSE, at=self.now)
        request = Request(self.tabs[tab].version, cause, Command(f"key-{self.keys}", "content"))
        before = len(self.store.log)
        answer = _answer(act, request)
        assert isinstance(answer, Cart) or answer in _EXPECTED
        if isinstance(answer, Cart) and len(self.store.log) > before:
            self.sent.append(_Sent(act, request, answer.version))


def _answer(act: Callable[[Request], Cart], request: Request) -> Cart | Refusal:
    try:
        return act(request)
    except RefusedError as refused:
        return refused.reason


TestCarts = Carts.TestCase
TestCarts.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

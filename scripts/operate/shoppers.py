"""The demo's customers at the front door: they sign up, fill carts, check out, ask staff, and rate what came."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic, perf_counter, sleep
from typing import NamedTuple, Self

from scripts.cli.errors import UserError
from scripts.cli.waiting import wait_until
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate.shop_client import ShopClient
from scripts.operate.shop_requests import Answer, ProblemError
from scripts.operate.shop_users import ShopUsers, email_of
from services.cart_service.api import CartView, TotalView
from services.catalog_service.api import ProductChanges
from services.customer_service.api import MyChanges
from services.shared.refusals import Refusal
from services.support_service.api import CreateTicket
from services.support_service.domain import TicketStatus

CUSTOMERS = 20
_AT_ONCE = 2
_FIRST_PAGE = 5
_MOST_SKUS = 3
_CHECKOUTS = 5
"""A customer whose total rises agrees to the new one, so many times."""
_DECISION_SECONDS = 10.0
_POLL_SECONDS = 0.01
_REMOVAL_SECONDS = 60.0
_REMOVAL_POLL_SECONDS = 0.1
_PROFILE_EVERY = 4
"""One of so many customers fills in a profile."""
_ASKING = 2
_WISH_TO_CANCEL = 3
"""Customers try to cancel until one was faster than the order's fulfilment, so many at most."""


@dataclass
class Visits:
    """What became of the visits, and how long the API took."""

    placed: dict[str, datetime] = field(default_factory=dict)
    """The orders, and when their checkouts were sent."""
    command_ms: list[float] = field(default_factory=list)
    """Of each change of a cart, each checkout and each cancellation that was accepted."""
    told: Counter[str] = field(default_factory=Counter)
    """How often something happened that the demo is to show."""
    ratings: list[int] = field(default_factory=list)
    """The customers' feedback, from 1 to 5."""
    served: Counter[str] = field(default_factory=Counter)
    """How often a customer told of themselves, was answered, or was erased."""


class Customer(NamedTuple):
    """Somebody who is signed in."""

    name: str
    client: ShopClient


class Shoppers:
    """The customers of one run, who order what `skus` names. Their users are removed at the end of the `with`."""

    def __init__(
        self, users: ShopUsers, client_of: Callable[[str], ShopClient], run_id: str, skus: Sequence[str]
    ) -> None:
        self.visits = Visits()
        self._users = users
        self._client_of = client_of
        self._run_id = run_id
        *self._skus, self._dearer_sku = skus
        self._customers: list[Customer] = []
        self._orders: dict[str, Customer] = {}
        self._tickets: dict[str, str] = {}
        """By the order that they are about."""

    @classmethod
    def of(cls, target: Target, deployment: Deployment, run_id: str, skus: Sequence[str]) -> Self:
        users = ShopUsers(target, deployment)
        return cls(users, lambda token: ShopClient.of(target, deployment, token), run_id, skus)

    def __enter__(self) -> Self:
        self._staff = self._sign_up("staff", staff=True)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            self._customers += pool.map(self._sign_up, (f"{number:02d}" for number in range(1, CUSTOMERS + 1)))
        for customer in self._customers[::_PROFILE_EVERY]:
            self._fill_in_profile(customer)
        return self

    def __exit__(self, *_: object) -> None:
        for user in (self._staff, *self._customers):
            self._users.remove(user.name)

    def shop(self) -> Visits:
        """Each customer orders: one at a price that has risen, one by a double click, one who then cancels.

        Some ask staff about their order afterwards.
        """
        surprised, hasty, *others = self._customers
        self._meet_a_higher_price(surprised)
        self._click_twice(hasty)
        undecided, others = others[:_WISH_TO_CANCEL], others[_WISH_TO_CANCEL:]
        for customer in undecided:
            order_id = self._visit(customer)
            if not self.visits.told["cancelled"]:
                self._cancel(customer, order_id)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._visit, others))
        for order_id in list(self._orders)[-_ASKING:]:
            self._ask(order_id)
        return self.visits

    def rate(self, delivered: Sequence[str]) -> None:
        """Each customer gives feedback on their order if it is delivered."""
        for order_id in delivered:
            if order_id in self._orders:
                rating = random.Random(order_id).randint(3, 5)  # noqa: S311 - no secret
                self._orders[order_id].client.give_feedback(order_id, rating)
                self.visits.ratings.append(rating)

    def return_one(self, delivered: Sequence[str]) -> str | None:
        """Send one of the delivered orders back, which staff receives; return its id, None if none is a customer's."""
        order_id = next((one for one in delivered if one in self._orders), None)
        if order_id is None:
            return None
        client = self._orders[order_id].client
        units = {line.sku: line.quantity for line in client.get_order(order_id).content.lines}
        opened = client.request_return(order_id, units).content
        self._staff.client.receive_return(order_id, opened.return_id, units, restock=units)
        self.visits.told["returned"] += 1
        return order_id

    def erase_one(self) -> None:
        """A customer who has asked staff leaves for good. Raises UserError if the shop does not forget them in time."""
        order_id, ticket_id = next(iter(self._tickets.items()))
        customer, staff = self._orders[order_id], self._staff.client
        customer.client.delete_me()
        self._customers.remove(customer)

        def is_forgotten() -> bool:
            is_closed = staff.get_ticket(ticket_id).content.status is TicketStatus.CLOSED
            return is_closed and not self._users.exists(customer.name)

        if not wait_until(is_forgotten, _REMOVAL_SECONDS, _REMOVAL_POLL_SECONDS):
            raise UserError(f"the shop did not forget {customer.name} within {_REMOVAL_SECONDS:.0f} s")
        self.visits.served["was erased for good"] += 1

    def _sign_up(self, name: str, *, staff: bool = False) -> Customer:
        user = f"demo-{self._run_id}-{name}"
        token = self._users.sign_up(user)
        if staff:
            self._users.make_staff(email_of(user))
            token = self._users.sign_in_anew(email_of(user))
        return Customer(user, self._client_of(token.text))

    def _fill_in_profile(self, customer: Customer) -> None:
        address = {"lines": ["1 Queue Street"], "city": "London", "country": "GB"}
        told = MyChanges.model_validate({"name": f"Customer {customer.name}", "addresses": [address]})
        customer.client.change_me(told, customer.client.get_me().version)
        self.visits.served["filled in a profile"] += 1

    def _ask(self, order_id: str) -> None:
        """The order's customer asks about it, and staff answers."""
        question = {"subject": "My order", "text": "When will it arrive?", "orderId": order_id}
        ticket = self._orders[order_id].client.create_ticket(CreateTicket.model_validate(question)).content
        self._staff.client.resolve_ticket(ticket.ticket_id, "In two or three days.")
        self._tickets[order_id] = ticket.ticket_id
        self.visits.served["were answered by staff"] += 1

    def _visit(self, customer: Customer) -> str:
        """Look around, fill the cart and check out; return the order's id."""
        dice = random.Random(customer.name)  # noqa: S311 - no secret
        customer.client.list_categories()
        customer.client.list_products(limit=_FIRST_PAGE)
        return self._check_out(customer, self._filled(customer, dice.sample(self._skus, dice.randint(1, _MOST_SKUS))))

    def _filled(self, customer: Customer, skus: Sequence[str]) -> Answer[CartView]:
        """Put a unit of each into the cart, and show it."""
        version = customer.client.get_cart().version
        for sku in skus:
            customer.client.get_product(sku)
            with self._timed():
                version = customer.client.add_cart_item(sku, 1, version).version
        return customer.client.get_cart()

    def _check_out(self, customer: Customer, cart: Answer[CartView]) -> str:
        """Order for the total that was shown, or for the new one where it has risen."""
        shown = _total(cart)
        for _ in range(_CHECKOUTS):
            at = datetime.now(UTC)
            try:
                with self._timed():
                    placed = customer.client.check_out_cart(shown, cart.version)
            except ProblemError as refused:
                if refused.reason != Refusal.PRICE_CHANGED:
                    raise
                shown = TotalView.model_validate(refused.extensions["present"])
                self.visits.told["agreed to a higher price"] += 1
            else:
                return self._remember(customer, placed.content.order_id, at)
        raise UserError(f"the prices of {customer.name}'s cart rose at each of {_CHECKOUTS} checkouts")

    def _meet_a_higher_price(self, customer: Customer) -> None:
        """Staff raises a price between the look at the cart and the checkout, and takes it back afterwards."""
        cart, staff = self._filled(customer, [self._dearer_sku]), self._staff.client
        before = staff.get_product(self._dearer_sku)
        price = before.content.price_minor
        staff.change_product(self._dearer_sku, _priced(price + 1), before.version)
        self._check_out(customer, cart)
        staff.change_product(self._dearer_sku, _priced(price), staff.get_product(self._dearer_sku).version)

    def _click_twice(self, customer: Customer) -> None:
        """Send one checkout twice at the same moment, with one key: both answers name one order."""
        cart = self._filled(customer, self._skus[:1])
        key, at, shown = f"{customer.name}-click", datetime.now(UTC), _total(cart)
        with ThreadPoolExecutor(2) as fingers:
            clicks = [fingers.submit(customer.client.check_out_cart, shown, cart.version, key) for _ in range(2)]
        first, second = (click.result().content.order_id for click in clicks)
        if first != second:
            raise UserError(f"a checkout that was sent twice made two orders, {first} and {second}")
        self.visits.told["clicked twice"] += 1
        self._remember(customer, first, at)

    def _cancel(self, customer: Customer, order_id: str) -> None:
        """Cancel the order as soon as it is decided, unless its fulfilment has started, or it was refused."""
        until = monotonic() + _DECISION_SECONDS
        while monotonic() < until:
            try:
                with self._timed():
                    customer.client.cancel_order(order_id)
            except ProblemError as refused:
                if refused.reason != Refusal.NOT_YET:
                    return
                sleep(_POLL_SECONDS)
            else:
                self.visits.told["cancelled"] += 1
                return

    def _remember(self, customer: Customer, order_id: str, at: datetime) -> str:
        self._orders[order_id] = customer
        self.visits.placed[order_id] = at
        return order_id

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """Note how long a command took, unless it was refused."""
        began = perf_counter()
        yield
        self.visits.command_ms.append((perf_counter() - began) * 1000)


def _total(cart: Answer[CartView]) -> TotalView:
    (total,) = cart.content.present_totals or cart.content.totals
    return total


def _priced(price_minor: int) -> ProductChanges:
    return ProductChanges.model_validate({"priceMinor": price_minor})

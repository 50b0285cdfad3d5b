"""Customers and staff at the front door: each hand decides what to do, sends it, and notes what it was told."""

import base64
import json
import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from pydantic import BaseModel

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate.shop_client import ShopClient
from scripts.operate.shop_requests import Answer, ProblemError
from scripts.operate.shop_users import ShopUsers
from services.cart_service.api import CartView
from services.catalog_service.api import ProductView
from services.fulfilment_service.carrier import CarrierEvent
from services.fulfilment_service.carrier_messages import CarrierMessages
from services.libs.http.incoming_requests import CORRELATION_HEADER
from services.libs.runtime.backoff import Backoff
from services.libs.store.event_store import ContentionError
from services.order_service.order_statuses import OrderAction, OrderStatus
from services.order_service.order_views import OrderView
from services.shared.causes import Cause
from services.shared.refusals import RefusedError
from tests.faults import commands
from tests.faults.commands import AnyAnswer, CartCommands, Log, Repetition, Request, Sent

# Impatient: a function that died answers at once, and its next worker takes a second.
_PATIENCE = Backoff(attempts=6, first_pause_seconds=0.1, longest_pause_seconds=1)
_LOST_ANSWERS = 0.15
"""The share of the answers that never reach the caller, who repeats the request."""
_MOST_UNITS = 3
_CANCEL_SHARE = 0.7
_DECISION_SECONDS = 10
_DECISION_LOOK_SECONDS = 0.05
_LOOK_SECONDS = 0.1
_NEW_TOKEN_AFTER = 0.6


class Budget:
    """How many commands are left, for all hands together; `on_command` is called with the number of each, from 0."""

    def __init__(self, commands: int, until: float, on_command: Callable[[int], None]) -> None:
        self._commands, self._until, self._on_command = commands, until, on_command
        self._numbers = count()
        self._last = -1

    @property
    def is_left(self) -> bool:
        return self._last + 1 < self._commands and monotonic() < self._until

    def take(self) -> None:
        self._last = next(self._numbers)
        self._on_command(self._last)


class Person:
    """Somebody who signed up, and signs in anew before their token ends. Several hands may act for them."""

    def __init__(self, target: Target, deployment: Deployment, *, is_staff: bool = False) -> None:
        self._users = ShopUsers(target, deployment)
        self._url = deployment.shop_url(target)
        self._email = f"{uuid4().hex[:12]}@shop-user.example"
        self._users.create(self._email)
        if is_staff:
            self._users.make_staff(self._email)
        self.open_orders: deque[str] = deque()
        """Accepted, as far as is known, and not at the end of what this suite does with them."""
        self.customer_id: str = _claims(self._users.sign_in_anew(self._email).text)["customer_id"]

    def sign_in(self) -> tuple[ShopClient, float]:
        """A client, and when to take the next one."""
        token = self._users.sign_in_anew(self._email)
        return ShopClient(self._url, token.text, _PATIENCE), monotonic() + _NEW_TOKEN_AFTER * token.lifetime_seconds


class Hand(ABC):
    """One browser tab, or one desk: what it does, one request after the other."""

    def __init__(self, person: Person, log: Log, budget: Budget, dice: random.Random) -> None:
        self._person, self._log, self._budget, self._dice = person, log, budget, dice
        self._acknowledged: list[Sent] = []
        self._client, self._until = person.sign_in()

    def work(self) -> None:
        while self._budget.is_left:
            self._do_something()

    @abstractmethod
    def _do_something(self) -> None: ...

    def repeat_all(self) -> None:
        """Send what was acknowledged once more, long after."""
        for sent in self._acknowledged:
            if sent.request.command:
                self._repeat(sent)

    def _repeat(self, sent: Sent) -> None:
        self._log.repetitions.append(Repetition(sent, self._ask(sent.request)))

    def _send(self, request: Request) -> AnyAnswer | None:
        """Send the command; None if it was not acknowledged. An answer that is lost is asked for again."""
        self._budget.take()
        sent = self._ask(request)
        self._log.sent.append(sent)
        if sent.answer:
            self._acknowledged.append(sent)
            if self._dice.random() < _LOST_ANSWERS:
                self._repeat(sent)
        return sent.answer

    def _ask(self, request: Request) -> Sent:
        try:
            answer = self._signed_in().request(
                request.method,
                request.path,
                request.answered_as,
                body=request.body,
                version=request.version,
                key=request.key,
                headers={CORRELATION_HEADER: request.correlation_id},
            )
        except ProblemError as problem:
            return Sent(request, problem=problem)
        except UserError:
            return Sent(request)
        return Sent(request, answer)

    def _look(self, path: str, answered_as: type[BaseModel]) -> AnyAnswer | None:
        """Read; None where no answer came, or none that helps."""
        try:
            return self._signed_in().request("GET", path, answered_as)
        except (ProblemError, UserError):
            return None

    def _signed_in(self) -> ShopClient:
        if monotonic() > self._until:
            self._client, self._until = self._person.sign_in()
        return self._client


class Tab(Hand):
    """A customer's: another may be open on the same cart."""

    def __init__(  # noqa: PLR0913 - what a customer has to do with
        self,
        person: Person,
        log: Log,
        budget: Budget,
        dice: random.Random,
        *,
        skus: list[str],
        carrier: CarrierMessages,
        returns: deque[Request],
        staff: Person,
    ) -> None:
        super().__init__(person, log, budget, dice)
        self._skus, self._carrier, self._returns, self._staff = skus, carrier, returns, staff
        self._cart = CartCommands(person.customer_id)

    def _do_something(self) -> None:
        if self._person.open_orders and self._dice.random() < 0.3:
            self._follow_an_order()
            return
        seen: Answer[CartView] | None = self._look("/v1/cart", CartView)
        if seen is not None and seen.version is not None:
            self._change_cart(seen.content, seen.version)

    def _change_cart(self, cart: CartView, version: int) -> None:
        weights = {"add": 4, "set": 2, "remove": 1, "clear": 0.5, "check out": 4} if cart.lines else {"add": 1}
        (wish,) = self._dice.choices(list(weights), list(weights.values()))
        if wish == "add":
            units = self._dice.randint(1, _MOST_UNITS)
            self._send(self._cart.add(self._dice.choice(self._skus), units, version))
        elif wish == "clear":
            self._send(self._cart.clear(version))
        elif wish == "check out":
            self._check_out(cart, version)
        else:
            line = self._dice.choice(cart.lines)
            if wish == "remove":
                self._send(self._cart.remove(line.sku, version))
            else:
                others = [units for units in range(1, _MOST_UNITS + 2) if units != line.quantity]
                self._send(self._cart.set_quantity(line.sku, self._dice.choice(others), version))

    def _check_out(self, cart: CartView, version: int) -> None:
        (total,) = cart.present_totals or cart.totals
        answer = self._send(self._cart.check_out(total.amount_minor, total.currency, version))
        if answer is None:
            return
        order_id = answer.content.order_id
        if self._dice.random() < _CANCEL_SHARE:
            self._cancel(order_id)
        self._person.open_orders.append(order_id)

    def _cancel(self, order_id: str) -> None:
        """As soon as the order is decided: its fulfilment starts in a moment."""
        until = monotonic() + _DECISION_SECONDS
        while monotonic() < until:
            seen: Answer[OrderView] | None = self._look(f"/v1/orders/{order_id}", OrderView)
            if seen and seen.content.status is not OrderStatus.PLACED:
                if OrderAction.CANCEL in seen.content.actions:
                    self._send(commands.cancel(self._person.customer_id, order_id))
                return
            sleep(_DECISION_LOOK_SECONDS)

    def _follow_an_order(self) -> None:
        """Bring it further, and send some of it back once it is delivered."""
        try:
            order_id = self._person.open_orders.popleft()
        except IndexError:  # the other tab was faster
            return
        seen: Answer[OrderView] | None = self._look(f"/v1/orders/{order_id}", OrderView)
        if seen is None or seen.content.status is not OrderStatus.DELIVERED:
            if seen is None or seen.content.status is not OrderStatus.CANCELLED:
                self._person.open_orders.append(order_id)
            for parcel in seen.content.parcels if seen else ():
                with suppress(RefusedError, ContentionError):
                    self._carrier.record(parcel.shipment_id, _delivered(), _cause())
            sleep(_LOOK_SECONDS)
            return
        line = self._dice.choice(seen.content.lines)
        units = self._dice.randint(1, line.quantity)
        if answer := self._send(commands.send_back(self._person.customer_id, order_id, line.sku, units)):
            returned = answer.content.return_id
            self._returns.append(commands.receive(self._staff.customer_id, order_id, returned, line.sku, units))


class Desk(Hand):
    """One of the staff: fills the catalogue, prices what customers buy, and takes returns in."""

    def __init__(  # noqa: PLR0913 - what staff has to do with
        self,
        person: Person,
        log: Log,
        budget: Budget,
        dice: random.Random,
        *,
        skus: list[str],
        returns: deque[Request],
    ) -> None:
        super().__init__(person, log, budget, dice)
        self._skus, self._returns = skus, returns
        self._own: dict[str, int] = {}
        """Products that nobody buys, with their stock: an order would change the stock between two repetitions."""

    def _do_something(self) -> None:
        me = self._person.customer_id
        if self._returns:
            self._send(self._returns.popleft())
            return
        wish = self._dice.choice(("category", "product", "price", "stock") if self._own else ("product",))
        if wish == "category":
            self._send(commands.create_category(me, f"Category {uuid4().hex[:12]}"))
        elif wish == "product":
            request = commands.create_product(me, f"own-{uuid4().hex[:12]}", self._dice.randint(1, 5000))
            if self._send(request):
                self._own[request.stream_id.partition("#")[2]] = 0
        elif wish == "stock":
            sku = self._dice.choice(list(self._own))
            self._own[sku] += self._dice.randint(1, 100)
            self._send(commands.set_stock(me, sku, self._own[sku]))
        else:
            self._change_price(self._dice.choice([*self._own, *self._skus]))

    def _change_price(self, sku: str) -> None:
        seen = self._look(f"/v1/products/{sku}", ProductView)
        if seen is not None and seen.version is not None:
            price = seen.content.price_minor + self._dice.randint(1, 9)
            self._send(commands.change_price(self._person.customer_id, sku, price, seen.version))


def _delivered() -> CarrierEvent:
    return CarrierEvent(f"delivered-{uuid4().hex}", None, datetime.now(UTC))


def _cause() -> Cause:
    event_id = f"carrier-{uuid4().hex}"
    return Cause(event_id, event_id, datetime.now(UTC))


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims

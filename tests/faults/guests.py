"""Customers who come, tell of themselves, and are erased, whose functions die; and what must be left of them."""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate.shop_requests import Nothing
from services.cart_service.api import CartView
from services.customer_service.api import MeView, MyChanges
from services.libs.personal.customer_keys import Tombstones
from services.shared.cart_lifecycle import CART, EMPTY
from services.shared.commits import Commit
from services.shared.customer_lifecycle import CUSTOMER, ERASED, customer_stream
from services.shared.events.customer import CustomerErased, CustomerProfileUpdated
from services.shared.events.support import SupportTicketCreated
from services.shared.support_lifecycle import CLOSED, TICKET, ticket_stream
from services.support_service.api import CreateTicket, TicketView
from services.support_service.domain import ticket_id_for
from tests.faults.callers import Budget, Hand, Person
from tests.faults.commands import CartCommands, Log, Request


def change_me(caller: str, name: str, version: int) -> Request:
    return Request(
        name="me: change",
        caller=caller,
        method="PATCH",
        route="/v1/me",
        answered_as=MeView,
        stream_id=customer_stream(caller),
        leads_to=(CustomerProfileUpdated,),
        says={"fields": ["name"]},
        body=MyChanges(name=name),
        version=version,
    )


def erase(caller: str) -> Request:
    return Request(
        name="me: erase",
        caller=caller,
        method="DELETE",
        route="/v1/me",
        answered_as=Nothing,
        stream_id=customer_stream(caller),
        leads_to=(CustomerErased,),
        says={"customer_id": caller},
    )


def open_ticket(caller: str, text: str) -> Request:
    request = Request(
        name="me: ask",
        caller=caller,
        method="POST",
        route="/v1/tickets",
        answered_as=TicketView,
        stream_id="",
        leads_to=(SupportTicketCreated,),
        says={"customer_id": caller},
        body=CreateTicket(subject=text, text=text),
        is_sealed=True,
    )
    assert request.command
    return replace(request, stream_id=ticket_stream(ticket_id_for(request.command)))


class Guests(Hand):
    """One after the other."""

    def __init__(  # noqa: PLR0913 - what guests have to do with
        self, target: Target, deployment: Deployment, log: Log, budget: Budget, dice: random.Random, *, skus: list[str]
    ) -> None:
        super().__init__(Person(target, deployment), log, budget, dice)
        self._target, self._deployment = target, deployment
        self._skus = skus
        self.erased: list[str] = []
        """Those who were told so."""

    def repeat_all(self) -> None:
        """Nobody is left who could."""

    def _do_something(self) -> None:
        """The whole life of a guest. What comes after the erasure is refused."""
        self._person = Person(self._target, self._deployment)
        self._client, self._until = self._person.sign_in()
        me = self._person.customer_id
        if seen := self._look("/v1/me", MeView):
            self._send(change_me(me, f"name {self._dice.random()}", seen.version))
        self._send(open_ticket(me, f"text {self._dice.random()}"))
        if cart := self._look("/v1/cart", CartView):
            self._send(CartCommands(me).add(self._dice.choice(self._skus), 1, cart.version))
        if self._send(erase(me)):
            self.erased.append(me)
            self._send(open_ticket(me, "too late"))


def not_forgotten(
    target: Target, deployment: Deployment, commits: Iterable[Commit], erased: Iterable[str]
) -> Iterator[str]:
    """What is left of those who are erased, once nothing is under way."""
    tombstones = Tombstones(target.client("dynamodb"), deployment.tables.customer_key)
    streams: dict[str, list[Commit]] = defaultdict(list)
    for commit in commits:
        streams[commit.stream_id].append(commit)
    theirs = set(erased)
    for customer_id in theirs:
        tombstone = tombstones.tombstone(customer_id)
        if tombstone is None or tombstone.username:
            yield f"{customer_id}: {tombstone or 'no tombstone'}"
    for stream, history in streams.items():
        lifecycle = next((one for one in (CUSTOMER, CART, TICKET) if stream.startswith(one.prefix)), None)
        if lifecycle and _whose(history) in theirs:
            phase = lifecycle.fold(sorted(history, key=lambda one: one.version)).phase
            if phase not in {ERASED, EMPTY, CLOSED}:
                yield f"{stream} is {phase}"


def _whose(history: list[Commit]) -> str:
    return str(getattr(history[0].events[0], "customer_id", ""))

"""The support service's use cases: customers ask and rate, staff answer.

A command is found by its repetition, which gets what its commit left, whatever happened since. Each use case that
seals raises RefusedError (ERASED) for an erased customer, KEY_REUSED, and what its decision in the domain raises.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from services.libs.personal.customer_keys import CustomerKeys
from services.libs.personal.registration import open_key
from services.libs.personal.sealing import CustomerKey, Place
from services.libs.store.customer_orders import Undecided, find_order
from services.libs.store.event_store import EventStore
from services.libs.store.next_commit import History, write_command
from services.libs.store.ticket_index import TicketIndex
from services.shared.causes import Cause
from services.shared.commits import Command, Commit
from services.shared.events.support import ClosedBy
from services.shared.json_types import JsonObject
from services.shared.order_state import Order
from services.shared.refusals import Refusal, RefusedError, customer_erased
from services.shared.support_lifecycle import feedback_stream, ticket_stream
from services.support_service import domain
from services.support_service.domain import Feedback, NewTicket, Seal, Ticket
from services.support_service.texts import Texts
from services.support_service.ticket_reader import read_tickets


class Actor(NamedTuple):
    """Who asks. `username` is their user in the pool."""

    customer_id: str
    username: str = ""
    is_staff: bool = False


class Request(NamedTuple):
    actor: Actor
    cause: Cause
    command: Command


class FoundTicket(NamedTuple):
    ticket: Ticket
    texts: Texts


class FoundFeedback(NamedTuple):
    feedback: Feedback
    texts: Texts


class TicketList(NamedTuple):
    tickets: tuple[Ticket, ...]
    texts: Texts
    next: JsonObject | None
    """Where the next page begins; None after the last one."""


class SupportService:
    def __init__(self, store: EventStore, keys: CustomerKeys, index: TicketIndex) -> None:
        self._store = store
        self._keys = keys
        self._index = index

    def create(self, new: NewTicket, request: Request) -> FoundTicket:
        """Ask for help; INVALID for an order that is not the customer's."""
        ticket_id, key = domain.ticket_id_for(request.command), self._own_key(request)
        stream = ticket_stream(ticket_id)

        def decide(_: History) -> Commit:
            self._require_order(new.order_id, new.customer_id)
            return domain.create(ticket_id, new, _seal(key, stream), request.cause)

        history = self._write(stream, key, request, decide)
        return FoundTicket(Ticket.of(history), Texts(self._keys, key))

    def list(self, actor: Actor, limit: int, after: JsonObject | None = None) -> TicketList:
        """The actor's tickets, or everybody's for staff, newest first."""
        page = self._index.tickets(limit, None if actor.is_staff else actor.customer_id, after)
        tickets = (Ticket.of(history) for history in read_tickets(self._store, page.streams).values())
        return TicketList(tuple(tickets), Texts(self._keys), page.next)

    def read(self, ticket_id: str, actor: Actor) -> FoundTicket:
        """A ticket of the actor's, or anybody's for staff. Raises RefusedError (NOT_FOUND)."""
        return FoundTicket(Ticket.of(self._find(ticket_id, actor)), Texts(self._keys))

    def resolve(self, ticket_id: str, text: str, request: Request) -> FoundTicket:
        """Answer a ticket, as staff."""
        return self._say(ticket_id, text, request, domain.resolve)

    def reopen(self, ticket_id: str, text: str, request: Request) -> FoundTicket:
        """Say that the answer did not help, as the customer, staff or not."""
        return self._say(ticket_id, text, request._replace(actor=request.actor._replace(is_staff=False)), domain.reopen)

    def close(self, ticket_id: str, request: Request) -> FoundTicket:
        """Close a ticket. Staff can do that after an erasure too, as nothing of it is sealed."""
        known, texts = self._find(ticket_id, request.actor), Texts(self._keys)
        customer_id = Ticket.of(known).customer_id
        store, by = self._store, ClosedBy.STAFF
        if customer_id == request.actor.customer_id:
            if self._keys.tombstone(customer_id):
                raise customer_erased()
            store, by = store.for_customer(customer_id), ClosedBy.CUSTOMER
        history = _written(
            store,
            ticket_stream(ticket_id),
            request.command,
            lambda history: domain.close(Ticket.of(history), by, request.cause),
            known,
        )
        return FoundTicket(Ticket.of(history), texts)

    def give_feedback(self, order_id: str, rating: int, text: str | None, request: Request) -> FoundFeedback:
        """Rate an order of the customer's; NOT_FOUND for another's, NOT_YET if it is not decided, CONFLICT if rated."""
        key, customer_id = self._own_key(request), request.actor.customer_id
        stream = feedback_stream(order_id)

        def decide(history: History) -> Commit:
            order = self._decided_order(order_id, customer_id)
            if history:
                raise RefusedError(Refusal.CONFLICT, "there is feedback on the order already, and it is given once")
            return domain.give_feedback(order, rating, text, _seal(key, stream), request.cause)

        history = self._write(stream, key, request, decide)
        return FoundFeedback(Feedback.of(history), Texts(self._keys, key))

    def read_feedback(self, order_id: str, actor: Actor) -> FoundFeedback:
        """The actor's feedback, or anybody's for staff. Raises RefusedError (NOT_FOUND)."""
        history = self._store.read(feedback_stream(order_id))
        if not history or not _may_see(actor, Feedback.of(history).given.customer_id):
            raise RefusedError(Refusal.NOT_FOUND, f"there is no feedback on an order {order_id}")
        return FoundFeedback(Feedback.of(history), Texts(self._keys))

    def _say(
        self, ticket_id: str, text: str, request: Request, decide: Callable[[Ticket, str, Seal, Cause], Commit]
    ) -> FoundTicket:
        known, texts = self._find(ticket_id, request.actor), Texts(self._keys)
        key, stream = texts.key(Ticket.of(known).customer_id), ticket_stream(ticket_id)
        history = self._write(
            stream,
            key,
            request,
            lambda history: decide(Ticket.of(history), text, _seal(key, stream), request.cause),
            known,
        )
        return FoundTicket(Ticket.of(history), texts)

    def _find(self, ticket_id: str, actor: Actor) -> History:
        history = self._store.read(ticket_stream(ticket_id))
        if not history or not _may_see(actor, Ticket.of(history).customer_id):
            raise RefusedError(Refusal.NOT_FOUND, f"there is no ticket {ticket_id}")
        return history

    def _own_key(self, request: Request) -> CustomerKey:
        actor = request.actor
        return open_key(self._store, self._keys, actor.customer_id, actor.username, request.cause)

    def _require_order(self, order_id: str | None, customer_id: str) -> None:
        if order_id is None:
            return
        try:
            find_order(self._store, order_id, customer_id)
        except RefusedError as refused:
            raise RefusedError(Refusal.INVALID, f"orderId: {refused}", "orderId") from None

    def _decided_order(self, order_id: str, customer_id: str) -> Order:
        order = find_order(self._store, order_id, customer_id)
        if isinstance(order, Undecided):
            raise RefusedError(Refusal.NOT_YET, f"order {order_id} is not decided yet: try again in a moment")
        return order

    def _write(
        self,
        stream: str,
        key: CustomerKey,
        request: Request,
        decide: Callable[[History], Commit],
        known: History | None = None,
    ) -> History:
        """Write what is personal: only while the key's customer is not erased, its content hashed under the key."""
        return _written(self._store.for_customer(key.customer_id), stream, key.command(request.command), decide, known)


def _written(
    store: EventStore,
    stream: str,
    command: Command,
    decide: Callable[[History], Commit],
    known: History | None = None,
) -> History:
    """The stream as the command's commit left it, now or before."""
    history, _ = write_command(
        store, lambda: store.read(stream), command, lambda found: replace(decide(found), command=command), known
    )
    return history


def _seal(key: CustomerKey, stream: str) -> Seal:
    return lambda version, field, text: key.seal(Place(stream, version, field), text)


def _may_see(actor: Actor, customer_id: str) -> bool:
    return actor.is_staff or actor.customer_id == customer_id

"""The decisions of support: what may follow in the life of a ticket, and when feedback is given.

Texts are sealed by a function that is passed in, and stay sealed in what is folded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from services.shared.causes import Cause
from services.shared.commits import Command, Commit, order_id_of
from services.shared.events.event import Event
from services.shared.events.support import (
    ClosedBy,
    CustomerFeedback,
    SupportTicketClosed,
    SupportTicketCreated,
    SupportTicketReopened,
    SupportTicketResolved,
)
from services.shared.lifecycle import State
from services.shared.order_state import Order
from services.shared.refusals import Refusal, RefusedError
from services.shared.support_lifecycle import CLOSED, RESOLVED, TICKET, feedback_stream, ticket_stream

SUBJECT, TEXT = "sealed_subject", "sealed_text"

Seal = Callable[[int, str, str], str]
"""Seals for a version of the stream and a field of its event, the text that comes third."""


class TicketStatus(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Sender(StrEnum):
    CUSTOMER = "customer"
    STAFF = "staff"


class SealedText(NamedTuple):
    """A customer's text, and where it is stored: the field is one of the version's event."""

    customer_id: str
    stream_id: str
    version: int
    field: str
    ciphertext: str


class Message(NamedTuple):
    sender: Sender
    text: SealedText
    at: datetime


class NewTicket(NamedTuple):
    customer_id: str
    subject: str
    text: str
    order_id: str | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A fold of a ticket's stream."""

    state: State
    created: SupportTicketCreated
    created_at: datetime
    messages: tuple[Message, ...]
    """Oldest first."""

    @classmethod
    def of(cls, history: Sequence[Commit]) -> "Ticket":
        """Raise ImpossibleCommitError for a history that no life of a ticket has."""
        messages = (_message(commit) for commit in history)
        return cls(
            TICKET.fold(history),
            history[0].get(SupportTicketCreated),
            history[0].cause.at,
            tuple(message for message in messages if message),
        )

    @property
    def stream_id(self) -> str:
        return ticket_stream(self.created.ticket_id)

    @property
    def customer_id(self) -> str:
        return self.created.customer_id

    @property
    def status(self) -> TicketStatus:
        return TicketStatus(self.state.phase.name)

    @property
    def subject(self) -> SealedText:
        return SealedText(self.customer_id, self.stream_id, 1, SUBJECT, self.created.sealed_subject)


@dataclass(frozen=True, slots=True)
class Feedback:
    given: CustomerFeedback
    at: datetime

    @classmethod
    def of(cls, history: Sequence[Commit]) -> "Feedback":
        return cls(history[0].get(CustomerFeedback), history[0].cause.at)

    @property
    def text(self) -> SealedText | None:
        given = self.given
        if given.sealed_text is None:
            return None
        return SealedText(given.customer_id, feedback_stream(given.order_id), 1, TEXT, given.sealed_text)


def ticket_id_for(command: Command) -> str:
    """The id of the ticket that this request creates, the same for each repetition."""
    return f"t-{command.key[:24]}"


def create(ticket_id: str, new: NewTicket, seal: Seal, cause: Cause) -> Commit:
    created = SupportTicketCreated(
        ticket_id=ticket_id,
        customer_id=new.customer_id,
        order_id=new.order_id,
        sealed_subject=seal(1, SUBJECT, new.subject),
        sealed_text=seal(1, TEXT, new.text),
    )
    return Commit(ticket_stream(ticket_id), 1, (created,), cause)


def resolve(ticket: Ticket, text: str, seal: Seal, cause: Cause) -> Commit:
    """Answer an open ticket. Raises RefusedError (NOT_ALLOWED)."""
    sealed = seal(_next_version(ticket), TEXT, text)
    return _next(
        ticket, SupportTicketResolved(**_ids(ticket), sealed_text=sealed), cause, "only an open one is resolved"
    )


def reopen(ticket: Ticket, text: str, seal: Seal, cause: Cause) -> Commit:
    """Say that the answer did not help. Raises RefusedError (NOT_ALLOWED)."""
    event = SupportTicketReopened(**_ids(ticket), sealed_text=seal(_next_version(ticket), TEXT, text))
    return _next(ticket, event, cause, "only a resolved one is reopened")


def close(ticket: Ticket, by: ClosedBy, cause: Cause) -> Commit:
    """Close a ticket for good. Raises RefusedError (NOT_ALLOWED)."""
    event = SupportTicketClosed(**_ids(ticket), closed_by=by, resolved=ticket.state.phase == RESOLVED)
    return _next(ticket, event, cause, "nothing follows")


def close_orphaned(ticket: Ticket, cause: Cause) -> Commit | None:
    """Close the ticket of an erased customer; None if it is closed already."""
    return None if ticket.state.phase == CLOSED else close(ticket, ClosedBy.ERASURE, cause)


def give_feedback(order: Order, rating: int, text: str | None, seal: Seal, cause: Cause) -> Commit:
    """Rate a delivered order. Raises RefusedError (NOT_ALLOWED)."""
    if order.delivered_at is None:
        raise RefusedError(
            Refusal.NOT_ALLOWED, f"the order is {order.state.phase}: feedback is given once it is delivered"
        )
    order_id = order_id_of(order.stream_id)
    given = CustomerFeedback(
        order_id=order_id,
        customer_id=order.customer_id,
        rating=rating,
        sealed_text=seal(1, TEXT, text) if text else None,
    )
    return Commit(feedback_stream(order_id), 1, (given,), cause)


def _message(commit: Commit) -> Message | None:
    match commit.events[0]:
        case SupportTicketCreated() | SupportTicketReopened() as event:
            sender = Sender.CUSTOMER
        case SupportTicketResolved() as event:
            sender = Sender.STAFF
        case _:
            return None
    text = SealedText(event.customer_id, commit.stream_id, commit.version, TEXT, event.sealed_text)
    return Message(sender, text, commit.cause.at)


def _next_version(ticket: Ticket) -> int:
    return ticket.state.version + 1


def _ids(ticket: Ticket) -> dict[str, str]:
    return {"ticket_id": ticket.created.ticket_id, "customer_id": ticket.customer_id}


def _next(ticket: Ticket, event: Event, cause: Cause, otherwise: str) -> Commit:
    commit = Commit(ticket.stream_id, _next_version(ticket), (event,), cause)
    if TICKET.transition(ticket.state.phase, commit) is None:
        raise RefusedError(Refusal.NOT_ALLOWED, f"the ticket is {ticket.state.phase}: {otherwise}")
    return commit

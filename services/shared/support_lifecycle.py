"""The life of a ticket, which support answers, and of the feedback on an order, which is given once."""

from datetime import timedelta

from services.shared.events.support import (
    CustomerFeedback,
    SupportTicketClosed,
    SupportTicketCreated,
    SupportTicketReopened,
    SupportTicketResolved,
)
from services.shared.lifecycle import Lifecycle, Phase, Transition, Wait

TICKET_PREFIX = "ticket#"
FEEDBACK_PREFIX = "feedback#"
_SUPPORT_SERVICE = "support-service"

NEW = Phase("new")
OPEN = Phase("open", Wait("it waits for support", timedelta(days=14)))
RESOLVED = Phase("resolved")
CLOSED = Phase("closed")

TICKET = Lifecycle(
    prefix=TICKET_PREFIX,
    start=NEW,
    transitions=(
        Transition((NEW,), (SupportTicketCreated,), _SUPPORT_SERVICE, OPEN),
        Transition((OPEN,), (SupportTicketResolved,), _SUPPORT_SERVICE, RESOLVED),
        Transition((RESOLVED,), (SupportTicketReopened,), _SUPPORT_SERVICE, OPEN),
        Transition((OPEN, RESOLVED), (SupportTicketClosed,), _SUPPORT_SERVICE, CLOSED),
    ),
)

GIVEN = Phase("given")

FEEDBACK = Lifecycle(
    prefix=FEEDBACK_PREFIX,
    start=NEW,
    transitions=(Transition((NEW,), (CustomerFeedback,), _SUPPORT_SERVICE, GIVEN),),
)


def ticket_stream(ticket_id: str) -> str:
    return f"{TICKET_PREFIX}{ticket_id}"


def feedback_stream(order_id: str) -> str:
    return f"{FEEDBACK_PREFIX}{order_id}"

"""The events of support: tickets and feedback, by ids and ratings. Every text is stored sealed."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StrictBool

from services.shared.events.event import Bus, Count, Event, Identifier, Sealed, Stored

Rating = Annotated[Count, Field(ge=1, le=5)]


class SupportTicketCreated(Event):
    """A customer asks for help, perhaps with an order of theirs."""

    BUS: ClassVar[Bus] = Bus.SHOP
    NO_CONSUMER: ClassVar[str] = "staff read it at the API; others may tell them"

    ticket_id: Identifier
    customer_id: Identifier
    order_id: Identifier | None = None
    sealed_subject: Stored[Sealed]
    sealed_text: Stored[Sealed]


class SupportTicketResolved(Event):
    """Staff answered."""

    BUS: ClassVar[Bus] = Bus.SHOP
    NO_CONSUMER: ClassVar[str] = "the customer reads it at the API; others may tell them"

    ticket_id: Identifier
    customer_id: Identifier
    sealed_text: Stored[Sealed]


class SupportTicketReopened(Event):
    """The answer did not help the customer."""

    BUS: ClassVar[Bus] = Bus.SHOP
    NO_CONSUMER: ClassVar[str] = "staff read it at the API; others may tell them"

    ticket_id: Identifier
    customer_id: Identifier
    sealed_text: Stored[Sealed]


class ClosedBy(StrEnum):
    CUSTOMER = "customer"
    STAFF = "staff"
    ERASURE = "erasure"
    """The customer is erased: nobody can read it any more."""


class SupportTicketClosed(Event):
    """Nothing follows it."""

    BUS: ClassVar[Bus] = Bus.SHOP
    NO_CONSUMER: ClassVar[str] = "nothing follows; others may study what was asked"

    ticket_id: Identifier
    customer_id: Identifier
    closed_by: ClosedBy
    resolved: StrictBool
    """Whether it was resolved before."""


class CustomerFeedback(Event):
    """What a customer thinks of an order that was delivered: 1 is worst, 5 is best."""

    BUS: ClassVar[Bus] = Bus.SHOP
    NO_CONSUMER: ClassVar[str] = "it is counted with its commit; others may study it"

    order_id: Identifier
    customer_id: Identifier
    rating: Rating
    sealed_text: Stored[Sealed | None] = None

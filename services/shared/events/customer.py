"""The events of customers: ids only. What is personal is stored sealed, under the customer's own key."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from services.shared.events.event import Bus, Event, Identifier, Sealed, Stored


class ProfileField(StrEnum):
    NAME = "name"
    MAIL = "mail"
    ADDRESSES = "addresses"


class CustomerRegistered(Event):
    """A customer signed in for the first time, or gave their first command."""

    BUS: ClassVar[Bus] = Bus.SHOP
    NO_CONSUMER: ClassVar[str] = "nothing follows; others may welcome the customer"

    customer_id: Identifier
    sealed_profile: Stored[Sealed | None] = None
    """What the user pool told; None if a command registered the customer."""


class CustomerProfileUpdated(Event):
    """The fields of the profile that changed, by name. Their values are not published."""

    BUS: ClassVar[Bus] = Bus.SHOP
    NO_CONSUMER: ClassVar[str] = "the profile is read from its stream; others may ask the customer to confirm"

    customer_id: Identifier
    fields: Annotated[tuple[ProfileField, ...], Field(min_length=1)]
    sealed_profile: Stored[Sealed]
    """The whole profile as it is from now on."""


class CustomerErased(Event):
    """The customer's key is destroyed: nothing that was sealed under it can be read again."""

    BUS: ClassVar[Bus] = Bus.SHOP

    customer_id: Identifier


class CustomerLogin(Event):
    """A customer signed in; at most one a minute is told."""

    BUS: ClassVar[Bus] = Bus.SHOP
    NO_CONSUMER: ClassVar[str] = "nothing follows; others may watch how often customers come"

    customer_id: Identifier

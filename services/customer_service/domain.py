"""Who a customer is, in whichever region they sign in, what their profile holds, and what follows from a command."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict

from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.customer_lifecycle import customer_stream, login_stream
from services.shared.events.customer import (
    CustomerErased,
    CustomerLogin,
    CustomerProfileUpdated,
    CustomerRegistered,
    ProfileField,
)
from services.shared.refusals import Refusal, RefusedError

ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
MAIL = r"^[^\s\x00-\x1f\x7f-\x9f@<>]{1,64}@[^\s\x00-\x1f\x7f-\x9f@<>.]{1,63}(\.[^\s\x00-\x1f\x7f-\x9f@<>.]{1,63}){1,9}$"
"""The form of a plausible address: only an answer shows that there is one."""
LONGEST_MAIL = 254
MOST_PROFILE_BYTES = 16 * 1024
"""Of a whole profile as JSON: sealed, it leaves its commit far below 32 KB."""
LOGIN_INTERVAL = timedelta(minutes=1)
_DIGITS = 26
_PART = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)


class Address(BaseModel):
    """Where a parcel may go."""

    model_config = _PART

    label: str | None = None
    recipient: str | None = None
    lines: tuple[str, ...]
    city: str
    postcode: str | None = None
    country: str


class Profile(BaseModel):
    """What a customer has told of themselves. It is sealed as a whole, as JSON."""

    model_config = _PART

    name: str | None = None
    mail: str | None = None
    addresses: tuple[Address, ...] = ()

    @classmethod
    def of(cls, text: str) -> Self:
        return cls.model_validate_json(text)

    @property
    def text(self) -> str:
        return self.model_dump_json(exclude_none=True)


class SealedProfile(NamedTuple):
    """A profile as it is stored, and the version of the customer's stream that has it."""

    version: int
    text: str


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer as of the last commit of their stream; version 0 if there is none yet."""

    customer_id: str
    version: int
    sealed: SealedProfile | None
    is_erased: bool

    @classmethod
    def of(cls, customer_id: str, history: Sequence[Commit]) -> Self:
        """Fold the stream from the last commit that states a profile on, or from the first."""
        sealed = [SealedProfile(commit.version, text) for commit in history if (text := sealed_profile(commit))]
        last = history[-1] if history else None
        is_erased = bool(last and last.find(CustomerErased))
        return cls(customer_id, last.version if last else 0, sealed[-1] if sealed else None, is_erased)

    @property
    def stream_id(self) -> str:
        return customer_stream(self.customer_id)


class Update(NamedTuple):
    """A profile as it is from now on, and the fields that changed."""

    profile: Profile
    fields: tuple[ProfileField, ...]


def customer_id_of(sub: str) -> str:
    """Derive a new customer's id from the `sub` that a user pool first gave them.

    It is an Identifier, and tells nobody the `sub`.
    """
    return f"c-{hashlib.sha256(sub.encode()).hexdigest()[:_DIGITS]}"


def sealed_profile(commit: Commit) -> str | None:
    """The profile that the commit states, if it states one."""
    stating = commit.find(CustomerProfileUpdated) or commit.find(CustomerRegistered)
    return stating.sealed_profile if stating else None


def first_profile(mail: str) -> Profile:
    """The profile of a new customer, by the address that they sign in with."""
    return Profile(mail=mail) if len(mail) <= LONGEST_MAIL and re.fullmatch(MAIL, mail) else Profile()


def require_version(customer: Customer, version: int) -> None:
    """Raise RefusedError (STALE) unless the command is meant for the customer as they are.

    Whoever read version 0 has seen all there is of a customer who has only been registered since, without a profile.
    """
    is_only_registered = customer.version == 1 and customer.sealed is None
    if version != customer.version and not (version == 0 and is_only_registered):
        found = f"the profile is at version {customer.version}, not {version}"
        raise RefusedError(Refusal.STALE, f"If-Match: {found}: read it again, and decide from that")


def update(profile: Profile, changes: Mapping[str, object]) -> Update | None:
    """Change the fields that are named, and no others; None if each is so already. Raises RefusedError (TOO_MUCH)."""
    changed = Profile.model_validate(profile.model_dump() | dict(changes))
    fields = tuple(field for field in ProfileField if getattr(changed, field) != getattr(profile, field))
    if not fields:
        return None
    if len(changed.text.encode()) > MOST_PROFILE_BYTES:
        most = f"a profile holds at most {MOST_PROFILE_BYTES // 1024} KiB"
        raise RefusedError(Refusal.TOO_MUCH, f"{most}: shorten its addresses, or remove some")
    return Update(changed, fields)


def erase(customer: Customer, cause: Cause) -> Commit | None:
    """The commit that ends the customer's stream; None if it has ended."""
    if customer.is_erased:
        return None
    erased = CustomerErased(customer_id=customer.customer_id)
    return Commit(customer.stream_id, customer.version + 1, (erased,), cause)


def log_in(customer_id: str, last: Commit | None, cause: Cause) -> Commit | None:
    """Tell of a login; None if `last`, the one that was told before, is less than a minute ago."""
    if last and cause.at < last.cause.at + LOGIN_INTERVAL:
        return None
    stream = login_stream(customer_id, cause.at)
    version = last.version + 1 if last and last.stream_id == stream else 1
    return Commit(stream, version, (CustomerLogin(customer_id=customer_id),), cause)


def login_streams(customer_id: str, now: datetime) -> list[str]:
    """The streams that may tell of a login of the last minute: the day's, before it that of the day that just ended."""
    return list(dict.fromkeys(login_stream(customer_id, at) for at in (now - LOGIN_INTERVAL, now)))

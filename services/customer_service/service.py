"""The customer service's use cases: register, tell of logins, keep a profile, and forget a customer."""

from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from services.customer_service.domain import (
    Customer,
    Profile,
    SealedProfile,
    erase,
    log_in,
    login_streams,
    require_version,
    sealed_profile,
    update,
)
from services.customer_service.user_pool import UserPool
from services.libs.observability.structured_logging import logger
from services.libs.personal.customer_keys import CustomerKeys, Tombstones
from services.libs.personal.registration import open_key, registration
from services.libs.personal.sealing import CustomerKey, Place, UnreadableError
from services.libs.store.event_store import EventStore, VersionTakenError
from services.libs.store.next_commit import History, write_next
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.customer_lifecycle import customer_stream
from services.shared.events.customer import CustomerProfileUpdated
from services.shared.refusals import Refusal, RefusedError, customer_erased
from services.shared.rejections import RejectedError, RejectionReason

_EMPTY = Profile()


class FoundProfile(NamedTuple):
    version: int
    """Of the customer's stream; 0 for one who is not registered."""
    profile: Profile
    is_readable: bool = True
    """Whether the last profile opens: otherwise this one is empty."""


class Customers:
    """Each method raises RefusedError: ERASED for an erased customer, and ContentionError."""

    def __init__(self, store: EventStore, keys: CustomerKeys) -> None:
        self._store = store
        self._keys = keys

    def register(self, customer_id: str, username: str, cause: Cause, profile: Profile = _EMPTY) -> CustomerKey:
        """Open the customer's key; whoever is not registered yet is, with this profile.

        `username` is their user in the pool. Raises RefusedError (UNREADABLE) for a key that is not the customer's.
        """
        text = None if profile == _EMPTY else profile.text
        key = open_key(self._store, self._keys, customer_id, username, cause, profile=text)
        if not self.is_registered(customer_id):
            # The key is older than the restored log. Where another request is as late as this one, one of them does it.
            with suppress(VersionTakenError):
                self._store.for_customer(customer_id).append(registration(key, cause, text))
        return key

    def is_registered(self, customer_id: str) -> bool:
        return self._store.latest_version(customer_stream(customer_id)) > 0

    def read(self, customer_id: str) -> FoundProfile:
        """The profile as of now."""
        # The stream first: whoever is in it has a key by then.
        customer = Customer.of(customer_id, self._read(customer_id))
        try:
            key = self._keys.find(customer_id)
        except UnreadableError:
            key = None
        if customer.is_erased:
            raise customer_erased()
        return _found(customer, key)

    def update(
        self, customer_id: str, username: str, changes: Mapping[str, object], version: int, cause: Cause
    ) -> FoundProfile:
        """Change the fields of Profile that are named, at this version; register the customer first if need be.

        A profile that does not open is begun anew. Raises RefusedError: STALE, TOO_MUCH, UNREADABLE.
        """
        key = self.register(customer_id, username, cause)

        def decided(history: History) -> Commit | None:
            customer = Customer.of(customer_id, history)
            require_version(customer, version)
            return profile_updated(customer, key, changes, cause)

        store = self._store.for_customer(customer_id)
        history, commit = write_next(store, lambda: self._read(customer_id), decided)
        return _found(Customer.of(customer_id, (*history, commit) if commit else history), key)

    def erase(self, customer_id: str, username: str | None, cause: Cause) -> None:
        """Destroy the customer's key and commit that, both or neither. A repetition changes nothing.

        `username` is the user of one who was never registered. The rest follows from CustomerErased.
        """
        try:
            self._end(self._store.attaching(self._keys.erasure(customer_id, cause.at, username)), customer_id, cause)
        except RefusedError as refused:
            if refused.reason is not Refusal.ERASED:
                raise
            self.erase_again(customer_id, cause)

    def erase_again(self, customer_id: str, cause: Cause) -> bool:
        """Commit CustomerErased where a restore took it out of an erased customer's stream; say whether it did.

        Raises LookupError for a customer who is not erased.
        """
        if self._keys.tombstone(customer_id) is None:
            raise LookupError("the customer is not erased: there is no tombstone")
        return self._end(self._store, customer_id, cause)

    def _end(self, store: EventStore, customer_id: str, cause: Cause) -> bool:
        _, commit = write_next(
            store, lambda: self._read(customer_id), lambda history: erase(Customer.of(customer_id, history), cause)
        )
        return commit is not None

    def _read(self, customer_id: str) -> History:
        return self._store.read_back(customer_stream(customer_id), lambda commit: sealed_profile(commit) is not None)


class Logins:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    def tell(self, customer_id: str, cause: Cause) -> None:
        """Commit CustomerLogin, at most one a minute. Raises RefusedError (ERASED)."""
        streams = login_streams(customer_id, cause.at)
        told = [commit for stream in streams for commit in self._store.read_back(stream, lambda _: True)]
        if commit := log_in(customer_id, told[-1] if told else None, cause):
            # Where the version is taken, another login of this moment was told.
            with suppress(VersionTakenError):
                self._store.for_customer(customer_id).append(commit)


class Erasures:
    """What is left to do once a customer is erased: nothing may name them any more."""

    def __init__(self, tombstones: Tombstones, users: UserPool) -> None:
        self._tombstones = tombstones
        self._users = users

    def finish(self, customer_id: str) -> None:
        """Remove the customer's user from the pool, then forget which it was. A repetition finds nothing to do.

        Raises RejectedError for a customer who has no tombstone.
        """
        tombstone = self._tombstones.tombstone(customer_id)
        if tombstone is None:
            raise RejectedError(RejectionReason.CUSTOMER_NOT_ERASED, "customerId: the customer has no tombstone")
        if tombstone.username:
            self._users.remove(tombstone.username)
            self._tombstones.forget_user(customer_id)
            logger.info("user removed")


def _found(customer: Customer, key: CustomerKey | None) -> FoundProfile:
    if customer.sealed is None:
        return FoundProfile(customer.version, _EMPTY)
    try:
        profile = _opened(customer, customer.sealed, key)
    except UnreadableError:
        logger.error("profile does not open", extra={"has_key": key is not None})
        return FoundProfile(customer.version, _EMPTY, is_readable=False)
    return FoundProfile(customer.version, profile)


def _opened(customer: Customer, sealed: SealedProfile, key: CustomerKey | None) -> Profile:
    if key is None:
        raise UnreadableError("the key is lost")
    return Profile.of(key.unseal(_place(customer, sealed.version), sealed.text))


def profile_updated(customer: Customer, key: CustomerKey, changes: Mapping[str, object], cause: Cause) -> Commit | None:
    """The commit that states the profile with these changes; None if they change nothing. Raises RefusedError."""
    updated = update(_found(customer, key).profile, changes)
    if updated is None:
        return None
    version = customer.version + 1
    event = CustomerProfileUpdated(
        customer_id=customer.customer_id,
        fields=updated.fields,
        sealed_profile=key.seal(_place(customer, version), updated.profile.text),
    )
    return Commit(customer.stream_id, version, (event,), cause)


def _place(customer: Customer, version: int) -> Place:
    return Place(customer.stream_id, version, "sealed_profile")

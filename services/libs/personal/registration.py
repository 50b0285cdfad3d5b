"""Open a customer's key; whoever has none yet is registered with it, in one transaction."""

from services.libs.observability.structured_logging import logger
from services.libs.personal.customer_keys import CustomerKeys, KeyExistsError
from services.libs.personal.sealing import CustomerKey, Place, UnreadableError
from services.libs.store.event_store import Attached, EventStore, VersionTakenError
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.customer_lifecycle import customer_stream
from services.shared.events.customer import CustomerErased, CustomerRegistered
from services.shared.refusals import Refusal, RefusedError, customer_erased

_FIRST = 1


def open_key(  # noqa: PLR0913 - what a registration consists of
    store: EventStore, keys: CustomerKeys, customer_id: str, username: str, cause: Cause, *, profile: str | None = None
) -> CustomerKey:
    """The customer's key. `username` is their user in the pool, `profile` is what to seal if they are registered now.

    A registered customer whose key is lost gets a new one, and what was sealed before stays unreadable: the table was
    lost, or the log was restored to another deployment. Raises RefusedError: ERASED, and UNREADABLE for a key that is
    not the customer's.
    """
    if found := _find(keys, customer_id):
        return found
    key, kept = keys.create(customer_id, username)
    try:
        _keep(store, keys, kept, registration(key, cause, profile))
    except KeyExistsError:
        # Another request was faster: it made the key, or erased the customer.
        return open_key(store, keys, customer_id, username, cause)
    return key


def _find(keys: CustomerKeys, customer_id: str) -> CustomerKey | None:
    try:
        return keys.find(customer_id)
    except UnreadableError:
        logger.error("key does not open")
        told = "what you tell us cannot be kept: your key does not open. Ask us for help, or delete your account"
        raise RefusedError(Refusal.UNREADABLE, told) from None


def _keep(store: EventStore, keys: CustomerKeys, kept: Attached, registered: Commit) -> None:
    """Keep the key with the registration, or alone where that is there: raise KeyExistsError, RefusedError (ERASED)."""
    try:
        store.attaching(kept).append(registered)
    except VersionTakenError:
        # By the log alone: the tombstone may be lost too.
        if store.read_back(registered.stream_id, lambda _: True)[-1].find(CustomerErased):
            raise customer_erased() from None
        keys.keep(kept)
        logger.warning("lost key of a customer replaced")


def registration(key: CustomerKey, cause: Cause, profile: str | None = None) -> Commit:
    """The first commit of a customer."""
    stream = customer_stream(key.customer_id)
    sealed = key.seal(Place(stream, _FIRST, "sealed_profile"), profile) if profile else None
    return Commit(stream, _FIRST, (CustomerRegistered(customer_id=key.customer_id, sealed_profile=sealed),), cause)

"""Open a customer's key; whoever has none yet is registered with it, in one transaction."""

from services.libs.personal.customer_keys import CustomerKeys, KeyExistsError
from services.libs.personal.sealing import CustomerKey, Place
from services.libs.store.event_store import EventStore, VersionTakenError
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.customer_lifecycle import customer_stream
from services.shared.events.customer import CustomerErased, CustomerRegistered
from services.shared.refusals import Refusal, RefusedError

_FIRST = 1


def open_key(  # noqa: PLR0913 - what a registration consists of
    store: EventStore, keys: CustomerKeys, customer_id: str, username: str, cause: Cause, *, profile: str | None = None
) -> CustomerKey:
    """The customer's key. `username` is their user in the pool, `profile` is what to seal if they are registered now.

    Raises RefusedError: ERASED, and UNREADABLE for a customer whose key is lost: `invoke audit` tells of them.
    """
    if found := keys.find(customer_id):
        return found
    key, kept = keys.create(customer_id, username)
    try:
        store.attaching(kept).append(registration(key, cause, profile))
    except KeyExistsError:
        # Another request was faster: it made the key, or erased the customer.
        return open_key(store, keys, customer_id, username, cause)
    except VersionTakenError as taken:
        # The first commit came with a key, so the key is lost. An erasure may be the first commit.
        if taken.existing.find(CustomerErased):
            raise RefusedError(Refusal.ERASED, "the customer was erased") from None
        raise RefusedError(Refusal.UNREADABLE, "what is personal cannot be read: its key is lost") from None
    return key


def registration(key: CustomerKey, cause: Cause, profile: str | None = None) -> Commit:
    """The first commit of a customer."""
    stream = customer_stream(key.customer_id)
    sealed = key.seal(Place(stream, _FIRST, "sealed_profile"), profile) if profile else None
    return Commit(stream, _FIRST, (CustomerRegistered(customer_id=key.customer_id, sealed_profile=sealed),), cause)

"""Compare what the log says of customers with the table of their keys. No key is read, and no name."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from scripts.deploy.deployment import Deployment
from scripts.ledger.log_reader import read_stream, readable_commits, scan
from services.libs.store.dynamodb_items import Item, batch_get, to_item
from services.libs.store.event_store import EventStore
from services.shared.commits import Commit
from services.shared.customer_lifecycle import customer_stream
from services.shared.events.customer import CustomerErased

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

USUALLY_ERASED_AFTER = timedelta(minutes=20)
"""The relay and the queues take up to so long to remove an erased customer's user, and to close cart and tickets."""
_CUSTOMERS_AT_ONCE = 100


class KeyState(NamedTuple):
    """A customer's item in the table of keys, without the key."""

    customer_id: str
    erased_at: datetime | None
    """None for a key that lives."""
    names_user: bool


class Flaw(StrEnum):
    """How the log and the table of keys contradict each other."""

    NOT_COMMITTED = "a tombstone, and no CustomerErased"
    NO_TOMBSTONE = "no tombstone"
    UNFINISHED = "the erasure is not finished"
    KEY_LOST = "no key: what was sealed under it cannot be read again"
    NOT_REGISTERED = "a key, and no CustomerRegistered"


class CustomerFlaw(NamedTuple):
    flaw: Flaw
    customer_id: str
    erased_at: datetime | None = None
    """None for a customer who is not erased."""


class CustomerKeyStates:
    def __init__(self, client: "DynamoDBClient", deployment: Deployment) -> None:
        self._client = client
        self._deployment = deployment
        self._table = deployment.tables.customer_key

    def of(self, customer_ids: Iterable[str]) -> dict[str, KeyState]:
        """Those that have an item."""
        keys = [to_item({"customer_id": one}) for one in dict.fromkeys(customer_ids)]
        return {state.customer_id: state for state in map(_state, batch_get(self._client, self._table, keys))}

    def flaws(self, now: datetime) -> Iterator[CustomerFlaw]:
        """Compare each item with the log as of now: an item is read before its stream, which only grows."""
        states = map(_state, scan(self._client, self._table))
        while some := list(islice(states, _CUSTOMERS_AT_ONCE)):
            alive = {customer_stream(state.customer_id): state for state in some if not state.erased_at}
            registered = self._begun(alive)
            yield from (
                CustomerFlaw(Flaw.NOT_REGISTERED, state.customer_id)
                for stream, state in alive.items()
                if stream not in registered
            )
            yield from (flaw for state in some if state.erased_at for flaw in self._erased(state, state.erased_at, now))

    def _begun(self, streams: Iterable[str]) -> set[str]:
        keys = [to_item({"stream_id": stream, "version": 1}) for stream in streams]
        items = batch_get(self._client, self._deployment.tables.event_store, keys)
        return {item["stream_id"]["S"] for item in items}

    def _erased(self, state: KeyState, at: datetime, now: datetime) -> Iterator[CustomerFlaw]:
        items = read_stream(self._client, self._deployment, customer_stream(state.customer_id))
        committed_at = erasure_of([*readable_commits(items, [])])
        if committed_at is None:
            yield CustomerFlaw(Flaw.NOT_COMMITTED, state.customer_id, at)
        elif state.names_user and committed_at + USUALLY_ERASED_AFTER < now:
            yield CustomerFlaw(Flaw.UNFINISHED, state.customer_id, at)


def erasure_commit(store: EventStore, customer_id: str) -> Commit:
    """The commit that erased the customer: raise IndexError for one who is not erased by the log."""
    return store.read_back(customer_stream(customer_id), lambda commit: commit.find(CustomerErased) is not None)[0]


def erasure_of(history: Iterable[Commit]) -> datetime | None:
    """When the customer whose stream it is was erased, by the log."""
    return next((commit.cause.at for commit in history if commit.find(CustomerErased)), None)


def flaw_of(customer_id: str, erased_at: datetime | None, state: KeyState | None) -> CustomerFlaw | None:
    """Compare a customer of the log, erased by it or not, with their item, which was read after it."""
    if erased_at and not (state and state.erased_at):
        return CustomerFlaw(Flaw.NO_TOMBSTONE, customer_id, erased_at)
    if state is None:
        return CustomerFlaw(Flaw.KEY_LOST, customer_id)
    return None


def _state(item: Item) -> KeyState:
    erased_at = item.get("erased_at", {}).get("S")
    return KeyState(
        item["customer_id"]["S"], datetime.fromisoformat(erased_at) if erased_at else None, "username" in item
    )

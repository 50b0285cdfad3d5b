"""The services that know persons, on ports in memory whose calls fault."""

import json
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, cast

from services.cart_service.service import CartService, ErasedCustomers
from services.customer_service.service import Customers, Erasures, Logins
from services.libs.personal.customer_keys import CustomerKeys
from services.libs.store.commit_items import commit_from_item, commit_to_item
from services.libs.store.ticket_index import TicketIndex, TicketPage
from services.shared.causes import Cause
from services.shared.commits import Command, Commit
from services.shared.events.cart import CartCleared
from services.shared.events.customer import CustomerErased
from services.shared.events.support import SupportTicketClosed, SupportTicketCreated
from services.support_service.orphaned_tickets import OrphanedTickets
from services.support_service.service import Actor, SupportService
from services.support_service.service import Request as SupportRequest
from tests.model.customer_keys import MemoryKms, MemoryUserPool
from tests.model.faults import FaultError, Faults, Unreliable
from tests.model.memory import MemoryEventStore, MemoryInventory
from tests.unit.services.lives import delivered

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_kms import KMSClient

WORD = "Secret"
"""Whatever a person writes begins with it, and ends in the number of its request."""
STAFF = Actor("staff-1", "user-staff", is_staff=True)
_AFTER_AN_ERASURE = (CustomerErased, CartCleared, SupportTicketClosed)


class Store(MemoryEventStore):
    """Each of its calls may fault, and none may write what begins after an erasure."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self.faults = faults
        self.erased: list[Commit] = []
        """The CustomerErased that were committed, to be delivered."""

    def read(self, stream_id: str) -> tuple[Commit, ...]:
        return self.faults.around("read", super().read, _throttled)(stream_id)

    def read_versions(self, stream_ids: Sequence[str], versions: Sequence[int]) -> dict[str, tuple[Commit, ...]]:
        return self.faults.around("read_versions", super().read_versions, _throttled)(stream_ids, versions)

    def latest_version(self, stream_id: str) -> int:
        return self.faults.around("latest_version", super().latest_version, _throttled)(stream_id)

    def append(self, commit: Commit) -> None:
        self.faults.around("append", super().append, _throttled)(commit)

    def _write(self, commit: Commit) -> None:
        customer_id = customer_of(commit)
        if "erased_at" in self.key_table.items.get(customer_id, {}):
            assert isinstance(commit.events[0], _AFTER_AN_ERASURE), f"{commit} of a customer who is erased"
        super()._write(commit)
        if commit.find(CustomerErased):
            self.erased.append(commit)

    def without_faults(self) -> "Store":
        """The same store."""
        store = copy(self)
        store.faults = Faults()
        return store

    def replace_by(self, log: Sequence[Commit]) -> None:
        self.log.clear()
        self._streams.clear()
        self.put_all(log)

    def put_all(self, log: Sequence[Commit]) -> None:
        """Put commits as they are, without their stock and unseen."""
        for commit in log:
            super()._write(commit)

    def streams(self, prefix: str) -> Mapping[str, Sequence[Commit]]:
        return {
            stream: [commits[version] for version in sorted(commits)]
            for stream, commits in self._streams.items()
            if stream.startswith(prefix)
        }


class _Index(TicketIndex):
    def __init__(self, store: Store) -> None:
        self._store = store

    def tickets(self, limit: int, customer_id: str | None = None, after: object = None) -> TicketPage:  # noqa: ARG002 - all fit on a page
        return self._store.faults.around("query", partial(self._tickets, customer_id), _throttled)()

    def _tickets(self, customer_id: str | None) -> TicketPage:
        created = [commit for commit in self._store.log if commit.find(SupportTicketCreated)]
        return TicketPage(tuple(one.stream_id for one in created if customer_id in {None, customer_of(one)}), None)


class Services:
    """As the functions wire them."""

    def __init__(self, store: Store, kms: MemoryKms, pool: MemoryUserPool) -> None:
        table = cast("DynamoDBClient", Unreliable(store.key_table, store.faults))
        self.keys = CustomerKeys(table, cast("KMSClient", Unreliable(kms, store.faults)), "", "")
        self.customers, self.logins = Customers(store, self.keys), Logins(store)
        self.carts = CartService(store, MemoryInventory(store), timedelta(hours=72))
        self.support = SupportService(store, self.keys, _Index(store))
        users = cast("MemoryUserPool", Unreliable(pool, store.faults))
        self.handlers: Mapping[str, Callable[[str, Cause], None]] = {
            "customer": lambda customer_id, _: Erasures(self.keys, users).finish(customer_id),
            "cart": ErasedCustomers(store).clear_cart,
            "support": OrphanedTickets(store, _Index(store)).close_all,
        }


@dataclass(frozen=True)
class Sent:
    """A command, known by its number in its cause and its key."""

    act: "Callable[[Sent], object]"
    customer_id: str
    number: int
    at: datetime
    commits: bool
    """Whether it leads to a commit where it is acknowledged."""

    @property
    def cause(self) -> Cause:
        return Cause(f"request-{self.number}", f"request-{self.number}", self.at)

    @property
    def command(self) -> Command:
        return Command(f"{self.number:024d}", f"content-{self.number}")

    @property
    def words(self) -> str:
        return f"{WORD}{self.number}"

    def by(self, actor: Actor | None = None) -> SupportRequest:
        return SupportRequest(actor or Actor(self.customer_id, user_of(self.customer_id)), self.cause, self.command)


def customer_of(commit: Commit) -> str:
    """Whose commit it is; empty for one of a product."""
    return getattr(commit.events[0], "customer_id", "")


def _throttled(*_: object, **__: object) -> Exception:
    return FaultError("throttled")


def user_of(customer_id: str) -> str:
    return f"user-of-{customer_id}"


def order_of(customer_id: str) -> Sequence[Commit]:
    """A delivered order of the customer's, to give feedback on."""
    items = json.dumps([commit_to_item(commit) for commit in delivered()])
    renamed = items.replace("customer-1", customer_id).replace("order-1", f"order-of-{customer_id}")
    return [commit_from_item(item) for item in json.loads(renamed)]

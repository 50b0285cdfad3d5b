"""Erase a customer for an operator, as when they ask by letter, and give the receipt of it.

What is given to find the customer by is neither printed nor kept.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from uuid import uuid4

from scripts.cli.confirmation import Confirmation
from scripts.cli.console import out, print_table, table
from scripts.cli.errors import UserError
from scripts.cli.waiting import wait_until
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.deploy.turns import one_at_a_time
from scripts.ledger.customers import CustomerKeyStates, erasure_commit
from scripts.operate.relay_catchup import publisher_of
from scripts.operate.shop_users import ShopUsers
from services.cart_service.domain import closes
from services.customer_service.service import Customers
from services.libs.personal.customer_keys import CustomerKeys
from services.libs.store.event_store import EventStore
from services.libs.store.ticket_index import TicketIndex
from services.shared.cart_lifecycle import cart_stream
from services.shared.causes import Cause, timestamp
from services.shared.commits import Commit
from services.shared.customer_lifecycle import customer_stream
from services.shared.events.support import SupportTicketClosed
from services.shared.faults import DependencyError

_WAIT_SECONDS = 60
_POLL_SECONDS = 0.5
_TICKETS_AT_ONCE = 100
_DESTROYED = (
    "the key: profile, ticket texts and feedback texts, in all their versions and backups",
    "the user in the pool: the address to sign in with, password, second factor",
    "the open cart; open tickets are closed",
)
_STAYS = (
    "orders, payments, parcels, returns and refunds, under the customer's id: they are the books",
    "carts, logins, tickets and feedback as ids, times and ratings: a commit is never changed",
    "a tombstone, id and time: without it a backup would bring the person back",
)


@dataclass(frozen=True, slots=True)
class Receipt:
    customer_id: str
    erased_at: str
    event_id: str
    """Of CustomerErased."""
    destroyed: tuple[str, ...] = _DESTROYED
    stays: tuple[str, ...] = _STAYS


class _Person:
    """A customer of a deployment, by their id. `username` is their user in the pool, if it is known."""

    def __init__(self, target: Target, deployment: Deployment, customer_id: str, username: str | None) -> None:
        client, names = target.client("dynamodb"), deployment.tables
        self._customer_id = customer_id
        self._store = EventStore(client, deployment.store_tables)
        self._keys = CustomerKeys(client, target.client("kms"), names.customer_key, deployment.wrapping_key_arn)
        self._index = TicketIndex(client, deployment.store_tables)
        self._publisher = publisher_of(target, deployment)
        state = CustomerKeyStates(client, deployment).of([customer_id]).get(customer_id)
        self.is_erased = state is not None and state.erased_at is not None
        self._has_user = username is not None or (state is not None and state.names_user)
        self._username = username
        if not self._has_user and not self.is_erased:
            self._username = ShopUsers(target, deployment).names({customer_id}).get(customer_id)
            self._has_user = self._username is not None

    def found(self) -> list[str]:
        """What there is of them, in words; empty for an id that nobody has."""
        commits = len(self._store.read(customer_stream(self._customer_id)))
        tickets = sum(1 for _ in self._tickets())
        return [
            *([f"a profile of {_counted(commits, 'commit')}"] if commits else []),
            *(["a user in the pool"] if self._has_user else []),
            *(["an open cart"] if self._cart_is_open() else []),
            *([_counted(tickets, "ticket")] if tickets else []),
        ]

    def erase(self) -> None:
        """Erase them; if that was begun before, tell of it again."""
        run = f"customer-erase-{uuid4()}"
        Customers(self._store, self._keys).erase(self._customer_id, self._username, Cause(run, run, datetime.now(UTC)))
        if self.is_erased and any(self.left()) and self._publisher.publish([self._erasure()]):
            raise UserError("EventBridge refused CustomerErased; run this again")

    def left(self) -> Iterator[str]:
        """What is still to be done, in words."""
        tombstone = self._keys.tombstone(self._customer_id)
        if tombstone is None or tombstone.username:
            yield "the user is in the pool"
        if self._cart_is_open():
            yield "the cart is open"
        yield from (f"{stream} is open" for stream in self._tickets() if self._ticket_is_open(stream))

    def receipt(self) -> Receipt:
        tombstone = self._keys.tombstone(self._customer_id)
        if tombstone is None:
            raise LookupError("an erased customer without a tombstone")
        return Receipt(self._customer_id, timestamp(tombstone.erased_at), self._erasure().event_id(0))

    def _erasure(self) -> Commit:
        return erasure_commit(self._store, self._customer_id)

    def _cart_is_open(self) -> bool:
        return any(not closes(last) for last in self._store.read_back(cart_stream(self._customer_id), lambda _: True))

    def _ticket_is_open(self, stream: str) -> bool:
        return all(commit.find(SupportTicketClosed) is None for commit in self._store.read(stream))

    def _tickets(self) -> Iterator[str]:
        page = self._index.tickets(_TICKETS_AT_ONCE, self._customer_id)
        yield from page.streams
        while page.next:
            page = self._index.tickets(_TICKETS_AT_ONCE, self._customer_id, page.next)
            yield from page.streams


@one_at_a_time
def erase(
    target: Target, customer_id: str | None, user: str | None, confirmed: str | None, *, as_json: bool = False
) -> None:
    """Erase the customer, wait for the end of it, and print the receipt; a repetition prints the same one.

    Raises UserError where nobody is found, nobody confirms, or something is still under way after a minute.
    """
    deployment = Deployment.of(target)
    person = _find(target, deployment, customer_id, user)
    if not person.is_erased:
        _confirm(target, person, confirmed, as_json=as_json)
    try:
        person.erase()
    except DependencyError as error:
        raise UserError(f"nothing was erased: {error}; run this again") from error
    if not wait_until(lambda: not any(person.left()), _WAIT_SECONDS, _POLL_SECONDS):
        raise UserError(
            f"the key is destroyed, and still under way: {'; '.join(person.left())}. During `invoke pause` that waits "
            "for `invoke resume`; otherwise `invoke dlq-list` may say why. Run this again"
        )
    _print(person.receipt(), as_json=as_json)


def _find(target: Target, deployment: Deployment, customer_id: str | None, user: str | None) -> _Person:
    if (customer_id is None) == (user is None):
        raise UserError("give either the customer's id, or --user with their address")
    username = None
    if user is not None:
        customer_id, username = ShopUsers(target, deployment).find(user)
    person = _Person(target, deployment, customer_id or "", username)
    if not person.is_erased and not person.found():
        raise UserError("nothing is stored of a customer of this id; with an address, give it as --user")
    return person


def _confirm(target: Target, person: _Person, confirmed: str | None, *, as_json: bool) -> None:
    confirmation = Confirmation(target.environment, "--yes", "erased")
    if as_json and confirmed is None:
        raise UserError(f"with --json nobody is asked: confirm with --yes {target.environment}")
    confirmation.check(confirmed)
    if confirmed is None:
        found = f"there is {', '.join(person.found())}"
        confirmation.ask(f"{found}.\nto be destroyed:\n{_listed(_DESTROYED)}\nThat cannot be undone.")


def _print(receipt: Receipt, *, as_json: bool) -> None:
    if as_json:
        out.print(json.dumps(asdict(receipt)), markup=False)
        return
    shown = table("", "")
    shown.show_header = False
    shown.add_row("customer", receipt.customer_id)
    shown.add_row("erased", receipt.erased_at)
    shown.add_row("event", f"CustomerErased {receipt.event_id}")
    shown.add_row("destroyed", "\n".join(receipt.destroyed))
    shown.add_row("stays", "\n".join(receipt.stays))
    print_table(shown)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)

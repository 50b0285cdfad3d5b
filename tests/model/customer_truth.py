"""What must hold of customers after every step, whatever happened."""

from collections import Counter
from collections.abc import Collection, Sequence

import pytest

from services.libs.store.commit_items import commit_to_item
from services.shared.cart_lifecycle import CART, OPEN, cart_stream
from services.shared.commits import Commit
from services.shared.customer_lifecycle import CUSTOMER, LOGIN, customer_stream
from services.shared.events.customer import CustomerErased, CustomerProfileUpdated, CustomerRegistered
from services.shared.refusals import Refusal, RefusedError
from services.shared.support_lifecycle import CLOSED, FEEDBACK, TICKET
from services.support_service.domain import Feedback, Ticket
from services.support_service.texts import Texts
from tests.model.customers import WORD, Services, Store, customer_of

_LIVES = (CUSTOMER, LOGIN, TICKET, FEEDBACK, CART)
_REQUEST = "request-"
# Things may have changed or, after a restore, be gone.
_EXPECTED = {Refusal.STALE, Refusal.NOT_ALLOWED, Refusal.NOT_FOUND, Refusal.CONFLICT}


class CustomerTruth:
    def __init__(self, store: Store, seen: Services) -> None:
        self._store = store
        self._seen = seen
        self._acknowledged: set[str] = set()
        """The causes of commands that have a commit each."""
        self._looked_at = 0

    def acknowledge(self, cause: str, *, commits: bool) -> None:
        if commits:
            self._acknowledged.add(cause)

    def check_refusal(self, customer_id: str, refused: RefusedError) -> None:
        if refused.reason is Refusal.ERASED:
            assert self.is_erased(customer_id), f"{customer_id} is refused as erased, and is not"
        else:
            assert refused.reason in _EXPECTED, f"{refused.reason}: {refused}"

    def restored(self) -> None:
        """What was acknowledged since the backup is lost, as it must be."""
        self._acknowledged &= self._commits_by_cause().keys()
        self._looked_at = 0

    def is_erased(self, customer_id: str) -> bool:
        return "erased_at" in self._store.key_table.items.get(customer_id, {})

    def check(self) -> None:
        self._check_nothing_is_plain()
        self._check_commands()
        for lifecycle in _LIVES:
            for history in self._store.streams(lifecycle.prefix).values():
                lifecycle.fold(history)
        self._check_keys()
        self._check_readers()

    def check_settled(self, users: Collection[str]) -> None:
        """Nothing is on its way any more."""
        carts, tickets = self._store.streams(CART.prefix), self._store.streams(TICKET.prefix)
        for customer_id, item in self._store.key_table.items.items():
            if not self.is_erased(customer_id):
                continue
            assert item.keys() == {"customer_id", "erased_at"}, f"the tombstone names more: {item}"
            assert not any(customer_id in user for user in users), f"{customer_id} has a user"
            cart = carts.get(cart_stream(customer_id))
            assert not cart or CART.fold(cart).phase != OPEN, f"{customer_id} has a cart"
            theirs = [history for history in tickets.values() if customer_of(history[0]) == customer_id]
            assert all(TICKET.fold(one).phase == CLOSED for one in theirs), f"{customer_id} has an open ticket"

    def _check_nothing_is_plain(self) -> None:
        for commit in self._store.log[self._looked_at :]:
            assert WORD not in str(commit_to_item(commit)), f"plain text is stored: {commit}"
        self._looked_at = len(self._store.log)

    def _check_commands(self) -> None:
        counts = self._commits_by_cause()
        twice = {cause: count for cause, count in counts.items() if count > 1}
        assert not twice, f"done twice: {twice}"
        assert counts.keys() >= self._acknowledged, f"acknowledged, and not done: {self._acknowledged - counts.keys()}"

    def _commits_by_cause(self) -> Counter[str]:
        """Registrations are left out: a command may register its customer too."""
        commits = (commit for commit in self._store.log if not commit.find(CustomerRegistered))
        return Counter(commit.cause.event_id for commit in commits if commit.cause.event_id.startswith(_REQUEST))

    def _check_keys(self) -> None:
        """The table of keys and the log say the same."""
        streams = self._store.streams(CUSTOMER.prefix)
        for customer_id, item in self._store.key_table.items.items():
            assert ("wrapped_key" in item) != self.is_erased(customer_id), f"neither a key nor a tombstone: {item}"
            history = streams.get(customer_stream(customer_id), ())
            has_ended = bool(history and history[-1].find(CustomerErased))
            assert has_ended == self.is_erased(customer_id), f"the log says otherwise than {item}"
        for history in streams.values():
            assert customer_of(history[0]) in self._store.key_table.items, f"{history[0]} came without a key"

    def _check_readers(self) -> None:
        """Everybody finds what was written, word for word; and nothing once the customer is erased."""
        texts = Texts(self._seen.keys)
        for stream, history in self._store.streams(TICKET.prefix).items():
            ticket = Ticket.of(history)
            for text in (ticket.subject, *(message.text for message in ticket.messages)):
                found = texts.read(ticket.customer_id, stream, text)
                assert found == self._written(history[text.version - 1]), f"{found} is in {stream}"
        for stream, history in self._store.streams(FEEDBACK.prefix).items():
            feedback = Feedback.of(history)
            assert feedback.text
            assert texts.read(feedback.given.customer_id, stream, feedback.text) == self._written(history[0])
        for history in self._store.streams(CUSTOMER.prefix).values():
            self._check_profile(customer_of(history[0]), history)

    def _check_profile(self, customer_id: str, history: Sequence[Commit]) -> None:
        if self.is_erased(customer_id):
            with pytest.raises(RefusedError) as refused:
                self._seen.customers.read(customer_id)
            assert refused.value.reason is Refusal.ERASED
            return
        found = self._seen.customers.read(customer_id)
        assert found.version == history[-1].version
        updates = [commit for commit in history if commit.find(CustomerProfileUpdated)]
        assert found.profile.name == (self._written(updates[-1]) if updates else None)
        first = history[0].get(CustomerRegistered)
        if first.sealed_profile:
            assert found.profile.mail == f"{self._written(history[0])}@shop-user.example"

    def _written(self, commit: Commit) -> str | None:
        """What the commit's request wrote; None once nobody may read it."""
        if self.is_erased(customer_of(commit)):
            return None
        return commit.cause.event_id.replace(_REQUEST, WORD)

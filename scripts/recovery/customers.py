"""Mend what the log and the table of customers' keys contradict each other in. A destroyed key stays destroyed."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from uuid import uuid4

from scripts.cli.console import out
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.customers import CustomerFlaw, Flaw
from scripts.operate.relay_catchup import publisher_of
from scripts.operate.shop_users import ShopUsers
from services.libs.personal.customer_keys import CustomerKeys, KeyExistsError
from services.libs.store.event_store import EventStore, VersionTakenError
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.customer_lifecycle import customer_stream
from services.shared.events.customer import CustomerErased, CustomerRegistered
from services.shared.events.event import Event
from services.shared.refusals import RefusedError

_NAMELESS = (Flaw.NO_TOMBSTONE, Flaw.KEY_LOST)
"""Their items of the table of keys may be gone, and with them the users' names."""
_DONE = {
    Flaw.NOT_COMMITTED: "CustomerErased committed again, as the key is destroyed",
    Flaw.NO_TOMBSTONE: "key destroyed, as the log has CustomerErased",
    Flaw.UNFINISHED: "CustomerErased published again, so that the erasure is finished",
    Flaw.KEY_LOST: "a new key made, as theirs is lost; what was sealed before cannot be read",
    Flaw.NOT_REGISTERED: "CustomerRegistered committed again, without a profile",
}


class CustomerMender:
    def __init__(
        self, target: Target, deployment: Deployment, tool: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        client = target.client("dynamodb")
        self._store = EventStore(client, deployment.store_tables)
        table, wrapping_key = deployment.tables.customer_key, deployment.wrapping_key_arn
        self._keys = CustomerKeys(client, target.client("kms"), table, wrapping_key)
        self._users = ShopUsers(target, deployment)
        self._publisher = publisher_of(target, deployment)
        self._run_id = f"{tool}-{uuid4()}"
        self._clock = clock

    def mend(self, flaws: Iterable[CustomerFlaw]) -> Iterator[str]:
        """Mend each and print a line for it; give what could not be mended, in words. They name ids only."""
        flaws = list(flaws)
        usernames = self._users.names({one.customer_id for one in flaws if one.flaw in _NAMELESS})
        for one in flaws:
            try:
                done = self._mend(one, usernames.get(one.customer_id))
            except (KeyExistsError, RefusedError, VersionTakenError):
                done = False
            if done:
                out.print(f"{one.customer_id}: {_DONE[one.flaw]}", markup=False)
            else:
                yield f"{one.customer_id}: it has changed since it was compared, or could not be published; try again"

    def _mend(self, found: CustomerFlaw, username: str | None) -> bool:
        customer_id = found.customer_id
        match found.flaw:
            case Flaw.NOT_COMMITTED:
                self._commit(customer_id, CustomerErased(customer_id=customer_id))
            case Flaw.NOT_REGISTERED:
                self._commit(customer_id, CustomerRegistered(customer_id=customer_id))
            case Flaw.NO_TOMBSTONE:
                erasure = self._keys.erasure(customer_id, found.erased_at or self._clock(), username)
                self._keys.keep(erasure)
                return self._publish_erasure(customer_id)
            case Flaw.KEY_LOST:
                _, kept = self._keys.create(customer_id, username)
                self._keys.keep(kept)
            case Flaw.UNFINISHED:
                return self._publish_erasure(customer_id)
        return True

    def _commit(self, customer_id: str, event: Event) -> None:
        stream = customer_stream(customer_id)
        cause = Cause(self._run_id, self._run_id, self._clock())
        self._store.append(Commit(stream, self._store.latest_version(stream) + 1, (event,), cause))

    def _publish_erasure(self, customer_id: str) -> bool:
        """The event has the id that it had. While the services pause, their queues keep it."""
        last = self._store.read_back(customer_stream(customer_id), lambda commit: bool(commit.find(CustomerErased)))
        return not self._publisher.publish(last)

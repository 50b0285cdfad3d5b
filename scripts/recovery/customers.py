"""Mend what the log and the table of customers' keys contradict each other in. A destroyed key stays destroyed."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from uuid import uuid4

from scripts.cli.console import out
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.customers import CustomerFlaw, Flaw, erasure_commit
from scripts.operate.relay_catchup import publisher_of
from scripts.operate.shop_users import ShopUsers
from services.customer_service.service import Customers
from services.libs.personal.customer_keys import CustomerKeys, KeyExistsError
from services.libs.store.event_store import EventStore
from services.shared.causes import Cause
from services.shared.faults import DependencyError
from services.shared.refusals import RefusedError

_SHOWN = 10
_NAMELESS = (Flaw.NO_TOMBSTONE, Flaw.KEY_LOST)
"""Their items of the table of keys may be gone, and with them the users' names."""
_DONE = {
    Flaw.NOT_COMMITTED: "erased again, as the key is destroyed",
    Flaw.NO_TOMBSTONE: "key destroyed, as the log has the erasure",
    Flaw.UNFINISHED: "erasure told again, so that it is finished",
    Flaw.KEY_LOST: "given a new key, as theirs is not here; nobody can read what was sealed before",
    Flaw.NOT_REGISTERED: "registered again, without a profile",
}


class CustomerMender:
    """Its lines and texts name ids only."""

    def __init__(
        self,
        target: Target,
        deployment: Deployment,
        tool: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        client, tables = target.client("dynamodb"), deployment.tables
        self._store = EventStore(client, deployment.store_tables)
        self._keys = CustomerKeys(client, target.client("kms"), tables.customer_key, deployment.wrapping_key_arn)
        self._customers = Customers(self._store, self._keys)
        self._users = ShopUsers(target, deployment)
        self._publisher = publisher_of(target, deployment)
        self._run_id = f"{tool}-{uuid4()}"
        self._clock = clock

    def mend(self, flaws: Iterable[CustomerFlaw]) -> Iterator[str]:
        """Mend each, and print what was done; give the customers that stay as they are, each with the reason."""
        found = list(flaws)
        usernames = self._users.names({one.customer_id for one in found if one.flaw in _NAMELESS})
        mended = defaultdict[Flaw, list[str]](list)
        for one in found:
            try:
                self._mend(one, usernames.get(one.customer_id))
            except KeyExistsError:
                yield f"{one.customer_id}: somebody made their key meanwhile"
            except (DependencyError, LookupError, RefusedError) as error:
                yield f"{one.customer_id}: {error}"
            else:
                mended[one.flaw].append(one.customer_id)
        for flaw, customer_ids in mended.items():
            more = f" and {len(customer_ids) - _SHOWN:,} more" if len(customer_ids) > _SHOWN else ""
            out.print(f"{_DONE[flaw]}: {', '.join(customer_ids[:_SHOWN])}{more}", markup=False)

    def _mend(self, found: CustomerFlaw, username: str | None) -> None:
        cause = Cause(self._run_id, self._run_id, self._clock())
        match found.flaw:
            case Flaw.NOT_COMMITTED:
                self._customers.erase_again(found.customer_id, cause)
            case Flaw.KEY_LOST:
                _, kept = self._keys.create(found.customer_id, username)
                self._keys.keep(kept)
            case Flaw.NOT_REGISTERED:
                self._customers.register(found.customer_id, "", cause)
            case Flaw.NO_TOMBSTONE:
                self._keys.keep(self._keys.erasure(found.customer_id, found.erased_at or cause.at, username))
                self.publish_erasure(found.customer_id)
            case Flaw.UNFINISHED:
                self.publish_erasure(found.customer_id)

    def publish_erasure(self, customer_id: str) -> None:
        """Publish CustomerErased again, with the id that it had. While the services pause, their queues keep it."""
        if self._publisher.publish([erasure_commit(self._store, customer_id)]):
            raise DependencyError("EventBridge refused CustomerErased; run this again")

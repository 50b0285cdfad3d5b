"""Read an order as its customer or staff may see it, also while it is not decided yet."""

from collections.abc import Sequence

from services.libs.store.customer_orders import Undecided, find_order
from services.libs.store.event_store import EventStore
from services.shared.commits import Commit, order_stream
from services.shared.events.order import FulfilmentStarted
from services.shared.order_state import Order
from services.shared.shipment_lifecycle import shipment_stream


class OrderReader:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    def find(self, order_id: str, customer_id: str, *, is_staff: bool = False) -> Order | Undecided:
        """As `find_order` does. Raises RefusedError (NOT_FOUND)."""
        return find_order(self._store, order_id, customer_id, is_staff=is_staff)

    def as_of(self, order_id: str, commit: Commit | None) -> Order:
        """The order as the commit, which is its own, left it; as it is now without one."""
        history = self._store.read(order_stream(order_id))
        return Order.of(history[: commit.version] if commit else history)

    def parcels(self, order: Order) -> Sequence[tuple[Commit, ...]]:
        """The commits of each parcel, by a read each: an order has no more parcels than SKUs, so 50 at most."""
        started = next((event for commit in order.history if (event := commit.find(FulfilmentStarted))), None)
        planned = started.shipments if started else ()
        return [self._store.read(shipment_stream(shipment.shipment_id)) for shipment in planned]

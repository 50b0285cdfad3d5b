"""The order service's use cases: place an order, and conclude one whose payment is settled."""

from datetime import timedelta

from services.libs.event_store import ContentionError, EventStore, StockRefusedError, VersionTakenError
from services.libs.inventory_table import InventoryTable
from services.libs.structured_logging import logger
from services.order_service.domain import MixedCurrenciesError, PlacedOrder, conclude, decide
from services.shared.commits import Cause, Commit, order_stream
from services.shared.inventory import StockItem
from services.shared.rejections import RejectedError, RejectionReason

_DECISIONS = 5


class OrderService:
    def __init__(self, store: EventStore, inventory: InventoryTable, payment_timeout: timedelta) -> None:
        self._store = store
        self._inventory = inventory
        self._payment_timeout = payment_timeout

    def place(self, order: PlacedOrder, cause: Cause) -> None:
        """Write version 1 of the order. A second delivery of the same order does nothing."""
        inventory = self._inventory.read(order.quantities)
        for _ in range(_DECISIONS):
            try:
                commit = self._decide(order, inventory, cause)
                self._store.append(commit)
            except VersionTakenError as taken:
                _reject_unless_same(order, taken.existing)
                logger.info("duplicate order ignored")
                return
            except StockRefusedError as refused:
                # Somebody was faster: decide again on what stands there now.
                now = {**inventory, **refused.found}
                inventory = {sku: item for sku, item in now.items() if item}
                continue
            logger.info("order decided", extra={"events": commit.events})
            return
        raise ContentionError(f"the stock changed under {_DECISIONS} decisions")

    def conclude(self, order_id: str, cause: Cause) -> None:
        """Write version 3 of the order from its version 2: the event is a hint, the store is the truth."""
        settled = self._store.read_version(order_stream(order_id), 2)
        if settled is None:
            raise RejectedError(RejectionReason.PAYMENT_NOT_SETTLED, "the order has no settled payment")
        commit = conclude(settled, cause)
        if commit is None:
            return
        try:
            self._store.append(commit)
        except VersionTakenError:
            logger.info("duplicate settlement ignored")
            return
        logger.info("order concluded", extra={"events": commit.events})

    def _decide(self, order: PlacedOrder, inventory: dict[str, StockItem], cause: Cause) -> Commit:
        try:
            return decide(order, inventory, cause, self._payment_timeout)
        except MixedCurrenciesError as mixed:
            # The prices of an order that was accepted are frozen: for its repetitions a later currency says nothing.
            if existing := self._store.read_version(order_stream(order.order_id), 1):
                raise VersionTakenError(existing) from mixed
            raise RejectedError(
                RejectionReason.MIXED_CURRENCIES, f"items: priced in more than one currency ({mixed})"
            ) from mixed


def _reject_unless_same(order: PlacedOrder, existing: Commit) -> None:
    if existing.body.get("contentHash") != order.content_hash:
        raise RejectedError(RejectionReason.CONFLICT, "orderId: taken by an order with other content")

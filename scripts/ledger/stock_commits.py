"""Commits that a tool writes: they name and price a SKU, and set its stock on hand."""

from datetime import UTC, datetime
from uuid import uuid4

from services.catalog_service.domain import stock_set
from services.libs.store.event_store import EventStore
from services.shared.causes import Cause
from services.shared.commits import Commit, sku_stream
from services.shared.inventory import Move, Product, StockMove


class StockCommits:
    """The commits of one run of a tool."""

    def __init__(self, store: EventStore, tool: str) -> None:
        self._store = store
        self._run_id = f"{tool}-{uuid4()}"

    def next(self, sku: str, product: Product, stock: int, delta: int) -> Commit:
        """Make the next commit of the SKU's stream; `delta` is the change that leads to that stock."""
        stream = sku_stream(sku)
        return Commit(
            stream_id=stream,
            version=self._store.latest_version(stream) + 1,
            events=(stock_set(sku, product, stock, delta),),
            cause=self.cause(),
            stock_move=StockMove(Move.ADJUST),
        )

    def cause(self) -> Cause:
        """The run as the cause of a commit, now."""
        return Cause(event_id=self._run_id, correlation_id=self._run_id, at=datetime.now(UTC))

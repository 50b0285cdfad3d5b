"""A commit: one state change of one stream, the events it means, and the stock it moves."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from services.shared.events import EventType
from services.shared.inventory import Product, StockChange, adjust, release, reserve, settle
from services.shared.json_types import JsonObject, integer, objects, text

ORDER_PREFIX = "order#"


@dataclass(frozen=True, slots=True)
class Cause:
    """What led to a commit, and when the commit is made (aware UTC)."""

    event_id: str
    correlation_id: str
    at: datetime

    @property
    def occurred_at(self) -> str:
        return timestamp(self.at)


@dataclass(frozen=True, slots=True)
class Commit:
    """One version of one stream: written once, never changed.

    `body` holds what all its events say, once, under the field names that are published. `due_at` is when the stock
    that it reserves is released again unless the payment has settled by then.
    """

    stream_id: str
    version: int
    events: tuple[EventType, ...]
    body: JsonObject
    cause: Cause
    due_at: datetime | None = None

    def event_id(self, index: int) -> str:
        """The id of the event at `index`, the same on every delivery."""
        return f"{self.stream_id}/{self.version}/{index}"

    def stock_changes(self) -> tuple[StockChange, ...]:
        """The inventory changes that this commit explains, one a SKU.

        They are written in the commit's own transaction and nowhere else, so the inventory follows from the log alone.
        """
        return tuple(change for event in self.events for change in _STOCK_CHANGES.get(event, _none)(self.body))


def timestamp(time: datetime) -> str:
    """A time as the events and the store say it: UTC to the millisecond, with a Z. Such texts sort as the times do."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def order_stream(order_id: str) -> str:
    return f"{ORDER_PREFIX}{order_id}"


def order_id_of(stream_id: str) -> str:
    return stream_id.removeprefix(ORDER_PREFIX)


def sku_stream(sku: str) -> str:
    return f"sku#{sku}"


def _none(_: JsonObject) -> tuple[StockChange, ...]:
    return ()


def _each_line(change: Callable[[str, int], StockChange]) -> Callable[[JsonObject], tuple[StockChange, ...]]:
    return lambda body: tuple(change(text(item, "sku"), integer(item, "quantity")) for item in objects(body, "items"))


def _adjusted(body: JsonObject) -> tuple[StockChange, ...]:
    product = Product(text(body, "name"), integer(body, "priceMinor"), text(body, "currency"))
    stock, delta = integer(body, "stock"), integer(body, "stockDelta")
    return (adjust(text(body, "sku"), delta, stock_after=stock, product=product),)


_STOCK_CHANGES = {
    EventType.ORDER_VALIDATED: _each_line(reserve),
    EventType.PAYMENT_PROCESSED: _each_line(settle),
    EventType.PAYMENT_FAILED: _each_line(release),
    EventType.REFUND_REQUESTED: _each_line(release),
    EventType.PRODUCT_INVENTORY_UPDATED: _adjusted,
}

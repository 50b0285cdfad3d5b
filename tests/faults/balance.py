"""Where the goods and the money of a run are: counted from parcels and returns, not from what the commits move."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from services.shared.commits import ORDER_PREFIX, Commit, order_id_of
from services.shared.events.fulfilment import ShipmentCreated
from services.shared.events.order import OrderLine
from services.shared.inventory import StockItem, StockLine
from services.shared.lifecycle import Phase
from services.shared.order_state import Order, Return
from services.shared.shipment_lifecycle import (
    DELIVERED,
    RETURNED_TO_SENDER,
    SHIPMENT,
    SHIPMENT_PREFIX,
    shipment_id_of,
)


@dataclass(slots=True)
class Parcel:
    created: ShipmentCreated
    phase: Phase


@dataclass(slots=True)
class Balance:
    """Of the streams of a run that is over."""

    orders: dict[str, Order] = field(default_factory=dict)
    parcels: dict[str, Parcel] = field(default_factory=dict)

    @classmethod
    def of(cls, streams: Iterable[Sequence[Commit]]) -> "Balance":
        balance = cls()
        for history in streams:
            stream_id = history[0].stream_id
            if stream_id.startswith(ORDER_PREFIX):
                balance.orders[order_id_of(stream_id)] = Order.of(history)
            elif stream_id.startswith(SHIPMENT_PREFIX):
                parcel = Parcel(history[0].get(ShipmentCreated), SHIPMENT.fold(history).phase)
                balance.parcels[shipment_id_of(stream_id)] = parcel
        return balance

    def differences(
        self, seeded: Mapping[str, int], inventory: Iterable[StockItem], paid: Mapping[str, int]
    ) -> Iterator[str]:
        """What does not add up. `paid` is what the gateway still holds of each order's money."""
        kept = {order_id: self._kept(order_id) for order_id in self.orders}
        for order_id, order in self.orders.items():
            value = order.amount_of(StockLine(*line) for line in kept[order_id].items()) if kept[order_id] else 0
            if value != paid.get(order_id, 0):
                yield f"{order_id}: its customer keeps goods for {value}, and paid {paid.get(order_id, 0)}"
        yield from self._unplanned()
        gone = self._gone() + sum(kept.values(), Counter())
        for item in inventory:
            if (item.stock + gone[item.sku], item.reserved) != (seeded[item.sku], 0):
                yield (
                    f"{item.sku}: of {seeded[item.sku]} units {item.stock} are in stock, {item.reserved} reserved, "
                    f"and {gone[item.sku]} kept by customers, lost or unfit"
                )

    def counts(self) -> Counter[str]:
        """How the orders, parcels, returns and refunds ended."""
        counts = Counter(f"orders {order.state.phase}" for order in self.orders.values())
        counts.update(f"parcels {parcel.phase}" for parcel in self.parcels.values())
        for order in self.orders.values():
            counts.update(f"returns {_outcome(one)}" for one in order.returns.values())
            counts.update(f"refunds {refund.status}" for refund in order.refunds.values())
        return counts

    def _kept(self, order_id: str) -> Counter[str]:
        """The units that the order's customer has."""
        order, kept = self.orders[order_id], Counter[str]()
        for shipment_id in order.shipments:
            if self.parcels[shipment_id].phase == DELIVERED:
                kept += _units(self.parcels[shipment_id].created.lines)
        for one in order.returns.values():
            kept.subtract(_units(one.received.lines) if one.received else {})
        return kept

    def _gone(self) -> Counter[str]:
        """The units that nobody has any more, or that cannot be sold."""
        gone: Counter[str] = Counter()
        for parcel in self.parcels.values():
            if parcel.phase not in {DELIVERED, RETURNED_TO_SENDER}:
                gone += _units(parcel.created.lines)
        for order in self.orders.values():
            for one in order.returns.values():
                if one.received:
                    gone += _units(one.received.lines)
                    gone.subtract(_units(one.received.restock))
        return gone

    def _unplanned(self) -> Iterator[str]:
        """Parcels that no order has, such as one of an order that was cancelled before."""
        planned = {one for order in self.orders.values() for one in (*order.shipments, *order.written_off)}
        yield from (f"{shipment_id}: no order has this parcel" for shipment_id in self.parcels.keys() - planned)
        yield from (f"{shipment_id}: this parcel was never made" for shipment_id in planned - self.parcels.keys())


def _outcome(one: Return) -> str:
    if one.received is None:
        return "open"
    if not one.received.lines:
        return "not received"
    return "received" if one.received.lines == one.requested.lines else "received in part"


def _units(lines: Iterable[OrderLine]) -> Counter[str]:
    units: Counter[str] = Counter()
    for line in lines:
        units[line.sku] += line.quantity
    return units

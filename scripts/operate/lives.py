"""The lives of the demo's orders: some are cancelled, one parcel is lost, another sent back, and some goods return."""

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import uuid4

from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from services.fulfilment_service.carrier import CarrierEvent
from services.fulfilment_service.service import FulfilmentService
from services.fulfilment_service.simulated_carrier import SimulatedCarrier
from services.libs.store.deadline_table import DeadlineTable
from services.libs.store.event_store import EventStore
from services.libs.store.inventory_table import InventoryTable
from services.order_service.after_sale import ReceivedGoods, accepted
from services.order_service.after_sale_service import AfterSale, ReturnTimes
from services.shared.causes import Cause
from services.shared.commits import order_id_of
from services.shared.events.fulfilment import ParcelStatus
from services.shared.events.order import ReturnRequested, order_lines
from services.shared.inventory import StockLine
from services.shared.order_lifecycle import DELIVERED
from services.shared.order_state import Order
from services.shared.refusals import Refusal, RefusedError

_AT_ONCE = 8
_DECISION_SECONDS = 5.0
_POLL_SECONDS = 0.005
_TRACKING_INTERVAL = timedelta(hours=1)


class Fate(StrEnum):
    KEPT = "kept"
    CANCELLED = "cancelled"
    LOST = "lost"
    SENT_BACK = "sent back"
    RETURNED = "returned"


_SHARES = {Fate.CANCELLED: 0.06, Fate.RETURNED: 0.06}


def fates(order_ids: Sequence[str], dice: random.Random) -> dict[str, Fate]:
    """Give each order a fate: a share is cancelled or returned, and one each is lost and sent back."""
    shuffled = dice.sample(order_ids, len(order_ids))
    drawn = [fate for fate, share in _SHARES.items() for _ in range(round(share * len(shuffled)))]
    drawn += [Fate.LOST, Fate.SENT_BACK][: len(shuffled)]
    return dict.fromkeys(order_ids, Fate.KEPT) | dict(zip(shuffled, drawn, strict=False))


class Lives:
    """Acts as customers, carrier and warehouse staff, by the use cases that the services have for them."""

    def __init__(self, after_sale: AfterSale, fulfilment: FulfilmentService, fates: Mapping[str, Fate]) -> None:
        self._after_sale = after_sale
        self._fulfilment = fulfilment
        self._fates = fates

    @classmethod
    def of(cls, target: Target, deployment: Deployment, fates: Mapping[str, Fate]) -> Self:
        client = target.client("dynamodb")
        store = EventStore(client, deployment.store_tables)
        times = ReturnTimes(
            timedelta(days=deployment.return_window_days), timedelta(days=deployment.return_arrival_days)
        )
        fulfilment = FulfilmentService(
            store,
            InventoryTable(client, deployment.tables.inventory),
            DeadlineTable(client, deployment.tables.deadline),
            SimulatedCarrier(),
            _TRACKING_INTERVAL,
        )
        return cls(AfterSale(store, times), fulfilment, fates)

    def cancel(self, orders: Iterable[Mapping[str, object]]) -> None:
        """Cancel the orders of that fate, as soon as they are decided; one may be in fulfilment already."""
        for order in orders:
            order_id, customer_id = str(order["orderId"]), str(order["customerId"])
            if self._fates[order_id] is Fate.CANCELLED:
                self._cancel(order_id, customer_id)

    def deliver(self, orders: Sequence[Order]) -> None:
        """Send the carrier's messages about each parcel, to its end."""

        def go(order: Order) -> None:
            for number, shipment_id in enumerate(sorted(order.shipments)):
                self._messages(shipment_id, self._fates[order_id(order)] if number == 0 else Fate.KEPT)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(go, orders))

    def take_back(self, orders: Sequence[Order]) -> None:
        """Return the orders of that fate: of the first line one unit comes back damaged, the others fit for sale."""
        for order in orders:
            if self._fates[order_id(order)] is Fate.RETURNED and order.state.phase == DELIVERED:
                self._return(order)

    def _cancel(self, order_id: str, customer_id: str) -> None:
        until = time.monotonic() + _DECISION_SECONDS
        while time.monotonic() < until:
            try:
                self._after_sale.cancel(order_id, customer_id, _cause(order_id))
            except RefusedError as refused:
                if refused.reason is not Refusal.NOT_YET:
                    return
                time.sleep(_POLL_SECONDS)
            else:
                return

    def _messages(self, shipment_id: str, fate: Fate) -> None:
        last: Mapping[Fate, ParcelStatus] = {
            Fate.LOST: ParcelStatus.LOST,
            Fate.SENT_BACK: ParcelStatus.RETURNED_TO_SENDER,
        }
        now = datetime.now(UTC)
        for number, status in enumerate((ParcelStatus.PICKED_UP, last.get(fate))):
            told = CarrierEvent(f"{shipment_id[-100:]}-{number}", status, now + timedelta(milliseconds=number))
            self._fulfilment.record(shipment_id, told, _cause(shipment_id))

    def _return(self, order: Order) -> None:
        lines = tuple(StockLine(sku, units) for sku, units in sorted(order.returnable().items()))
        cause, return_id = _cause(order_id(order)), f"return-{uuid4().hex[:8]}"
        announced = ReturnRequested(
            order_id=accepted(order).order_id,
            customer_id=accepted(order).customer_id,
            return_id=return_id,
            lines=order_lines(lines),
        )
        self._after_sale.request_return(announced, cause)
        damaged, *others = lines
        fit = tuple(line for line in (damaged._replace(quantity=damaged.quantity - 1), *others) if line.quantity)
        self._after_sale.receive_return(ReceivedGoods(order_id(order), return_id, lines, fit), cause)


def order_id(order: Order) -> str:
    return order_id_of(order.stream_id)


def _cause(about: str) -> Cause:
    return Cause(f"demo-{uuid4().hex[:12]}", f"demo-{about[:128]}", datetime.now(UTC))

"""The lives of the demo's orders: some are cancelled, one parcel is lost, another sent back, and some goods return."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Self
from uuid import uuid4

from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate.use_cases import after_sale, carrier_messages
from services.fulfilment_service.carrier import CarrierEvent
from services.fulfilment_service.carrier_messages import CarrierMessages
from services.order_service.after_sale import ReceivedGoods, accepted
from services.order_service.after_sale_service import AfterSale
from services.shared.causes import Cause
from services.shared.events.fulfilment import ParcelStatus
from services.shared.events.order import ReturnRequested, order_lines
from services.shared.inventory import StockLine
from services.shared.order_lifecycle import DELIVERED
from services.shared.order_state import Order
from services.shared.refusals import Refusal, RefusedError

_AT_ONCE = 8
_DECISION_SECONDS = 5.0
_POLL_SECONDS = 0.005
_RETURNED_EVERY = 12
"""One of so many delivered orders comes back."""


class Lives:
    """Acts as customers, carrier and warehouse staff, by the use cases that the services have for them."""

    def __init__(self, after_sale: AfterSale, carrier_messages: CarrierMessages) -> None:
        self._after_sale = after_sale
        self._carrier_messages = carrier_messages

    @classmethod
    def of(cls, target: Target, deployment: Deployment) -> Self:
        client = target.client("dynamodb")
        return cls(after_sale(client, deployment), carrier_messages(client, deployment))

    def cancel(self, order_id: str, customer_id: str) -> None:
        """Cancel the order as soon as it is decided; its fulfilment may have started before."""
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

    def deliver(self, orders: Sequence[Order]) -> None:
        """Send the carrier's messages about each parcel: one is lost, one comes back, all others are delivered."""
        parcels = [shipment_id for order in orders for shipment_id in order.shipments]
        ends = dict(zip(parcels, (ParcelStatus.LOST, ParcelStatus.RETURNED_TO_SENDER), strict=False))

        def go(shipment_id: str) -> None:
            self._tell(shipment_id, ParcelStatus.PICKED_UP)
            self._tell(shipment_id, ends.get(shipment_id))

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(go, parcels))

    def take_back(self, orders: Sequence[Order]) -> None:
        """Some delivered orders come back whole; of the first line one unit is not fit for sale."""
        delivered = [order for order in orders if order.state.phase == DELIVERED]
        for order in delivered[::_RETURNED_EVERY]:
            self._return(order)

    def _tell(self, shipment_id: str, status: ParcelStatus | None) -> None:
        told = CarrierEvent(f"demo-{uuid4().hex}", status, datetime.now(UTC))
        self._carrier_messages.record(shipment_id, told, _cause(shipment_id))

    def _return(self, order: Order) -> None:
        lines = tuple(StockLine(sku, units) for sku, units in sorted(order.returnable().items()) if units)
        placed, return_id = accepted(order), f"return-{uuid4().hex[:8]}"
        announced = ReturnRequested(
            order_id=placed.order_id, customer_id=placed.customer_id, return_id=return_id, lines=order_lines(lines)
        )
        cause = _cause(placed.order_id)
        self._after_sale.request_return(announced, cause)
        damaged, *others = lines
        fit = tuple(line for line in (damaged._replace(quantity=damaged.quantity - 1), *others) if line.quantity)
        self._after_sale.receive_return(ReceivedGoods(placed.order_id, return_id, lines, fit), cause)


def _cause(about: str) -> Cause:
    return Cause(f"demo-{uuid4().hex[:12]}", f"demo-{about[:128]}", datetime.now(UTC))

"""The life of an order of two parcels, as far as a test needs it: 2 of prod-001 in main, 3 of prod-002 in north."""

from datetime import datetime, timedelta

from services.fulfilment_service.carrier import CarrierEvent
from services.fulfilment_service.domain import advance, start
from services.order_service.after_sale import ReceivedGoods, follow_parcels, receive_return, request_return
from services.order_service.domain import conclude
from services.payment_service.domain import refund_refused, refunded, settlement
from services.payment_service.gateway import Charge
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.events.fulfilment import ParcelStatus
from services.shared.events.order import ReturnRequested, order_lines
from services.shared.inventory import StockLine
from services.shared.lifecycle import Phase
from services.shared.order_state import Order
from services.shared.shipment_lifecycle import DELIVERED, PICKED_UP
from tests.factories import CAUSE, NOW, decide, inventory, placed_order, stock_item

History = tuple[Commit, ...]

QUANTITIES = {"prod-001": 2, "prod-002": 3}
STOCK = inventory(stock_item("prod-001", price_minor=500), stock_item("prod-002", price_minor=700))
WAREHOUSES = {"prod-001": "main", "prod-002": "north"}
AMOUNT_MINOR = 2 * 500 + 3 * 700
FIRST, SECOND = "order-1-1", "order-1-2"
"""The parcels: of prod-001, and of prod-002."""
WINDOW, ARRIVAL = timedelta(days=30), timedelta(days=14)


def at(time: datetime) -> Cause:
    return Cause("event-2", "correlation-2", time)


def reserved() -> History:
    return (decide(placed_order(quantities=QUANTITIES, forced="SUCCESS"), STOCK),)


def settled(*, pays: bool = True) -> History:
    (accepted,) = reserved()
    return accepted, settlement(accepted, Charge("charge-1", accepted=pays), CAUSE)


def concluded(*, pays: bool = True) -> History:
    history = settled(pays=pays)
    return *history, some(conclude(history[-1], CAUSE))


def refused() -> History:
    return (decide(placed_order(quantities=QUANTITIES), {}),)


def in_fulfilment() -> History:
    history = concluded()
    return *history, start(Order.of(history), WAREHOUSES, CAUSE)[0]


def created() -> History:
    """The first commit of each parcel."""
    return tuple(start(Order.of(concluded()), WAREHOUSES, CAUSE)[1:])


def parcel_at(phase: Phase, history: History) -> Commit:
    """The next commit of a parcel, which brings it to this phase."""
    status = None if phase is DELIVERED else ParcelStatus(phase.name)
    return some(advance(history, [CarrierEvent(f"carrier-{phase}", status, NOW)], CAUSE, None))


def followed(history: History, *phases: Phase) -> History:
    """The history after the next step that follows from the phases of the remaining parcels."""
    order = Order.of(history)
    return *history, some(follow_parcels(order, dict(zip(order.shipments, phases, strict=True)), CAUSE))


def shipped() -> History:
    return followed(in_fulfilment(), PICKED_UP, PICKED_UP)


def delivered() -> History:
    return followed(shipped(), DELIVERED, DELIVERED)


def announced(return_id: str = "return-1", customer_id: str = "customer-1", **quantities: int) -> ReturnRequested:
    """SKUs are written with underscores."""
    lines = order_lines(lines_of(**quantities or {"prod_001": 1}))
    return ReturnRequested(order_id="order-1", customer_id=customer_id, return_id=return_id, lines=lines)


def lines_of(**quantities: int) -> tuple[StockLine, ...]:
    return tuple(StockLine(sku.replace("_", "-"), quantity) for sku, quantity in quantities.items())


def goods(
    return_id: str = "return-1", restock: tuple[StockLine, ...] | None = None, **quantities: int
) -> ReceivedGoods:
    """All of them fit for sale unless told otherwise."""
    lines = lines_of(**quantities)
    return ReceivedGoods("order-1", return_id, lines, lines if restock is None else restock)


def returning(history: History, return_id: str = "return-1", at_time: datetime = NOW, **quantities: int) -> History:
    request = announced(return_id, "customer-1", **quantities)
    opened = request_return(Order.of(history), request, at(at_time), window=WINDOW, arrival=ARRIVAL)
    return *history, some(opened)


def received(history: History, came: ReceivedGoods) -> History:
    return *history, some(receive_return(Order.of(history), came, CAUSE))


def refund_made(history: History) -> History:
    (refund,) = Order.of(history).open_refunds
    return *history, refunded(history, refund, refund.amount_minor, CAUSE)


def refund_failed(history: History) -> History:
    (refund,) = Order.of(history).open_refunds
    return *history, refund_refused(history, refund, CAUSE)


def some(commit: Commit | None) -> Commit:
    assert commit
    return commit

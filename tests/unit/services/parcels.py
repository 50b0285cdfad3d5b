"""Orders that are confirmed, and a carrier that says what a test has it say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.fulfilment_service.carrier import Carrier, CarrierError, CarrierEvent, Label, carrier_event
from services.fulfilment_service.service import FulfilmentService
from services.libs.store.deadline_table import DeadlineTable
from services.libs.store.event_store import EventStore
from services.order_service.after_sale_service import AfterSale, ReturnTimes
from services.order_service.domain import conclude
from services.payment_service.domain import settlement
from services.payment_service.gateway import Charge
from services.shared.commits import Commit
from services.shared.deadlines import DeadlineGroup, minute_of
from services.shared.lifecycle import Phase
from services.shared.order_lifecycle import ORDER
from services.shared.shipment_lifecycle import SHIPMENT, shipment_stream
from tests.factories import CAUSE, NOW, decide, placed_order, seeding
from tests.unit.conftest import DEADLINE_TABLE, Aws

INTERVAL = timedelta(hours=1)
PARCEL = "order-1-1"


def told(state: str, at: datetime = NOW, event_id: str | None = None) -> CarrierEvent:
    return carrier_event(event_id or f"{state}-1", state, at)


@dataclass
class ToldCarrier:
    """Tells the same of every parcel, but of those that it cannot tell anything of."""

    tells: Sequence[CarrierEvent] = ()
    fails: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    def book(self, shipment_id: str, now: datetime) -> Label:
        assert now >= NOW
        self._ask(f"label of {shipment_id}")
        return Label(f"label-{shipment_id}")

    def track(self, shipment_id: str, booked_at: datetime, now: datetime) -> Sequence[CarrierEvent]:
        assert booked_at <= now
        self._ask(shipment_id)
        return self.tells

    def _ask(self, about: str) -> None:
        self.asked.append(about)
        if about.removeprefix("label of ") in self.fails:
            raise CarrierError("no answer")


def fulfilment(aws: Aws, carrier: Carrier | None = None, store: EventStore | None = None) -> FulfilmentService:
    return FulfilmentService(
        store or aws.store,
        aws.inventory,
        DeadlineTable(aws.dynamodb, DEADLINE_TABLE),
        carrier or ToldCarrier(),
        INTERVAL,
    )


def after_sale(aws: Aws) -> AfterSale:
    return AfterSale(aws.store, ReturnTimes(timedelta(days=30), timedelta(days=14)))


def seed(aws: Aws, warehouses: Mapping[str, str]) -> None:
    """Stock of each of these SKUs, in its warehouse."""
    for sku, warehouse in warehouses.items():
        aws.store.append(seeding(sku, stock=1000, warehouse=warehouse))


def accept(aws: Aws, order_id: str = "order-1", quantities: Mapping[str, int] | None = None) -> Commit:
    """Reserve an order's stock, of which there must be enough."""
    order = placed_order(order_id, quantities)
    accepted = decide(order, aws.inventory.read(order.quantities))
    aws.store.append(accepted)
    return accepted


def pay(aws: Aws, accepted: Commit) -> Commit:
    paid = settlement(accepted, Charge("charge-1", accepted=True), CAUSE)
    aws.store.append(paid)
    return paid


def confirm(aws: Aws, order_id: str = "order-1", quantities: Mapping[str, int] | None = None) -> None:
    """Bring an order to its confirmation."""
    confirmed = conclude(pay(aws, accept(aws, order_id, quantities)), CAUSE)
    assert confirmed
    aws.store.append(confirmed)


def order_phase(aws: Aws, order_id: str = "order-1") -> Phase:
    return ORDER.fold(aws.store.read(f"order#{order_id}")).phase


def parcel_phase(aws: Aws, shipment_id: str = PARCEL) -> Phase:
    return SHIPMENT.fold(aws.store.read(shipment_stream(shipment_id))).phase


def deadlines(aws: Aws) -> list[tuple[tuple[str, ...], datetime]]:
    """The streams that are due, and the minute, in their order."""
    groups = [group for group in DeadlineTable(aws.dynamodb, DEADLINE_TABLE).all() if isinstance(group, DeadlineGroup)]
    found = ((group.stream_ids, minute_of(group.due_at)) for group in groups)
    return sorted(due for due in found if due[0][0].startswith("shipment#"))

"""What the model asks of the place that the services write to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.fulfilment_service.carrier import Carrier
from services.libs.store.deadline_table import DeadlineTable
from services.libs.store.event_store import EventStore
from services.libs.store.inventory_table import InventoryTable
from services.payment_service.gateway import PaymentGateway
from services.shared.commits import Commit
from services.shared.inventory import StockItem
from tests.model.carrier import ModelCarrier
from tests.model.faults import Faults


@dataclass(frozen=True, slots=True)
class Charged:
    """One order in the gateway's ledger; an order that was only called off has no amount."""

    status: str
    amount_minor: int | None = None
    charge_id: str | None = None
    refunds: Mapping[str, int] = field(default_factory=dict)
    """The amounts that were given back, by refund id."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """The amounts whose refund was refused for good, by refund id."""


class System(Protocol):
    """The services' ports, whose calls fault, and what stands behind them, which is read without faults."""

    faults: Faults
    store: EventStore
    inventory: InventoryTable
    gateway: PaymentGateway
    deadlines: DeadlineTable
    carrier: Carrier
    parcels: ModelCarrier
    """What stands behind the carrier."""

    def log(self) -> Sequence[Commit]:
        """All commits, those of one stream in the order in which they were written."""
        ...

    def stock(self) -> Mapping[str, StockItem]: ...

    def counters(self) -> Mapping[str, int]: ...

    def ledger(self) -> Mapping[str, Charged]: ...

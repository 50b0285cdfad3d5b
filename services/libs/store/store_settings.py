"""The settings of a service that writes commits."""

from services.libs.runtime.settings import Settings
from services.libs.store.event_store import Tables


class StoreSettings(Settings):
    """Settings of a service that writes commits."""

    event_store_table: str
    inventory_table: str
    metrics_table: str
    deadline_table: str | None = None
    """None for a service whose commits have no deadline."""

    customer_key_table: str | None = None
    """None for a service that commits nothing of a customer's own."""

    @property
    def tables(self) -> Tables:
        return Tables(
            self.event_store_table,
            self.inventory_table,
            self.metrics_table,
            self.deadline_table,
            self.customer_key_table,
        )

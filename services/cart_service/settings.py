"""What both functions of the cart service are told."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from services.libs.store.store_settings import StoreSettings
from services.shared.cart_lifecycle import LONGEST_ABANDONED_AFTER

_LONGEST_HOURS = LONGEST_ABANDONED_AFTER / timedelta(hours=1)


class CartSettings(StoreSettings):
    deadline_table: str
    customer_key_table: str
    cart_abandoned_after_hours: Annotated[float, Field(gt=0, le=_LONGEST_HOURS)]

    @property
    def abandoned_after(self) -> timedelta:
        return timedelta(hours=self.cart_abandoned_after_hours)

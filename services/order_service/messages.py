"""`OrderPlaced` as producers send it."""

from collections import Counter
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StrictInt, StringConstraints, field_validator

from services.libs.messages import Identifier
from services.order_service.domain import PlacedOrder

_MOST_SKUS = 50

Sku = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", max_length=64)]


class OrderItem(BaseModel):
    sku: Sku
    quantity: Annotated[StrictInt, Field(ge=1, le=10_000)]


class OrderPlaced(BaseModel):
    order_id: Identifier = Field(alias="orderId")
    customer_id: Identifier = Field(alias="customerId")
    items: Annotated[list[OrderItem], Field(min_length=1)]
    forced_payment_result: Literal["SUCCESS", "FAILURE"] | None = Field(None, alias="_postDeployTestForceResult")

    @field_validator("items")
    @classmethod
    def _not_too_many(cls, items: list[OrderItem]) -> list[OrderItem]:
        if len({item.sku for item in items}) > _MOST_SKUS:
            raise ValueError(f"more than {_MOST_SKUS} distinct SKUs")
        return items

    def to_order(self, *, allow_forced_payment_result: bool) -> PlacedOrder:
        """Merge the lines of one SKU; the order of the lines says nothing."""
        quantities: Counter[str] = Counter()
        for item in self.items:
            quantities[item.sku] += item.quantity
        return PlacedOrder(
            order_id=self.order_id,
            customer_id=self.customer_id,
            quantities=dict(quantities),
            forced_payment_result=self.forced_payment_result if allow_forced_payment_result else None,
        )

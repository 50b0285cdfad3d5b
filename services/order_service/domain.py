"""What the order service decides: accept or refuse an order, confirm or cancel it once its payment is settled."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.shared.commits import Cause, Commit, order_stream
from services.shared.events import CancelReason, EventType
from services.shared.inventory import StockItem
from services.shared.json_types import Json, JsonObject


class MixedCurrenciesError(Exception):
    """The order's SKUs are priced in more than one currency, so it has no amount."""


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order as it was placed: one quantity a SKU."""

    order_id: str
    customer_id: str
    quantities: Mapping[str, int]
    forced_payment_result: str | None = None

    @property
    def content_hash(self) -> str:
        """Tells two deliveries of one order from two orders that share an id."""
        canonical = json.dumps([self.order_id, self.customer_id, sorted(self.quantities.items())])
        return hashlib.sha256(canonical.encode()).hexdigest()


def decide(order: PlacedOrder, inventory: Mapping[str, StockItem], cause: Cause, payment_timeout: timedelta) -> Commit:
    """Version 1 of the order: every SKU reserved, or none and a reason.

    `inventory` holds what is known of the order's SKUs; one that it lacks does not exist. MixedCurrenciesError does not
    depend on the stock, so that a repetition of such an order is what the first was, whatever was sold in between.
    """
    items = {sku: inventory[sku] for sku in order.quantities if sku in inventory}
    if len(items) < len(order.quantities):
        return _refuse(order, CancelReason.UNKNOWN_SKU, cause)
    currencies = {item.product.currency for item in items.values()}
    if len(currencies) > 1:
        raise MixedCurrenciesError(", ".join(sorted(currencies)))
    if any(items[sku].available < quantity for sku, quantity in order.quantities.items()):
        return _refuse(order, CancelReason.INSUFFICIENT_STOCK, cause)
    return _accept(order, items, currencies.pop(), cause, payment_timeout)


def decide_all(
    placed: Sequence[tuple[PlacedOrder, Cause]], inventory: Mapping[str, StockItem], payment_timeout: timedelta
) -> list[Commit | MixedCurrenciesError]:
    """Version 1 of each order, in this order: each finds what those before it have left."""
    decided: list[Commit | MixedCurrenciesError] = []
    left = dict(inventory)
    for order, cause in placed:
        try:
            commit = decide(order, left, cause, payment_timeout)
        except MixedCurrenciesError as mixed:
            decided.append(mixed)
            continue
        left = after(left, [commit])
        decided.append(commit)
    return decided


def after(inventory: Mapping[str, StockItem], commits: Iterable[Commit]) -> dict[str, StockItem]:
    """The inventory once these are written."""
    left = dict(inventory)
    for commit in commits:
        left |= {change.sku: left[change.sku].after(change) for change in commit.stock_changes()}
    return left


def conclude(settled: Commit, cause: Cause) -> Commit | None:
    """Version 3 of the order, from its settled payment; None where version 2 asks nothing of the order service."""
    if settled.events == (EventType.PAYMENT_PROCESSED,):
        body, event = _keep(settled.body, "amountMinor", "currency"), EventType.ORDER_CONFIRMED
    elif settled.events == (EventType.PAYMENT_FAILED,):
        body, event = {"reason": CancelReason.PAYMENT_FAILED.value}, EventType.ORDER_CANCELLED
    else:
        return None
    parties = _keep(settled.body, "orderId", "customerId")
    return Commit(settled.stream_id, settled.version + 1, (event,), parties | body, cause)


def _accept(
    order: PlacedOrder, items: Mapping[str, StockItem], currency: str, cause: Cause, payment_timeout: timedelta
) -> Commit:
    lines: list[Json] = [
        {"sku": sku, "quantity": quantity, "unitPriceMinor": items[sku].product.price_minor}
        for sku, quantity in order.quantities.items()
    ]
    amount = sum(quantity * items[sku].product.price_minor for sku, quantity in order.quantities.items())
    body = _placed(order) | {"items": lines, "amountMinor": amount, "currency": currency}
    if order.forced_payment_result:
        body["forcedPaymentResult"] = order.forced_payment_result
    return Commit(
        stream_id=order_stream(order.order_id),
        version=1,
        events=(EventType.ORDER_VALIDATED, EventType.PAYMENT_REQUESTED),
        body=body,
        cause=cause,
        due_at=cause.at + payment_timeout,
    )


def _refuse(order: PlacedOrder, reason: CancelReason, cause: Cause) -> Commit:
    lines: list[Json] = [{"sku": sku, "quantity": quantity} for sku, quantity in order.quantities.items()]
    body = _placed(order) | {"items": lines, "reason": reason.value}
    return Commit(order_stream(order.order_id), 1, (EventType.ORDER_CANCELLED,), body, cause)


def _placed(order: PlacedOrder) -> JsonObject:
    return {"orderId": order.order_id, "customerId": order.customer_id, "contentHash": order.content_hash}


def _keep(body: JsonObject, *fields: str) -> JsonObject:
    return {field: body[field] for field in fields}

"""What is sent: orders of a small catalogue, each delivered three times, late and out of order."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from scripts.operate.seeding import SeedProduct
from services.shared.events.event import Event
from services.shared.events.order import OrderPlaced
from services.shared.events.payment import PaymentRequested

DELIVERIES = 3
STRAY = "stray-"
"""How the event ids of the payment requests begin that nobody but this suite sent."""

_SKUS = 12
# Most orders of more than one SKU are two parcels, or three.
_WAREHOUSES = ("main", "north", "south")
# A third of the SKUs runs out: an order asks for 2.7 units, so for 0.23 of each SKU.
_STOCK_PER_ORDER = (0.1, 0.4)
_FORCED_SHARE = 0.3
_STRAY_SHARE = 0.05
# A copy comes up to so many orders later: past the first ones' outcome, and before others' first.
_WINDOW = 60


@dataclass(frozen=True, slots=True)
class Delivery:
    event: type[Event]
    detail: dict[str, object]


def catalogue(orders: int, dice: random.Random) -> list[SeedProduct]:
    return [
        SeedProduct(
            sku=f"sku-{number}",
            name=f"Product {number}",
            stock=round(orders * dice.uniform(*_STOCK_PER_ORDER)),
            priceMinor=dice.randint(100, 5000),
            currency="GBP",
            warehouse=_WAREHOUSES[number % len(_WAREHOUSES)],
        )
        for number in range(_SKUS)
    ]


def make_orders(count: int, skus: Sequence[str], dice: random.Random) -> list[dict[str, object]]:
    return [
        {"orderId": f"order-{number}", "customerId": f"customer-{number % 50}", "items": _items(skus, dice)}
        | _forced_result(dice)
        for number in range(count)
    ]


def deliveries(orders: Sequence[dict[str, object]], dice: random.Random) -> list[Delivery]:
    """Every order's copies, and payment requests for some that no service made, in the order of sending."""
    timed = [
        (number + dice.uniform(0, _WINDOW), delivery)
        for number, order in enumerate(orders)
        for delivery in _copies(order, dice)
    ]
    return [delivery for _, delivery in sorted(timed, key=lambda pair: pair[0])]


def _copies(order: dict[str, object], dice: random.Random) -> Iterator[Delivery]:
    for _ in range(DELIVERIES):
        yield Delivery(OrderPlaced, order)
    if dice.random() < _STRAY_SHARE:
        stray = {"orderId": order["orderId"], "metadata": {"eventId": f"{STRAY}{order['orderId']}"}}
        yield Delivery(PaymentRequested, stray)


def _items(skus: Sequence[str], dice: random.Random) -> list[dict[str, object]]:
    return [{"sku": sku, "quantity": dice.choice((1, 1, 2))} for sku in dice.sample(skus, dice.randint(1, 3))]


def _forced_result(dice: random.Random) -> dict[str, object]:
    if dice.random() >= _FORCED_SHARE:
        return {}
    return {"_postDeployTestForceResult": dice.choice(("SUCCESS", "SUCCESS", "FAILURE"))}


def batches(sent: Sequence[Delivery], size: int) -> Iterable[Sequence[Delivery]]:
    return (sent[start : start + size] for start in range(0, len(sent), size))

"""The front door, unloaded: a command and a checkout to its confirmation, each beside a route that does nothing."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from uuid import uuid4

from scripts.cli.console import out, print_table, table
from scripts.cli.errors import UserError
from scripts.cli.files import write_whole
from scripts.cli.json_files import check_writable
from scripts.deploy.deployment import Deployment
from scripts.deploy.own_deployment import own_deployment, with_settings
from scripts.deploy.target import Target
from scripts.measure.result import percentile
from scripts.operate.order_client import OrderClient
from scripts.operate.seeding import Seeder, SeedProduct
from scripts.operate.shop_client import ShopClient
from scripts.operate.shop_users import ShopUsers
from services.shared.events.order import OrderConfirmed

SCENARIO = "shop"
_SKU = "bench-shop"
_WARM_UP = 5
_UNITS_OF_A_CART = 5
_PERCENTILES = (50, 99)
_CONFIRMED_SECONDS = 20.0
_QUIET_SECONDS = 0.5
"""The time from a checkout to the next request: the order is confirmed and its parcel made by then."""


@dataclass(frozen=True)
class Latency:
    """Of one subject, and of the health requests in between, in milliseconds."""

    subject: str
    ms: list[float] = field(default_factory=list)
    health_ms: list[float] = field(default_factory=list)

    @property
    def over_health_ms(self) -> float:
        """The median of what each request took more than the health request just before it."""
        return median(own - health for own, health in zip(self.ms, self.health_ms, strict=True))


def measure_front_door(pairs: int, json_file: Path | None) -> None:
    """Measure so many pairs of each, one request at a time, on an embedded AWS of its own."""
    if json_file:
        check_writable(json_file)
    variables = with_settings({"ENVIRONMENT": "bench", "PULSEQUEUE_INSTANCE": "bench"}, payment_success_rate=1)
    with own_deployment(variables) as target:
        measured = measure(target, pairs)
    _print(measured)
    if json_file:
        write_whole(json_file, json.dumps([asdict(one) for one in measured], indent=2) + "\n")
        out.print(f"written to {json_file}", markup=False)


def measure(target: Target, pairs: int) -> list[Latency]:
    """On a deployment where every payment succeeds."""
    deployment = Deployment.of(target)
    product = SeedProduct(sku=_SKU, name="Bench", stock=100_000, priceMinor=500, currency="GBP")
    list(Seeder.of(target, deployment).seed([product]))
    users, name = ShopUsers(target, deployment), f"bench-{uuid4().hex}"
    shopper = _Shopper(ShopClient.of(target, deployment, users.sign_up(name).text), OrderClient(target, deployment))
    try:
        shopper.fill(_WARM_UP)
        filled = shopper.fill(pairs)
        shopper.check_out(_WARM_UP)
        return [filled, shopper.check_out(pairs)]
    finally:
        users.remove(name)


class _Shopper:
    """The clock stands while nothing is asked: each request is timed by itself, health and the other in turn."""

    def __init__(self, client: ShopClient, orders: OrderClient) -> None:
        self._client = client
        self._orders = orders

    def fill(self, pairs: int) -> Latency:
        """Add units to a cart that is emptied again and again: a command reads what was done to the open cart."""
        latency = Latency("a unit into the cart")
        version = self._client.get_cart().version
        with out.status(latency.subject):
            for number in range(pairs):
                if number % _UNITS_OF_A_CART == 0:
                    version = self._client.clear_cart(version).version
                self._ask_for_health(latency)
                with _timed(latency.ms):
                    version = self._client.add_cart_item(_SKU, 1, version).version
        self._client.clear_cart(version)
        return latency

    def check_out(self, pairs: int) -> Latency:
        latency = Latency("checkout to OrderConfirmed")
        with out.status(latency.subject):
            for _ in range(pairs):
                cart = self._client.add_cart_item(_SKU, 1, self._client.get_cart().version)
                self._ask_for_health(latency)
                began = datetime.now(UTC)
                placed = self._client.check_out_cart(cart.content.totals[0], cart.version)
                sleep(_QUIET_SECONDS)
                latency.ms.append((self._confirmed_at(placed.content.order_id) - began).total_seconds() * 1000)
        return latency

    def _ask_for_health(self, latency: Latency) -> None:
        with _timed(latency.health_ms):
            self._client.get_health()

    def _confirmed_at(self, order_id: str) -> datetime:
        concluded = self._orders.wait([order_id], _CONFIRMED_SECONDS)[order_id].concluded
        if concluded is None or not concluded.find(OrderConfirmed):
            raise UserError(f"order {order_id} was not confirmed within {_CONFIRMED_SECONDS:.0f} s")
        return concluded.cause.at


@contextmanager
def _timed(milliseconds: list[float]) -> Iterator[None]:
    began = perf_counter()
    yield
    milliseconds.append((perf_counter() - began) * 1000)


def _print(measured: Sequence[Latency]) -> None:
    numbers = ("p50", "p99", "health p50", "health p99", "over health", "ratio of p50")
    title = "The front door in ms, one request at a time, each after a GET /v1/health"
    shown = table("subject", *numbers, numbers=numbers, title=title)
    for one in measured:
        own, health = ([percentile(ms, percent) or 0 for percent in _PERCENTILES] for ms in (one.ms, one.health_ms))
        figures = (f"{figure:.1f}" for figure in (*own, *health, one.over_health_ms, own[0] / health[0]))
        shown.add_row(one.subject, *figures)
    print_table(shown)

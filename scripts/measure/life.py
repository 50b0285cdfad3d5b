"""The steps of an order's life after its confirmation: the requests and units of each, and its cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import sleep

from rich.table import Table

from scripts.cli.console import out, print_table, table
from scripts.deploy.deployment import Deployment
from scripts.deploy.own_deployment import own_deployment, with_settings
from scripts.deploy.target import Target
from scripts.measure.calls import CountingProxy
from scripts.measure.direct import DirectRun, Step, total
from scripts.measure.least_cost import quantities
from scripts.measure.prices import Prices, read_prices
from scripts.measure.scenarios import Scenario
from scripts.measure.usage import SERVICES, Meter, Usage
from scripts.operate.seeding import Seeder
from services.libs.store.event_store import EventStore
from services.order_service.after_sale import ReceivedGoods
from services.order_service.after_sale_service import AfterSale, ReturnTimes
from services.shared.causes import Cause
from services.shared.commits import order_stream
from services.shared.events.order import ReturnRequested, order_lines
from services.shared.inventory import StockLine
from services.shared.shipment_lifecycle import shipment_id, shipment_stream

_MILLION = 1_000_000
# Two days become 43 seconds: a parcel is picked up after 6 seconds at least, and delivered after 54 at most.
_SPEED = 4_000
_WAY_SECONDS = 55
_DAYS = timedelta(days=30)
_SETTINGS = {"ENVIRONMENT": "bench", "PULSEQUEUE_INSTANCE": "life"}


@dataclass(frozen=True)
class Part:
    """A part of the life, for all orders together."""

    name: str
    usage: Usage


def measure_life(orders: int, batch: int) -> None:
    """Measure on an embedded AWS of its own; print the parts per order, each with its cost per million orders."""
    proxy = CountingProxy()
    settings = with_settings(
        {**_SETTINGS, "PULSEQUEUE_WORKER_ENDPOINT": proxy.url},
        payment_success_rate=1,
        carrier_speed=_SPEED,
        carrier_lost_share=0,
        carrier_returned_share=0,
    )
    with proxy.running(), own_deployment(settings, proxy.forward_to) as target:
        parts = Life(target, Deployment.of(target), proxy, batch).parts(orders)
    prices = read_prices()
    title = f"{orders:,} orders of 2 SKUs in one parcel, batches of {batch}; prices of {prices.date}, {prices.region}"
    print_table(parts_table(parts, orders, prices, title))


class Life:
    """Takes orders of 2 SKUs through their whole life, by invoking each function in turn."""

    def __init__(self, target: Target, deployment: Deployment, proxy: CountingProxy, batch: int) -> None:
        client = target.client("dynamodb")
        self._direct = DirectRun(target, deployment, Meter(target, deployment, proxy, SERVICES))
        self._seeder = Seeder.of(target, deployment)
        self._after_sale = AfterSale(EventStore(client, deployment.store_tables), ReturnTimes(_DAYS, _DAYS))
        self._batch = batch

    def parts(self, orders: int) -> list[Part]:
        scenario = Scenario("life", skus=2)
        list(self._seeder.seed(scenario.products(2 * orders)))
        with self._direct.mappings_disabled():
            out.print("the workers start …")
            self._run(scenario.details(self._batch, run="warm-up"))
            out.print(f"{orders:,} orders …")
            return self._run(scenario.details(orders))

    def _run(self, details: Sequence[Mapping[str, object]]) -> list[Part]:
        ids = [str(order["orderId"]) for order in details]
        orders, parcels = list(map(order_stream, ids)), [shipment_stream(shipment_id(one, 1)) for one in ids]
        direct, batch = self._direct, self._batch

        def relayed(streams: Sequence[str], *versions: int) -> list[Step]:
            return [direct.relay(streams, version, batch) for version in versions]

        parts = [
            _part("until it is confirmed", direct.run(details, batch)),
            _part(
                "parcel planned",
                [
                    direct.consume("start", "fulfilment-service", orders, 3, batch),
                    *relayed(orders, 4),
                    *relayed(parcels, 1),
                ],
            ),
            _part(
                "label booked",
                [
                    direct.consume("book", "fulfilment-service", parcels, 1, batch),
                    *relayed(parcels, 2),
                    direct.consume("follow", "order-service", parcels, 2, batch),
                ],
            ),
            _part("each look without news", [direct.tell("look", "fulfilment-service", parcels, batch)]),
        ]
        sleep(_WAY_SECONDS)
        parts.append(
            _part(
                "delivered",
                [
                    direct.tell("look", "fulfilment-service", parcels, batch),
                    *relayed(parcels, 3),
                    direct.consume("follow", "order-service", parcels, 3, batch),
                    *relayed(orders, 5, 6),
                ],
            )
        )
        for detail in details:
            self._return(detail)
        parts.append(_part("returned", relayed(orders, 7, 8)))
        refund = direct.consume("refund", "payment-service", orders, 8, batch)
        return [*parts, _part("refunded", [refund, *relayed(orders, 9)])]

    def _return(self, detail: Mapping[str, object]) -> None:
        """The order's goods come back. A person commands that, so its own two transactions are not measured."""
        order_id, cause = str(detail["orderId"]), Cause("measure", "measure", datetime.now(UTC))
        items: list[Mapping[str, object]] = detail["items"]  # type: ignore[assignment] # as Scenario makes it
        lines = tuple(StockLine(str(item["sku"]), 1) for item in items)
        announced = ReturnRequested(
            order_id=order_id, customer_id=str(detail["customerId"]), return_id="return-1", lines=order_lines(lines)
        )
        self._after_sale.request_return(announced, cause)
        self._after_sale.receive_return(ReceivedGoods(order_id, "return-1", lines, lines), cause)


def _part(name: str, steps: Sequence[Step]) -> Part:
    return Part(name, total(steps))


def parts_table(parts: Sequence[Part], orders: int, prices: Prices, title: str) -> Table:
    numbers = ("API calls", "write units", "read units", "events", "SQS requests", "$ per million")
    shown = table("part of the life", *numbers, numbers=numbers, title=title)
    for part in parts:
        usage = part.usage
        counts = (usage.own_calls, usage.units.write, usage.units.read, usage.events, usage.sqs_requests)
        usd = sum(prices.cost(quantities(usage)).values()) / orders * _MILLION
        shown.add_row(part.name, *(f"{count / orders:.2f}" for count in counts), f"{usd:.2f}")
    return shown

"""Check a deployment from outside: order by event and at the shop API, and look at everything that should change."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import count
from uuid import uuid4

from rich.text import Text

from scripts.cli.console import out, print_table, table
from scripts.cli.errors import UserError
from scripts.cli.waiting import wait_until
from scripts.cli.web import TIMEOUT_SECONDS, session
from scripts.deploy.deployment import Deployment
from scripts.deploy.generated_secrets import METRICS_TOKEN, required
from scripts.deploy.target import Target
from scripts.ledger.gateway_ledger import read_entries
from scripts.ledger.log_reader import read_commit, read_stream
from scripts.ledger.order_history import reason_of
from scripts.monitor.metrics_audit import business_counters, read_page
from scripts.operate.customer_checks import CustomerChecks
from scripts.operate.order_client import History, OrderClient
from scripts.operate.post_deploy_suite import Case, Check, Suite, load_suite
from scripts.operate.seeding import Seeder
from services.libs.store.inventory_table import InventoryTable
from services.payment_service.simulated_gateway import accepts
from services.shared.events.fulfilment import ShipmentTracked
from services.shared.inventory import StockItem
from services.shared.shipment_lifecycle import shipment_stream

# What a function failed at comes again after a minute: time for two of that.
_TIMEOUT_SECONDS = 180
_POLL_SECONDS = 0.5


def check_deployment(target: Target) -> None:
    """Raise UserError naming each expectation that does not hold, with the values seen."""
    suite = load_suite()
    checks = list(_PostDeployTest(target, Deployment.of(target), suite).checks())
    _print(checks)
    failed = [check for check in checks if not check.holds]
    if failed:
        raise UserError(
            "\n".join(f"{check.case}: {check.subject}: expected {check.expected}, saw {check.seen}" for check in failed)
        )


class _PostDeployTest:
    def __init__(self, target: Target, deployment: Deployment, suite: Suite) -> None:
        self._metrics_url, self._token = deployment.metrics_url(target), required(target, METRICS_TOKEN)
        self._dynamodb = target.client("dynamodb")
        self._logs = target.client("logs")
        self._deployment = deployment
        self._suite = suite
        self._cases = [case for case in suite.cases if _possible(case, deployment)]
        self._seeder = Seeder.of(target, deployment)
        self._orders = OrderClient(target, deployment)
        self._inventory = InventoryTable(self._dynamodb, deployment.tables.inventory)
        self._skus = [product.sku for product in suite.inventory]
        self._customer = CustomerChecks(target, deployment, suite.shop_sku)

    def checks(self) -> Iterator[Check]:
        refused = [change for change in self._seeder.seed(self._suite.inventory) if change.refused]
        if refused:
            raise UserError(f"cannot set the test stock: {refused[0].product.sku}: {refused[0].refused}")
        before, counted_before = self._inventory.read(self._skus), self._orders_counted()
        started = datetime.now(UTC)
        orders = {order_id_for(case, self._deployment): case for case in self._cases}
        self._orders.place(
            [{"orderId": order_id, "customerId": "test-customer", **case.order} for order_id, case in orders.items()]
        )
        with out.status("waiting for the orders' final states"):
            histories = self._orders.wait(orders, _TIMEOUT_SECONDS)
        for order_id, case in orders.items():
            yield from self._order_checks(case, histories[order_id])
            yield from self._gateway_checks(case, order_id)
            yield from self._parcel_checks(case, order_id)
            yield from self._log_checks(case, order_id, started)
        yield from self._customer.checks()
        yield from self._stock_checks(before)
        yield from self._metrics_checks(counted_before)

    def _order_checks(self, case: Case, history: History) -> Iterator[Check]:
        # What follows on the confirmation is checked by its parcels.
        concluding = history.events[: len(case.expect.events)] if case.expect.parcels else history.events
        yield Check(case.name, "events in the event store", case.expect.events, concluding)
        if history.concluded:
            yield Check(case.name, "reason", case.expect.reason, reason_of(history.concluded))

    def _gateway_checks(self, case: Case, order_id: str) -> Iterator[Check]:
        entry = read_entries(self._dynamodb, self._deployment, [order_id]).get(order_id)
        yield Check(case.name, "gateway ledger", case.expect.gateway, entry.status if entry else None)
        yield Check(case.name, "gateway amount", case.expect.amount_minor, entry.amount_minor if entry else None)

    def _parcel_checks(self, case: Case, order_id: str) -> Iterator[Check]:
        if case.expect.parcels:
            wait_until(lambda: self._booked(order_id) == case.expect.parcels, _TIMEOUT_SECONDS, _POLL_SECONDS)
            yield Check(case.name, "parcels with a label, by warehouse", case.expect.parcels, self._booked(order_id))

    def _booked(self, order_id: str) -> list[str]:
        """The warehouses of the order's parcels that have a label from the carrier."""
        order = self._orders.histories([order_id])[order_id].order
        planned = order.shipments.values() if order else ()
        return sorted(shipment.warehouse for shipment in planned if self._has_label(shipment.shipment_id))

    def _has_label(self, shipment_id: str) -> bool:
        commits = map(read_commit, read_stream(self._dynamodb, self._deployment, shipment_stream(shipment_id)))
        return any(tracked.tracking_number for commit in commits if (tracked := commit.find(ShipmentTracked)))

    def _log_checks(self, case: Case, order_id: str, started: datetime) -> Iterator[Check]:
        services = ["order-service"] + (["payment-service"] if case.expect.gateway else [])
        for service in services:
            yield Check(case.name, f"{service} logged the order", True, self._logged(service, order_id, started))  # noqa: FBT003

    def _logged(self, service: str, order_id: str, started: datetime) -> bool:
        group = self._deployment.functions[service].log_group
        since = int((started - timedelta(seconds=5)).timestamp() * 1000)

        def found() -> bool:
            pages = self._logs.get_paginator("filter_log_events").paginate(
                logGroupName=group, startTime=since, filterPattern=f'"{order_id}"'
            )
            return any(page["events"] for page in pages)

        return wait_until(found, _TIMEOUT_SECONDS, _POLL_SECONDS)

    def _stock_checks(self, before: Mapping[str, StockItem]) -> Iterator[Check]:
        after = self._inventory.read(self._skus)
        sold = Counter(self._customer.sold)
        for case in self._cases:
            sold.update(case.expect.sold)
        for sku in self._skus:
            was, now = before[sku], after[sku]
            expected = (was.stock - sold[sku], was.reserved, was.available - sold[sku])
            seen = (now.stock, now.reserved, now.available)
            yield Check("inventory", f"{sku} (stock, reserved, available)", expected, seen)

    def _metrics_checks(self, counted_before: int) -> Iterator[Check]:
        # Others may place orders too.
        counted = self._orders_counted() - counted_before >= len(self._cases)
        yield Check("metrics", "the endpoint shows the orders", True, counted)  # noqa: FBT003
        refused = session(self._metrics_url).get(self._metrics_url, timeout=TIMEOUT_SECONDS).status_code
        yield Check("metrics", "status without the token", HTTPStatus.UNAUTHORIZED, refused)

    def _orders_counted(self) -> int:
        counters = business_counters(read_page(self._metrics_url, self._token))
        return sum(count for series, count in counters.items() if series.startswith("orders_processed_total|"))


def order_id_for(case: Case, deployment: Deployment) -> str:
    """Make an id; where nobody may force a payment's end, one for which the simulated gateway decides as is wanted."""
    ids = (f"test-{uuid4()}" for _ in count())
    if case.payment is None or deployment.allow_forced_payment_result:
        return next(ids)
    return next(one for one in ids if accepts(one, deployment.payment_success_rate) is case.payment)


def _possible(case: Case, deployment: Deployment) -> bool:
    """Whether a payment can end as the case wants; say so if it cannot."""
    rate = deployment.payment_success_rate
    if case.payment is None or deployment.allow_forced_payment_result or (rate > 0 if case.payment else rate < 1):
        return True
    out.print(f"not tested: {case.name}; no payment ends so at a success rate of {rate:g}")
    return False


def _print(checks: list[Check]) -> None:
    shown = table("case", "expectation", "seen", "result", title="Post-deploy test")
    for check in checks:
        result = Text("ok", style="green") if check.holds else Text("failed", style="red")
        shown.add_row(check.case, check.subject, _text(check.seen), result)
    print_table(shown)


def _text(seen: object) -> str:
    if isinstance(seen, bool):
        return "yes" if seen else "no"
    if isinstance(seen, list | tuple):
        return ", ".join(map(str, seen))
    return "none" if seen is None else str(seen)

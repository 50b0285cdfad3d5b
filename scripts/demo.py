"""A lively run: many orders of mixed size, some sent twice, and then what became of stock, orders and money."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import quantiles
from time import monotonic, sleep

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scripts.cli.console import out, table
from scripts.cli.errors import UserError
from scripts.cli.json_files import load_json
from scripts.cli.paths import SEED_FILE
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.log_reader import Charges, Ledger, SkuTotals, read_charges, read_commits, read_inventory
from scripts.monitor import monitoring
from scripts.operate.order_client import History, OrderClient
from scripts.operate.seeding import CATALOGUE
from services.shared.inventory import StockItem

_TIMEOUT_SECONDS = 180
_REPEATED_SHARE = 0.1
_EVENTS_A_SECOND = 20
_BATCH = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is true of the whole deployment after the run: the log, and the tables it must agree with."""

    ledger: Ledger
    inventory: Sequence[StockItem]
    charges: Charges

    def checks(self) -> dict[str, bool]:
        return {
            "stock + sold = initial stock and what was seeded since, for every SKU": all(
                item is not None and item.stock + totals.sold == totals.seeded for item, totals in self._skus()
            ),
            "available + reserved = stock, reserved as the log says, none below 0": all(
                item is not None
                and item.available + item.reserved == item.stock
                and item.reserved == totals.reserved
                and min(item.available, item.reserved) >= 0
                for item, totals in self._skus()
            ),
            "charged = confirmed, in orders and in money": (self.charges.count, self.charges.amount_minor)
            == (self.ledger.confirmed, self.ledger.confirmed_minor),
        }

    def _skus(self) -> Iterator[tuple[StockItem | None, SkuTotals]]:
        """Every SKU of the log or the inventory, so that one that is lost on either side is noticed."""
        items = {item.sku: item for item in self.inventory}
        for sku in items.keys() | self.ledger.skus.keys():
            yield items.get(sku), self.ledger.skus.get(sku, SkuTotals())


def run_demo(target: Target, orders: int) -> None:
    """Place `orders` orders; raise UserError where one stays without a final state or a check fails."""
    deployment = Deployment.of(target)
    if target.is_local:  # elsewhere the deployment has its own
        monitoring.up_if_possible(target)  # before the first order, which Prometheus would not count otherwise
    client = OrderClient(target, deployment)
    details = _orders(orders)
    events = _with_repetitions(details)
    ids = [str(detail["orderId"]) for detail in details]
    with _progress() as progress:
        sending = progress.add_task("sent", total=len(events))
        decided = progress.add_task("decided", total=orders)
        final = progress.add_task("final", total=orders)

        def show(histories: Mapping[str, History]) -> None:
            progress.update(decided, completed=sum(bool(history.commits) for history in histories.values()))
            progress.update(final, completed=sum(history.final is not None for history in histories.values()))

        sent: dict[str, datetime] = {}
        seen: dict[str, History] = {}
        began = monotonic()
        for start in range(0, len(events), _BATCH):
            batch = events[start : start + _BATCH]
            times = client.place(batch)
            for event, at in zip(batch, times, strict=True):
                order_id = str(event["orderId"])
                sent.setdefault(order_id, at)
                seen.setdefault(order_id, History(order_id, ()))
            progress.advance(sending, len(batch))
            client.update(seen)
            show(seen)
            sleep(max(0, began + (start + _BATCH) / _EVENTS_A_SECOND - monotonic()))
        histories = client.wait(ids, _TIMEOUT_SECONDS, show)
    dynamodb = target.client("dynamodb")
    outcome = Outcome(
        ledger=Ledger.of(read_commits(dynamodb, deployment)),
        inventory=read_inventory(dynamodb, deployment),
        charges=read_charges(dynamodb, deployment),
    )
    _summarise(histories, sent, len(events) - orders, outcome)
    _say_what_next(target)
    stuck = [order_id for order_id, history in histories.items() if history.final is None]
    failed = [text for text, holds in outcome.checks().items() if not holds]
    if stuck:
        failed.insert(0, f"{len(stuck)} orders have no final state, such as {stuck[0]}")
    if failed:
        raise UserError("does not hold: " + "; ".join(failed))


def _orders(count: int) -> list[dict[str, object]]:
    skus = [product.sku for product in load_json(SEED_FILE, CATALOGUE)]
    run_id = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    dice = random.Random(run_id)  # noqa: S311 - no secret
    return [
        {
            "orderId": f"demo-{run_id}-{number:04d}",
            "customerId": f"customer-{dice.randint(1, 50)}",
            "items": [
                {"sku": sku, "quantity": dice.choice((1, 1, 1, 2, 3))}
                for sku in dice.sample(skus, dice.choice((1, 1, 2, 3)))
            ],
        }
        for number in range(1, count + 1)
    ]


def _with_repetitions(details: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Send some orders a second time at once, as a producer may: whatever is sent twice must count once."""
    twice = {id(detail) for detail in random.sample(details, round(len(details) * _REPEATED_SHARE))}
    return [copy for detail in details for copy in ([detail, detail] if id(detail) in twice else [detail])]


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=out
    )


def _summarise(
    histories: Mapping[str, History], sent: Mapping[str, datetime], duplicates: int, outcome: Outcome
) -> None:
    this_run = Ledger.of(commit for history in histories.values() for commit in history.commits)
    _stock_table(outcome, this_run)
    currency = "".join(f" {name}" for name in {item.product.currency for item in outcome.inventory})
    out.print(f"\norders placed      {len(histories)}, and {duplicates} of them sent twice")
    out.print(f"confirmed          {this_run.confirmed}, revenue {this_run.confirmed_minor / 100:,.2f}{currency}")
    for reason, count in sorted(this_run.cancelled.items()):
        out.print(f"cancelled          {count} ({reason})")
    waits = [
        (history.final.cause.at - sent[order_id]).total_seconds() * 1000
        for order_id, history in histories.items()
        if history.final
    ]
    if len(waits) > 1:
        percentiles = quantiles(waits, n=100, method="inclusive")
        out.print(
            f"event to final     p50 {percentiles[49]:.0f} ms, p99 {percentiles[98]:.0f} ms,"
            f" at {_EVENTS_A_SECOND} events a second"
        )
    for text, holds in outcome.checks().items():
        out.print(f"[{'green' if holds else 'red'}]{'ok' if holds else 'FAILED':<18}[/] {text}")


def _stock_table(outcome: Outcome, this_run: Ledger) -> None:
    numbers = ("seeded", "sold", "stock", "reserved", "available", "sold in this run")
    shown = table("SKU", *numbers, title="Stock, after all runs on this deployment", numbers=numbers)
    for item in outcome.inventory:
        totals = outcome.ledger.skus.get(item.sku, SkuTotals())
        mine = this_run.skus.get(item.sku)
        figures = (totals.seeded, totals.sold, item.stock, item.reserved, item.available, mine.sold if mine else 0)
        shown.add_row(item.sku, *map(str, figures))
    out.print(shown)


def _say_what_next(target: Target) -> None:
    out.print(
        "\nThe deployment stays up. Look around:\n"
        f"  export ENVIRONMENT={target.environment}\n"
        "  .venv/bin/invoke put-order --item prod-005=2       place an order and watch it\n"
        "  .venv/bin/invoke seed-inventory                    fill the shelves again\n"
        "  .venv/bin/invoke --list                            everything else\n"
        "  .venv/bin/invoke local-down                        stop it"
    )
    if prometheus := monitoring.url(target):
        out.print(f"  {prometheus}  its metrics and alerts in Prometheus")

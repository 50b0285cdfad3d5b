"""A lively run: orders by event, some sent twice, and by customers at the front door; then a summary and an audit."""

import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import mean, quantiles
from time import monotonic, sleep
from typing import NamedTuple
from uuid import uuid4

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scripts.cli.console import out, print_table
from scripts.cli.errors import UserError
from scripts.cli.json_files import load_json
from scripts.cli.money import money
from scripts.cli.paths import SEED_FILE
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.audit.auditor import Auditor
from scripts.ledger.audit.findings import Audit, Difference
from scripts.ledger.audit.report import moved_text, stock_table
from scripts.ledger.log_reader import Ledger
from scripts.monitor import monitoring
from scripts.operate.lives import Lives
from scripts.operate.order_client import History, OrderClient, Until, is_concluded
from scripts.operate.seeding import CATALOGUE
from scripts.operate.shoppers import CUSTOMERS, Shoppers, Visits
from services.order_service.after_sale import accepted
from services.shared.order_lifecycle import CANCELLED, DELIVERED, IN_FULFILMENT, SHIPPED
from services.shared.order_state import Order

# What a function failed at comes again after a minute, at any of the stages.
_TIMEOUT_SECONDS = 300
_REPEATED_SHARE = 0.1
_EVENTS_PER_SECOND = 20
_BATCH = 10
_MOST_NAMED = 5
_CANCELLED_EVERY = 15
"""The customer of one of so many orders cancels it."""

_STOCK, _MONEY = {"stock", "log"}, {"money"}


@dataclass(frozen=True, slots=True)
class Run:
    """The orders that one run placed, by id."""

    run_id: str
    histories: Mapping[str, History]
    sent_at: Mapping[str, datetime]
    repeated: int
    """How many of them were sent twice."""
    visits: Visits = field(default_factory=Visits)
    """The orders that customers placed at the front door are among the orders of the run."""

    @property
    def stuck(self) -> list[str]:
        return [order_id for order_id, history in self.histories.items() if not has_ended(history)]

    def milliseconds(self, *, by_door: bool) -> list[float]:
        """How long each order took from its event or its checkout to its confirmation or cancellation."""
        return [
            (history.concluded.cause.at - self.sent_at[order_id]).total_seconds() * 1000
            for order_id, history in self.histories.items()
            if history.concluded and (order_id in self.visits.placed) is by_door
        ]


class Stage(NamedTuple):
    """A part of the orders' lives: when an order has it behind it, and what the world does then."""

    name: str
    is_reached: Until
    go_on: Callable[[Lives, Shoppers, Sequence[Order]], None] | None = None


def is_packed(history: History) -> bool:
    """Whether its parcels are made, or it was cancelled before."""
    return history.order is not None and history.order.state.phase in {IN_FULFILMENT, SHIPPED, DELIVERED, CANCELLED}


def has_arrived(history: History) -> bool:
    return history.order is not None and history.order.state.phase in {DELIVERED, CANCELLED}


def has_ended(history: History) -> bool:
    """Whether no return or refund is open either."""
    return history.order is not None and history.order.state.is_final


def _deliver(lives: Lives, _: Shoppers, orders: Sequence[Order]) -> None:
    lives.deliver(orders)


def _take_back(lives: Lives, shoppers: Shoppers, orders: Sequence[Order]) -> None:
    """Customers rate what came. One order comes back through the front door, and others by the use cases."""
    delivered = [order for order in orders if order.state.phase == DELIVERED]
    shoppers.rate([accepted(order).order_id for order in delivered])
    returned = shoppers.return_one([accepted(order).order_id for order in delivered])
    lives.take_back([order for order in delivered if accepted(order).order_id != returned])


STAGES = (
    Stage("concluded", is_concluded),
    Stage("packed", is_packed, _deliver),
    Stage("arrived", has_arrived, _take_back),
    Stage("ended", has_ended),
)


def run_demo(target: Target, orders: int) -> None:
    """Place `orders` orders by event, and let customers place theirs at the shop API.

    Raises UserError where one stays without a final state, or the audit finds a difference.
    """
    deployment = Deployment.of(target)
    if target.is_local:  # elsewhere the deployment has its own
        monitoring.up_if_possible(target)  # before the first order, which Prometheus would not count otherwise
    run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid4().hex[:6]}"
    run = _live(target, deployment, run_id, orders)
    with out.status("auditing"):
        audit = Auditor(target.client("dynamodb"), deployment).audit()
    _summarise(run, audit)
    _say_what_next(target)
    failed = [f"{len(run.stuck)} orders have no final state, such as {run.stuck[0]}"] if run.stuck else []
    failed += map(_text, audit.differences[:_MOST_NAMED])
    if failed:
        raise UserError(
            "\n".join([*failed, "`invoke audit` lists all differences, `invoke dlq-list` the messages that failed"])
        )


def _live(target: Target, deployment: Deployment, run_id: str, count: int) -> Run:
    """Place the orders at a steady pace while customers shop; cancel some, deliver and return others, until all end."""
    skus = [product.sku for product in load_json(SEED_FILE, CATALOGUE)]
    details = make_orders(run_id, count, skus)
    events = _with_repetitions(details)
    client = OrderClient(target, deployment)
    lives = Lives.of(target, deployment)
    cancelled = details[::_CANCELLED_EVERY]
    shoppers = Shoppers.of(target, deployment, run_id, skus)
    out.print(f"{CUSTOMERS} customers sign up at the shop API …")
    with shoppers, ThreadPoolExecutor(1) as beside, _progress() as progress:
        shopping = beside.submit(shoppers.shop)
        sending = progress.add_task("sent", total=len(events))
        shown = {stage: progress.add_task(stage.name, total=count + CUSTOMERS) for stage in STAGES}
        sent_at: dict[str, datetime] = {}
        began = monotonic()
        for start in range(0, len(events), _BATCH):
            batch = events[start : start + _BATCH]
            for event, at in zip(batch, client.place(batch), strict=True):
                sent_at.setdefault(str(event["orderId"]), at)
            for event in batch:
                if event in cancelled:
                    lives.cancel(str(event["orderId"]), str(event["customerId"]))
            progress.advance(sending, len(batch))
            sleep(max(0, began + (start + _BATCH) / _EVENTS_PER_SECOND - monotonic()))

        visits = shopping.result()
        sent_at |= visits.placed
        until = monotonic() + _TIMEOUT_SECONDS
        for stage in STAGES:

            def show(histories: Mapping[str, History], stage: Stage = stage) -> None:
                progress.update(shown[stage], completed=sum(map(stage.is_reached, histories.values())))

            histories = client.wait(sent_at, until - monotonic(), show, stage.is_reached)
            if stage.go_on:
                stage.go_on(lives, shoppers, [order for history in histories.values() if (order := history.order)])
        shoppers.erase_one()
    return Run(run_id, histories, sent_at, len(events) - count, visits)


def make_orders(run_id: str, count: int, skus: Sequence[str]) -> list[dict[str, object]]:
    """Make the details of `OrderPlaced` events; their order ids are this run's own."""
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
    """Send some orders a second time at once, as a producer may: an order that is sent twice must count once."""
    twice = {id(detail) for detail in random.sample(details, round(len(details) * _REPEATED_SHARE))}
    return [copy for detail in details for copy in ([detail, detail] if id(detail) in twice else [detail])]


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=out
    )


def _summarise(run: Run, audit: Audit) -> None:
    mine = Ledger.of(commit for history in run.histories.values() for commit in history.commits)
    print_table(stock_table(audit.ledger, "Stock, after all runs on this deployment", mine))
    revenue = ", ".join(money(amount, currency) for currency, amount in sorted(mine.revenue_minor.items()))
    out.print(f"\nthis run           demo-{run.run_id}")
    placed, visits = len(run.histories), run.visits
    out.print(f"orders placed      {placed - len(visits.placed)} by event, and {run.repeated} of them sent twice")
    by_door = ", ".join([f"{len(visits.placed)} by customers at the shop API", *_counts(visits.told)])
    out.print(f"                   {by_door}")
    out.print(
        f"confirmed          {mine.confirmed}, of which {mine.shipped} were shipped and {mine.delivered} delivered"
    )
    for reason, count in sorted(mine.cancelled.items()):
        out.print(f"cancelled          {count} ({reason})")
    refunded = ", ".join(money(amount, currency) for currency, amount in sorted(mine.refunded_minor.items()))
    out.print(f"returned           {mine.returned} orders")
    if visits.ratings:
        average = f"{mean(visits.ratings):.1f} of 5 on average"
        out.print(f"rated              {len(visits.ratings)} orders by customers, {average}")
    if visits.served:
        out.print(f"customers          {', '.join(_counts(visits.served))}")
    out.print(f"revenue            {revenue or 'none'}, after refunds of {refunded or 'none'}")
    pace = f"at {_EVENTS_PER_SECOND} events per second"
    _print_latency("event to confirmed", run.milliseconds(by_door=False), pace)
    _print_latency("cart to confirmed", run.milliseconds(by_door=True), "from the request to check out")
    _print_latency("shop API", visits.command_ms, "from request to answer of a command")
    if audit.moved:
        out.print(f"others write too   {moved_text(audit)}", style="yellow", markup=False)
    for text, holds in checks(audit).items():
        out.print(f"[{'green' if holds else 'red'}]{'ok' if holds else 'FAILED':<18}[/] {text}")


def _counts(happened: Mapping[str, int]) -> list[str]:
    return [f"{count} {what}" for what, count in happened.items()]


def _print_latency(what: str, milliseconds: Sequence[float], condition: str) -> None:
    if len(milliseconds) > 1:
        percentiles = quantiles(milliseconds, n=100, method="inclusive")
        out.print(f"{what:<18} p50 {percentiles[49]:.0f} ms, p99 {percentiles[98]:.0f} ms, {condition}")


def checks(audit: Audit) -> dict[str, bool]:
    """Say of each claim whether it holds, for the whole deployment."""
    kinds = {difference.kind for difference in audit.differences}
    return {
        "stock = seeded - sold, available = stock - reserved, none below 0, for every SKU": not kinds & _STOCK,
        "charged = confirmed, refunded = cancelled, lost or returned, in orders and in money": not kinds & _MONEY,
        "every order, deadline and business counter is what the log says": not kinds - _STOCK - _MONEY,
    }


def _text(difference: Difference) -> str:
    return f"{difference.kind} {difference.subject}: the log says {difference.expected}, found {difference.found}"


def _instance(target: Target) -> str:
    instance = target.emulator.instance
    return f" PULSEQUEUE_INSTANCE={instance}" if target.is_local and instance != "default" else ""


def _say_what_next(target: Target) -> None:
    out.print(
        "\nThe deployment stays up. Look around:\n"
        "  source .venv/bin/activate\n"
        f"  export ENVIRONMENT={target.environment}{_instance(target)}\n"
        "  invoke put-order --item prod-005=2       place an order and watch it\n"
        '  eval "$(invoke shop-user ada --shell)"    sign up at the shop API: sets $SHOP and $TOKEN, see docs/api.md\n'
        "  invoke seed-inventory                    fill the shelves again\n"
        "  invoke --list                            everything else\n"
        "  invoke local-down                        stop it"
    )
    if prometheus := monitoring.url(target):
        out.print(f"  {prometheus}  its metrics and alerts in Prometheus")

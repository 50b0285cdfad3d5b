"""The command suite: customers and staff at the front door, whose functions are killed at random."""

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic, sleep

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scripts.cli.console import out
from scripts.deploy.deployment import Deployment
from scripts.ledger.audit.auditor import Auditor
from scripts.ledger.log_reader import read_commits
from scripts.operate.mappings import Mappings
from scripts.operate.order_client import OrderClient
from scripts.operate.seeding import Seeder, SeedProduct
from scripts.operate.use_cases import after_sale, carrier_messages
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.order_lifecycle import PAID, RESERVED, UNPAID
from services.shared.order_state import Order, RefundStatus
from tests.faults.callers import Budget, Desk, Hand, Person, Tab
from tests.faults.chaos import Killer, Sweeping, repeated
from tests.faults.command_report import CommandReport
from tests.faults.commands import Log, Request
from tests.faults.crashes import Crashes
from tests.faults.evidence import Evidence
from tests.faults.guests import Guests, not_forgotten
from tests.faults.queues import redrive, waiting
from tests.faults.suite import FaultDeployment

_SERVICES = (
    "cart-service-api",
    "order-service-api",
    "catalog-service-api",
    "customer-service-api",
    "support-service-api",
)
_FORGETTING = ("cart-service", "customer-service", "support-service")
"""Who follows an erasure: they die at a call too."""
_CUSTOMERS = 2
_TABS = 2
_DESKS = 1
_SKUS = 8
_STOCK = 1_000_000
_COMMANDS_PER_KILL = 40
"""Beside those that die at a call."""
_COMMANDS_PER_SHIFT = 100
"""The warehouse works every other shift: before its first there are orders to cancel, and then some to return."""
_QUIET_SECONDS = 3
_SETTLE_SECONDS = 180
"""For so long at most nothing changes of what is under way."""
_POLL_SECONDS = 0.5
_SWEEP_SECONDS = 10
_PAYING = {RESERVED, PAID, UNPAID}
"""The phases of an order in which something is still to come of its payment."""


def run_command_suite(
    deployed: FaultDeployment, commands: int, seed: int, most_seconds: float = float("inf")
) -> CommandReport:
    """Send so many commands, kill the functions that carry them out, and look at what is in the event store.

    After `most_seconds` no more commands are sent.
    """
    return _Run(deployed, commands, seed, monotonic() + most_seconds).run()


class _Run:
    def __init__(self, deployed: FaultDeployment, commands: int, seed: int, until: float) -> None:
        target, self._proxy = deployed
        deployment = Deployment.of(target)
        self._target, self._deployment, self._seed = target, deployment, seed
        self._sqs = target.client("sqs")
        self._orders = OrderClient(target, deployment)
        self._after_sale = after_sale(target.client("dynamodb"), deployment)
        self._warehouse = Mappings(target, deployment, ["fulfilment-service"])
        self._sweeping = Sweeping(target, deployment)
        self._budget = Budget(commands, until, self._on_command)
        self._log = Log()
        functions = [deployment.functions[name].name for name in _SERVICES]
        mortal = [*functions, *(deployment.functions[name].name for name in _FORGETTING)]
        self._crashes = Crashes(target, self._proxy, mortal, self._dice("crashes"))
        self._killer = Killer(target, self._dice("kills"), functions)
        self._progress = Progress(
            TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=out
        )
        self._bar = self._progress.add_task("commands", total=commands)

    def run(self) -> CommandReport:
        began = monotonic()
        hands = self._hands()
        with self._deadly(), self._progress:
            _all_at_once([hand.work for hand in hands])
        sending_seconds = monotonic() - began
        self._settle()
        _all_at_once([hand.repeat_all for hand in hands])
        commits = list(read_commits(self._target.client("dynamodb"), self._deployment, []))
        evidence = Evidence(self._log, commits)
        return CommandReport(
            outcomes=self._log.outcomes(),
            refusals=self._log.refusals(),
            unacknowledged=evidence.unacknowledged(),
            crashes=self._crashes.counts,
            killed=self._killer.killed,
            repeated=len(self._log.repetitions),
            failures=evidence.failures() | self._audit() | self._not_forgotten(commits),
            sending_seconds=sending_seconds,
            seconds=monotonic() - began,
        )

    def _hands(self) -> list[Hand]:
        skus = [f"front-door-{number}" for number in range(_SKUS)]
        list(Seeder.of(self._target, self._deployment).seed([_product(sku) for sku in skus]))
        staff = Person(self._target, self._deployment, is_staff=True)
        customers = [Person(self._target, self._deployment) for _ in range(_CUSTOMERS)]
        returns: deque[Request] = deque()
        carrier = carrier_messages(self._target.client("dynamodb"), self._deployment)
        tabs = [
            Tab(
                customer,
                self._log,
                self._budget,
                self._dice(f"tab {number} of {tab}"),
                skus=skus,
                carrier=carrier,
                returns=returns,
                staff=staff,
            )
            for number, customer in enumerate(customers)
            for tab in range(_TABS)
        ]
        desks = [
            Desk(staff, self._log, self._budget, self._dice(f"desk {number}"), skus=skus, returns=returns)
            for number in range(_DESKS)
        ]
        self._guests = Guests(self._target, self._deployment, self._log, self._budget, self._dice("guests"), skus=skus)
        return [*tabs, *desks, self._guests]

    def _on_command(self, number: int) -> None:
        self._progress.advance(self._bar)
        if number % _COMMANDS_PER_SHIFT == 0:
            self._warehouse.switch(enabled=number // _COMMANDS_PER_SHIFT % 2 == 1)
        if number % _COMMANDS_PER_KILL == _COMMANDS_PER_KILL - 1:
            self._killer.kill()

    @contextmanager
    def _deadly(self) -> Iterator[None]:
        self._proxy.answer_instead = self._crashes.answer
        try:
            yield
        finally:
            self._proxy.answer_instead = None

    def _settle(self) -> None:
        """Wait until nothing is under way, so that the log has all that follows from the commands.

        Gateway and carrier fail here too: what they refused or failed is asked for again, as long as that helps.
        """
        self._warehouse.switch(enabled=True)
        unfinished, until = set[str](), monotonic() + _SETTLE_SECONDS
        with out.status("waiting until nothing is under way"), repeated(self._sweeping.sweep, _SWEEP_SECONDS):
            while (found := self._unfinished_once_quiet(until)) and monotonic() < until:
                if found != unfinished:
                    unfinished, until = found, monotonic() + _SETTLE_SECONDS
                redrive(self._sqs, self._deployment)

    def _unfinished_once_quiet(self, until: float) -> set[str]:
        """Wait until the queues have been empty for a while; return the orders and refunds that are not done."""
        quiet_since = monotonic()
        while monotonic() < min(until, quiet_since + _QUIET_SECONDS):
            sleep(_POLL_SECONDS)
            if any(waiting(self._sqs, queue.url, in_flight=True) for queue in self._deployment.queues.values()):
                quiet_since = monotonic()
        orders = {
            order_id: history.order for order_id, history in self._orders.histories(self._log.order_ids()).items()
        }
        refused = {refund: order_id for order_id, order in orders.items() if order for refund in _refused(order)}
        for refund_id, order_id in refused.items():
            self._after_sale.retry_refund(order_id, refund_id, Cause(refund_id, refund_id, datetime.now(UTC)))
        return refused.keys() | {
            order_id for order_id, order in orders.items() if order is None or order.state.phase in _PAYING
        }

    def _audit(self) -> dict[str, list[str]]:
        audit = Auditor(self._target.client("dynamodb"), self._deployment).audit()
        found = [str(one) for one in (*audit.differences, *audit.moved)]
        return {"differences of the audit": found} if found else {}

    def _not_forgotten(self, commits: Sequence[Commit]) -> dict[str, list[str]]:
        found = list(not_forgotten(self._target, self._deployment, commits, self._guests.erased))
        return {"erased and not forgotten": found} if found else {}

    def _dice(self, subject: str) -> random.Random:
        return random.Random(f"{self._seed} {subject}")  # noqa: S311 - no secret


def _all_at_once(tasks: Sequence[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(len(tasks)) as threads:
        for task in [threads.submit(task) for task in tasks]:
            task.result()


def _refused(order: Order) -> list[str]:
    """The refunds of the order that the gateway refused."""
    return [refund_id for refund_id, refund in order.refunds.items() if refund.status is RefundStatus.FAILED]


def _product(sku: str) -> SeedProduct:
    return SeedProduct(sku=sku, name=f"Product {sku}", stock=_STOCK, priceMinor=1000, currency="GBP")

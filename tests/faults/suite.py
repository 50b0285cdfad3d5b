"""The fault suite: orders through the embedded AWS while everything around the services misbehaves."""

import json
import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from time import monotonic, sleep
from typing import NamedTuple

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.own_deployment import own_deployment, with_settings
from scripts.deploy.target import Target
from scripts.measure.usage import SERVICES
from scripts.operate.order_client import OrderClient
from scripts.operate.seeding import Seeder
from services.shared.events.order import OrderPlaced
from tests.faults.chaos import Deployer, Killer, Sweeping, repeated
from tests.faults.people import ARRIVAL, People
from tests.faults.proxy import FaultProxy
from tests.faults.queues import redrive, waiting
from tests.faults.remains import Remains, dead_letters, is_explained
from tests.faults.repeater import Repeater
from tests.faults.report import Report
from tests.faults.watch import Watch
from tests.faults.workload import Delivery, batches, catalogue, deliveries, make_orders
from tests.use_cases import UseCases

_FAULT_RATE = 0.04
_SETTINGS = {
    "ENVIRONMENT": "faults",
    "PULSEQUEUE_INSTANCE": "faults",
}
# A new worker on a busy machine must get through its first batch: if it did not, ever more new workers would follow.
_FUNCTION_TIMEOUT_SECONDS = 10
# What failed comes again as soon as its function must have ended.
_HIDDEN_SECONDS = 15
# Shorter than copies take at most: where the first payment request failed, they and the expiry race. Longer than the
# first workers of all functions take to start side by side.
_PAYMENT_TIMEOUT_SECONDS = 18
# How often gateway and carrier give no answer, and refuse refunds, beside what befalls the calls to AWS.
_PARTNER_FAULT_RATE = 0.03
_REFUND_FAILURE_RATE = 0.3
# A parcel is on its way for seconds, by the carrier's own answers.
_CARRIER_SPEED = 20_000
_CARRIER_SHARE = 0.05
# The suite enquires about silent parcels. A sweep names up to 100 parcels in a message, and under faults most of such
# messages fail and come again: with looks at each parcel every minute they would be all that the service does.
_TRACKING_SECONDS = 600
_EVENTS_PER_SECOND = 25
_BATCH = 10
# More than that waiting, and the sender waits too: what is tested is faults, not load.
_BACKLOG = 100
_STANDSTILL_SECONDS = 900
# Counted in events, not in seconds: a slow machine must get as far between two of them as a fast one.
_EVENTS_PER_KILL = 60
# Each sweep tells of all that was due in the last minute once more.
_SWEEP_SECONDS = 10
_REPEAT_SECONDS = 0.1
_HANDS, _HAND_SECONDS = 4, 0.05
# What failed so often becomes a dead letter, so that there is something to redrive.
_RECEIVES = 2
_RECEIVES_OF = {"payment": 1}
# In a long run they do not all wait for its end: so many orders at once would live on then.
_BATCHES_PER_REDRIVE = 300
_LOOK_SECONDS = 1.0
_REST_PER_LOOK = 10
_SWITCH_SECONDS = 0.0005

_CALM_SECONDS = 3
_QUIET_SECONDS = 10
# Longer than an order that lost its payment request needs to expire, be swept and be refunded.
_GIVE_UP_SECONDS = 60
_SETTLE_SECONDS, _SETTLE_SECONDS_PER_ORDER = 600, 0.2
# Partners fail during a redrive too: what they fail is redriven again.
_REDRIVES = 5


class FaultDeployment(NamedTuple):
    """The system on an embedded AWS of its own; its functions call AWS by way of the proxy."""

    target: Target
    proxy: FaultProxy


@contextmanager
def fault_deployment(seed: int, fault_rate: float = _FAULT_RATE) -> Iterator[FaultDeployment]:
    proxy = FaultProxy(fault_rate, seed)
    settings = with_settings(
        {**_SETTINGS, "PULSEQUEUE_WORKER_ENDPOINT": proxy.url},
        function_timeout_seconds=_FUNCTION_TIMEOUT_SECONDS,
        payment_timeout_seconds=_PAYMENT_TIMEOUT_SECONDS,
        gateway_fault_rate=_PARTNER_FAULT_RATE,
        refund_failure_rate=_REFUND_FAILURE_RATE,
        carrier_fault_rate=_PARTNER_FAULT_RATE,
        carrier_speed=_CARRIER_SPEED,
        carrier_lost_share=_CARRIER_SHARE,
        carrier_returned_share=_CARRIER_SHARE,
        tracking_interval_seconds=_TRACKING_SECONDS,
    )
    # The proxy's thread waits for no other thread of this process longer than a call takes.
    sys.setswitchinterval(_SWITCH_SECONDS)
    with proxy.running(), own_deployment(settings, proxy.forward_to) as target:
        yield FaultDeployment(target, proxy)


def run_fault_suite(deployed: FaultDeployment, orders: int, seed: int, most_seconds: float = float("inf")) -> Report:
    """Run `orders` orders through a deployment where nothing ran before, with faults on, and look at what is left.

    After `most_seconds` no more are sent; those that were are followed to their end.
    """
    target, proxy = deployed
    return _Run(target, Deployment.of(target), proxy, orders, seed).run(most_seconds)


class _Run:
    def __init__(self, target: Target, deployment: Deployment, proxy: FaultProxy, orders: int, seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311 - no secret
        products = catalogue(orders, dice)
        list(Seeder.of(target, deployment).seed(products))
        self._seeded = {product.sku: product.stock for product in products}
        self._target, self._deployment = target, deployment
        self._proxy = proxy
        self._events, self._sqs = target.client("events"), target.client("sqs")
        self._queues = {
            name: queue.url
            for name, queue in deployment.queues.items()
            if deployment.functions[queue.service].writes_commits
        }
        self._killer = Killer(target, dice)
        self._deployer = Deployer(target, deployment)
        self._sweeping = Sweeping(target, deployment)
        self._repeater = Repeater(self._events, proxy.published, seed)
        self._people = People(UseCases.of(target, deployment, arrival=ARRIVAL, endpoint_url=proxy.url), seed)
        self._watch = Watch(OrderClient(target, deployment), self._people)
        self._orders = orders
        self._deliveries = deliveries(make_orders(orders, [product.sku for product in products], dice), dice)
        self._sent: list[Delivery] = []
        self._seen: set[str] = set()
        self._redriven = 0
        self._progress = Progress(
            TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=out
        )
        self._sent_bar = self._progress.add_task("sent", total=len(self._deliveries))
        self._ended_bar = self._progress.add_task("ended", total=orders)

    def run(self, most_seconds: float) -> Report:
        self._shorten_retries()
        began = monotonic()
        with self._others():
            with self._progress, self._faults():
                self._send_all(monotonic() + most_seconds)
                self._settle(_QUIET_SECONDS)
            self._redrive_all()
        return self._report(monotonic() - began)

    @contextmanager
    def _others(self) -> Iterator[None]:
        """All that goes on beside the sending."""
        with ExitStack() as stack:
            stack.enter_context(repeated(self._sweeping.sweep, _SWEEP_SECONDS))
            stack.enter_context(repeated(self._repeater.repeat, _REPEAT_SECONDS))
            for _ in range(_HANDS):
                stack.enter_context(repeated(self._people.agenda.work, _HAND_SECONDS))
            yield

    def _shorten_retries(self) -> None:
        for name, url in self._queues.items():
            receives = _RECEIVES_OF.get(name, _RECEIVES)
            attributes = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]
            policy = json.loads(attributes["RedrivePolicy"]) | {"maxReceiveCount": receives}
            self._sqs.set_queue_attributes(
                QueueUrl=url,
                Attributes={"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": str(_HIDDEN_SECONDS)},
            )

    @contextmanager
    def _faults(self) -> Iterator[None]:
        self._proxy.faulty.set()
        try:
            yield
        finally:
            self._proxy.faulty.clear()

    def _send_all(self, until: float) -> None:
        began = look_at = monotonic()
        parts = len(SERVICES) + 1
        deploy_at = {len(self._deliveries) * n // parts // _BATCH: name for n, name in enumerate(SERVICES, start=1)}
        for number, batch in enumerate(batches(self._deliveries, _BATCH)):
            if monotonic() > until:
                return
            if number in deploy_at:
                self._deployer.deploy(deploy_at[number])
            if number % (_EVENTS_PER_KILL // _BATCH) == 0:
                self._killer.kill()
            self._send(batch)
            if number % _BATCHES_PER_REDRIVE == _BATCHES_PER_REDRIVE - 1:
                self._redriven += redrive(self._sqs, self._deployment)
            if monotonic() > look_at:
                look_at = self._look()
            began += self._hold_back()
            sleep(max(0, began + (number + 1) * _BATCH / _EVENTS_PER_SECOND - monotonic()))

    def _send(self, batch: Sequence[Delivery]) -> None:
        response = self._events.put_events(
            Entries=[
                {
                    "EventBusName": self._deployment.buses[delivery.event.BUS],
                    "Source": delivery.event.BUS.source,
                    "DetailType": delivery.event.type_name(),
                    "Detail": json.dumps(delivery.detail),
                }
                for delivery in batch
            ]
        )
        if response["FailedEntryCount"]:
            raise RuntimeError("the embedded AWS refused an event of the suite's own")
        self._sent += batch
        self._progress.advance(self._sent_bar, len(batch))
        for delivery in batch:
            if delivery.event is OrderPlaced and delivery.detail["orderId"] not in self._seen:
                self._note_new(str(delivery.detail["orderId"]), str(delivery.detail["customerId"]))

    def _note_new(self, order_id: str, customer_id: str) -> None:
        self._seen.add(order_id)
        self._watch.add(order_id)
        self._people.place(order_id, customer_id)

    def _hold_back(self) -> float:
        """Wait while the functions lag behind; return for how long."""
        began = monotonic()
        while max(waiting(self._sqs, url) for url in self._queues.values()) > _BACKLOG:
            if monotonic() - began > _STANDSTILL_SECONDS:
                raise UserError(f"the functions did not catch up within {_STANDSTILL_SECONDS} s")
            sleep(0.5)
        return monotonic() - began

    def _settle(self, patience_seconds: float) -> None:
        """Wait until every order has ended and nothing is under way; no longer than patience once nothing is."""
        busy = monotonic()
        until = busy + _SETTLE_SECONDS + _SETTLE_SECONDS_PER_ORDER * self._orders
        while monotonic() < until:
            self._look()
            if self._is_busy():
                busy = monotonic()
            if monotonic() - busy > (patience_seconds if self._watch.open else _CALM_SECONDS):
                return
            sleep(0.5)

    def _look(self) -> float:
        """Return when to look again: what is left of a long run may not take the time that its orders need."""
        began = monotonic()
        self._watch.look()
        self._progress.update(self._ended_bar, completed=len(self._seen) - len(self._watch.open))
        return monotonic() + _LOOK_SECONDS + _REST_PER_LOOK * (monotonic() - began)

    def _is_busy(self) -> bool:
        if self._proxy.hanging or self._repeater.waiting:
            return True
        return any(waiting(self._sqs, url, in_flight=True) for url in self._queues.values())

    def _redrive_all(self) -> None:
        for _ in range(_REDRIVES):
            self._redriven += redrive(self._sqs, self._deployment)
            self._settle(_GIVE_UP_SECONDS)
            if all(is_explained(letter) for letter in dead_letters(self._sqs, self._deployment)):
                break

    def _report(self, seconds: float) -> Report:
        with out.status("auditing"):
            remains = Remains(self._target, self._deployment)
        placed = sum(delivery.event is OrderPlaced for delivery in self._sent)
        lost = [order_id for order_id, history in self._watch.open.items() if not history.commits]
        return Report(
            orders=len(self._seen),
            events=len(self._sent),
            strays=len(self._sent) - placed,
            duplicates={OrderPlaced.type_name(): placed - len(self._seen), **self._repeater.counts},
            calls=self._proxy.calls,
            faults=self._proxy.counts,
            killed=self._killer.killed,
            deployed=self._deployer.deployed,
            confirmed=remains.audit.ledger.confirmed,
            cancelled=remains.audit.ledger.cancelled,
            called_off=remains.called_off,
            outcomes=remains.outcomes,
            refusals=self._people.refusals,
            redriven=self._redriven,
            explained=remains.explained,
            lost=lost,
            oversold=sorted(remains.oversold),
            stuck=[order_id for order_id in self._watch.open if order_id not in lost],
            imbalances=remains.imbalances(self._seeded),
            broken_promises=self._people.broken_promises(remains.orders),
            differences=remains.differences,
            seconds=seconds,
        )

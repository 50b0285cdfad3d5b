"""A discrete-event simulation of the pipeline, from the order queue to the order service's third version.

SimPy gives the clock and processes that read as the pipeline does. Not modelled: cold starts, duplicates, the sweeper.
"""

import math
import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from statistics import quantiles

import simpy

from scripts.measure.capacity.model import (
    ATTEMPTS,
    FIRST_PAUSE_SECONDS,
    RESERVING_OTHERS,
    SETTLING_OTHERS,
    Deployment,
    Workload,
)
from scripts.measure.capacity.parameters import Duration, Parameters, Profile
from scripts.measure.capacity.queues import Order, Queue, RateLimit
from scripts.measure.capacity.usage import COMMIT_READ_UNITS, Usage

Steps = Generator[simpy.Event, None, None]
Handle = Callable[[list[Order]], Steps]


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of a simulation after its warm-up."""

    orders_per_second: float
    p50_seconds: float
    p99_seconds: float
    completed: int
    order_service_busy: float
    """The busy share of its workers, on average."""
    mean_seconds: float
    mean_in_progress: float
    usage: Usage


@dataclass
class Pipeline:
    parameters: Parameters
    profile: Profile
    workload: Workload
    deployment: Deployment
    seed: int = 1
    env: simpy.Environment = field(default_factory=simpy.Environment)

    def __post_init__(self) -> None:
        env, limits = self.env, self.parameters.limits
        self.usage = Usage(limits)
        self.completed: list[tuple[float, float]] = []
        self.placed = 0
        self.busy_seconds = 0.0
        self._dice = random.Random(self.seed)  # noqa: S311 - no secret
        self._orders, self._payments = Queue(env), Queue(env)
        shards = self.profile.stream_shards or max(
            1, round(self.deployment.table_write_units / limits.partition_write_units.value)
        )
        self._stream = [Queue(env) for _ in range(shards)]
        self._tables = {name: RateLimit(env, self.deployment.table_write_units) for name in ("store", "stock")}
        self._put_events = RateLimit(env, self.deployment.put_events_a_second)
        self._invocations = RateLimit(env, self.deployment.invocations_a_second)
        self._items: dict[tuple[int, int], RateLimit] = {}
        self._held: set[tuple[int, int]] = set()
        self._cores = simpy.Resource(env, self.profile.shared_cores) if self.profile.shared_cores else None
        self._start()

    def _start(self) -> None:
        env = self.env
        for _ in range(self.deployment.maximum_concurrency):
            env.process(self._worker(self._orders, self.handle_orders))
            env.process(self._worker(self._payments, self.handle_payments))
        for shard in self._stream:
            for _ in range(self.deployment.parallelization_factor):
                env.process(self._relay(shard))

    def _worker(self, queue: Queue, handle: Handle) -> Steps:
        while True:
            batch = yield from queue.take(self.workload.batch_size, self.workload.window_seconds)
            yield from handle(batch)

    def _relay(self, shard: Queue) -> Steps:
        while True:
            poll = self._dice.uniform(0, self.profile.stream_poll_seconds)
            batch = yield from shard.take(self.deployment.relay_batch_size, poll_seconds=poll)
            yield from self.handle_commits(batch)

    def run(self, orders: int) -> None:
        """Place the orders; run until the last is placed or, without a rate, until all have ended."""
        self.env.process(self._place(orders))
        if self.workload.orders_per_second is None:
            while len(self.completed) < orders:
                self.env.step()
        else:
            self.env.run(until=orders / self.workload.orders_per_second)

    def _place(self, orders: int) -> Steps:
        skus = range(self.workload.catalogue_skus)
        for _ in range(orders):
            if rate := self.workload.orders_per_second:
                yield self.env.timeout(1 / rate if self.workload.evenly else self._dice.expovariate(rate))
            count = min(self.workload.skus_per_order, len(skus))
            self.placed += 1
            sent = self.profile.put_events.sample(self._dice, 1)
            order = Order(self.env.now, tuple(self._dice.sample(skus, count)))
            self.env.process(self._deliver(order, self._orders, sent))

    def _deliver(self, order: Order, queue: Queue, sent_seconds: float = 0.0) -> Steps:
        self.usage.events += 1
        yield self.env.timeout(sent_seconds + self._invocations.delay(1))
        yield from self._work(self.profile.bus_delivery)
        yield self.env.timeout(self.profile.queue_pickup.sample(self._dice))
        queue.put(order)

    def handle_orders(self, batch: list[Order]) -> Steps:
        started = self.env.now
        placed = [order for order in batch if order.version == 0]
        settled = [order for order in batch if order.version]
        yield from self._begin(batch)
        for group in self._groups(placed, RESERVING_OTHERS):
            skus = len({sku for order in group for sku in order.skus})
            self.usage.read(skus)
            yield from self._work(self.profile.read, skus)
            yield from self._commit(group, 1, self._orders)
        if settled:
            yield from self._conclude(settled)
        yield from self._work(self.profile.ending)
        self.busy_seconds += self.env.now - started
        self.usage.lambda_seconds += self.env.now - started

    def handle_payments(self, batch: list[Order]) -> Steps:
        started = self.env.now
        yield from self._begin(batch)
        side_by_side = self.parameters.deployment.charges_side_by_side if self.workload.group_commit else 1
        for group in self._groups(batch, SETTLING_OTHERS):
            self.usage.read(len(group))
            yield from self._work(self.profile.read, len(group))
            for _ in range(0, len(group), side_by_side):
                yield from self._work(self.profile.charge)
            yield from self._commit(group, 2, self._payments)
        yield from self._work(self.profile.ending)
        self.usage.lambda_seconds += self.env.now - started

    def _begin(self, batch: Sequence[Order]) -> Steps:
        self.usage.invoked(len(batch))
        yield from self._work(self.profile.invocation)
        for _ in batch:
            yield from self._work(self.profile.compute)

    def _groups(self, orders: Sequence[Order], others: int) -> list[list[Order]]:
        """One order per group, or as many as a transaction has room for."""
        if not self.workload.group_commit:
            return [[order] for order in orders]
        groups: list[list[Order]] = []
        most, items = self.parameters.limits.transaction_items.value - others, 0
        for order in orders:
            if not groups or items + 1 + len(order.skus) > most:
                groups.append([])
                items = 0
            seen = {sku for other in groups[-1] for sku in other.skus}
            groups[-1].append(order)
            items += 1 + len(set(order.skus) - seen)
        return groups

    def _commit(self, group: Sequence[Order], version: int, queue: Queue) -> Steps:
        """Write a version of the orders with their stock; retry conflicts, then return the orders to the queue."""
        skus = sorted({sku for order in group for sku in order.skus})
        items = {(sku, self._dice.randrange(self.deployment.stock_shards)) for sku in skus}
        for attempt in range(ATTEMPTS):
            if attempt:
                yield self.env.timeout(self._dice.uniform(0, FIRST_PAUSE_SECONDS * 2**attempt))
            self.usage.transacted(len(group), len(items), due=version == 1)
            done = yield from self._transact(len(group), items)
            if done:
                for order in group:
                    order.version = version
                    self._dice.choice(self._stream).put(order)
                return
            self.usage.conflicts += 1
        self.usage.returned += len(group)
        for order in group:
            self.env.process(self._return(order, queue))

    def _transact(self, orders: int, items: set[tuple[int, int]]) -> Generator[simpy.Event, None, bool]:
        factor = self.parameters.limits.transactional_factor.value
        seconds = self.profile.transact.sample(self._dice, orders + len(items) + 1)
        delay = max(self._tables["store"].delay(factor * orders), self._tables["stock"].delay(factor * len(items)))
        if delay:
            yield self.env.timeout(delay)
        if not self._held.isdisjoint(items) or not all(self._item(item).admits(factor) for item in items):
            yield from self._hold_core(seconds)
            return False
        if self.profile.transaction_hold_share:
            self._held |= items
            yield self.env.timeout(seconds * self.profile.transaction_hold_share)
            self._held -= items
            seconds *= 1 - self.profile.transaction_hold_share
        yield from self._hold_core(seconds)
        return True

    def _item(self, item: tuple[int, int]) -> RateLimit:
        if item not in self._items:
            self._items[item] = RateLimit(self.env, self.parameters.limits.partition_write_units.value)
        return self._items[item]

    def _return(self, order: Order, queue: Queue) -> Steps:
        given = self.parameters.deployment.visibility_timeout_seconds
        yield self.env.timeout(given + self.workload.window_seconds)
        queue.put(order)

    def _conclude(self, orders: Sequence[Order]) -> Steps:
        if not self.workload.group_commit:
            for order in orders:
                self.usage.read(1, COMMIT_READ_UNITS)
                yield from self._work(self.profile.read, 1)
                yield from self._work(self.profile.put)
                self._final([order])
            return
        most = self.parameters.limits.statement_items.value
        self.usage.read(len(orders), COMMIT_READ_UNITS)
        yield from self._work(self.profile.read, len(orders))
        for start in range(0, len(orders), most):
            written = orders[start : start + most]
            yield from self._work(self.profile.statement, len(written))
            self._final(written)

    def _final(self, orders: Sequence[Order]) -> None:
        self.usage.put(len(orders))
        for order in orders:
            self.completed.append((self.env.now, self.env.now - order.placed_at))
            order.version = 3
            self._dice.choice(self._stream).put(order)

    def handle_commits(self, batch: list[Order]) -> Steps:
        started = self.env.now
        self.usage.relayed()
        yield from self._work(self.profile.invocation)
        versions = [order.version for order in batch]
        for _ in batch:
            yield from self._work(self.profile.relayed_commit)
        # The order bus gets OrderValidated and the final event, the payment bus PaymentRequested and its outcome.
        yield from self._publish(len(batch) - versions.count(2), len(batch) - versions.count(3))
        self.usage.events += versions.count(1) + versions.count(3)
        for order, version in zip(batch, versions, strict=True):
            if version < 3:  # noqa: PLR2004 - the third version's event has no consumer
                self.env.process(self._deliver(order, self._payments if version == 1 else self._orders))
        yield from self._work(self.profile.ending)
        self.usage.lambda_seconds += self.env.now - started

    def _publish(self, *events_of_buses: int) -> Steps:
        """Publish ten events of one bus per call, some calls side by side."""
        most, at_once = self.parameters.limits.put_events_entries.value, self.parameters.deployment.calls_side_by_side
        calls = [min(most, events - start) for events in events_of_buses for start in range(0, events, most)]
        for start in range(0, len(calls), at_once):
            yield self.env.all_of(
                [self.env.process(self._put_events_call(entries)) for entries in calls[start : start + at_once]]
            )

    def _put_events_call(self, entries: int) -> Steps:
        if delay := self._put_events.delay(1):
            yield self.env.timeout(delay)
        self.usage.api_calls += 1
        yield from self._work(self.profile.put_events, entries)

    def _work(self, duration: Duration, items: float = 0) -> Steps:
        yield from self._hold_core(duration.sample(self._dice, items))

    def _hold_core(self, seconds: float) -> Steps:
        if self._cores is None:
            yield self.env.timeout(seconds)
            return
        with self._cores.request() as core:
            yield core
            yield self.env.timeout(seconds)


def simulate(pipeline: Pipeline, orders: int, warm_up_share: float = 0.3) -> Result:
    """Run the pipeline; a paced run leaves out the first `warm_up_share` of its time."""
    pipeline.run(orders)
    end = pipeline.env.now
    paced = pipeline.workload.orders_per_second is not None
    start = end * warm_up_share if paced else 0.0
    seen = [seconds for at, seconds in pipeline.completed if at >= start]
    cuts = quantiles(seen, n=100, method="inclusive") if len(seen) > 1 else [math.nan] * 99
    return Result(
        orders_per_second=len(seen) / (end - start),
        p50_seconds=cuts[49],
        p99_seconds=cuts[98],
        completed=len(seen),
        order_service_busy=pipeline.busy_seconds / end / pipeline.deployment.maximum_concurrency,
        mean_seconds=sum(seen) / len(seen) if seen else math.nan,
        mean_in_progress=sum(seconds for _, seconds in pipeline.completed) / end,
        usage=pipeline.usage,
    )

"""Closed forms: the orders per second that each limit allows, and the deployment that a rate needs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from scripts.measure.capacity.parameters import Parameters, Profile
from scripts.measure.capacity.usage import deadline_units

_COMMITS_PER_ORDER = 3
_RELAYED_EVENTS_PER_ORDER = 4
DELIVERIES_PER_ORDER = 3
"""Events that rules deliver to queues: OrderPlaced, PaymentRequested, PaymentProcessed."""
MOST_BATCH_WITHOUT_WINDOW = 10
_FIRST_POLLERS, _DOUBLING_MINUTES, _LAMBDA_SCALING_MINUTES = 5, 30, 1 / 6
# As in services/libs/store/event_store.py.
ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.02
RESERVING_OTHERS, SETTLING_OTHERS = 2, 1
"""Items of a transaction beside commits and stock: the counters, and the deadline of the orders."""


@dataclass(frozen=True, slots=True)
class Workload:
    """The orders and their batches; without a rate all orders come at once."""

    orders_per_second: float | None
    batch_size: int = 10
    group_commit: bool = True
    skus_per_order: int = 2
    catalogue_skus: int = 1000
    chosen_window_seconds: float | None = None
    evenly: bool = False
    """Orders come in even steps, as the benchmark sends them, not at random."""

    @property
    def window_seconds(self) -> float:
        """A batch of more than 10 needs a batching window of at least a second."""
        if self.chosen_window_seconds is not None:
            return self.chosen_window_seconds
        return 1.0 if self.batch_size > MOST_BATCH_WITHOUT_WINDOW else 0.0


@dataclass(frozen=True, slots=True)
class Deployment:
    """The settings and quotas that the limits depend on."""

    maximum_concurrency: int
    lambda_concurrency: int
    put_events_a_second: float
    invocations_a_second: float
    table_write_units: float
    parallelization_factor: int = 1
    relay_batch_size: int = 100
    stock_shards: int = 1
    """Items per SKU that its stock is spread over; a transaction draws one of them. Not built yet."""

    @classmethod
    def default(cls, parameters: Parameters) -> "Deployment":
        """A new account with the deployment of infra/envs/dev."""
        given, region = parameters.deployment, parameters.regions[parameters.deployment.region]
        return cls(
            maximum_concurrency=given.maximum_concurrency,
            lambda_concurrency=parameters.limits.lambda_concurrency.value,
            put_events_a_second=region.put_events,
            invocations_a_second=region.invocations,
            table_write_units=parameters.limits.new_table_write_units.value,
            parallelization_factor=given.parallelization_factor,
            relay_batch_size=given.relay_batch_size,
        )


def distinct(draws: float, kinds: float) -> float:
    """The number of different kinds in random draws, on average."""
    return kinds * (1 - (1 - 1 / kinds) ** draws) if kinds > 1 else min(draws, 1.0)


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction of a service with full batches: its orders, SKUs and duration."""

    orders: float
    skus: float
    seconds: float
    """Worker time per order."""
    transaction_seconds: float

    @property
    def transactions_per_order(self) -> float:
        return 1 / self.orders


@dataclass(frozen=True, slots=True)
class Model:
    """The closed forms of one workload on one deployment."""

    parameters: Parameters
    profile: Profile
    workload: Workload
    deployment: Deployment

    def limits(self) -> dict[str, float]:
        """Orders per second that each limit allows; the least of them is the capacity."""
        limits = {
            "order service workers": self.deployment.maximum_concurrency / self.order_worker_seconds,
            "payment service workers": self.deployment.maximum_concurrency / self.settle.seconds,
            "Lambda concurrency": self.deployment.lambda_concurrency / self.all_worker_seconds,
            "PutEvents quota": self.deployment.put_events_a_second / self.put_events_per_order,
            "rule invocations quota": self.deployment.invocations_a_second / DELIVERIES_PER_ORDER,
            "table write units": self.deployment.table_write_units / max(self.write_units_per_order.values()),
            "stream shards": self._shards * self.deployment.parallelization_factor / self.relay_seconds,
            "one SKU's item": self._item_limit,
        }
        if self.profile.shared_cores:
            limits["cores"] = self.profile.shared_cores / (self.all_worker_seconds + self._delivery_seconds)
        return limits

    def capacity(self) -> tuple[str, float]:
        """The least limit, and its orders per second."""
        limits = self.limits()
        name = min(limits, key=lambda limit: limits[limit])
        return name, limits[name]

    @property
    def conflict_limit(self) -> float:
        """The rate at which a transaction shares `conflict_share_aimed_at` items with others in progress, on average.

        It is no hard limit: beyond it more and more transactions are retried, and more messages return to the queue.
        """
        steps = (self.reserve, self.settle)
        total = sum(step.transactions_per_order for step in steps)
        width = sum(step.skus * step.transactions_per_order for step in steps) / total
        met = width * sum(self._held_seconds(step) for step in steps) / self._items
        return self.parameters.conflict_share_aimed_at / met if met else math.inf

    @property
    def reserve(self) -> Step:
        # Placed orders and settled payments share the order queue, so each is half of a batch.
        return self._step(max(1.0, self.workload.batch_size / 2), charges=False)

    @property
    def settle(self) -> Step:
        return self._step(float(self.workload.batch_size), charges=True)

    @property
    def order_worker_seconds(self) -> float:
        return self.reserve.seconds + self._conclude_seconds

    @property
    def relay_seconds(self) -> float:
        """Relay worker time per order, with full batches."""
        orders = self.deployment.relay_batch_size / _COMMITS_PER_ORDER
        rounds = math.ceil(self._relay_calls * orders / self.parameters.deployment.calls_side_by_side)
        once = self.profile.invocation_mean + rounds * self.profile.put_events.mean(self._entries)
        return once / orders + _COMMITS_PER_ORDER * self.profile.relayed_commit.mean()

    @property
    def all_worker_seconds(self) -> float:
        return self.order_worker_seconds + self.settle.seconds + self.relay_seconds

    @property
    def put_events_per_order(self) -> float:
        """Calls per order, each of them full, those of the producer included."""
        return self._relay_calls + 1 / self._entries

    @property
    def write_units_per_order(self) -> Mapping[str, float]:
        """Write units per order, by table."""
        twice = self.parameters.limits.transactional_factor.value
        steps = (self.reserve, self.settle)
        return {
            "event store": twice * len(steps) + 1,
            "deadlines": twice * deadline_units(self.reserve.orders) * self.reserve.transactions_per_order,
            "inventory": twice * sum(step.skus / step.orders for step in steps),
            "counters": twice * sum(step.transactions_per_order for step in steps),
        }

    @property
    def item_uses_per_order(self) -> float:
        """Transactions per order on one SKU's item, or on one of its stock shards."""
        return sum(step.skus / step.orders for step in (self.reserve, self.settle)) / self._items

    @property
    def _items(self) -> float:
        return self.workload.catalogue_skus * self.deployment.stock_shards

    @property
    def _item_limit(self) -> float:
        limits = self.parameters.limits
        by_units = limits.partition_write_units.value / limits.transactional_factor.value / self.item_uses_per_order
        held = sum(self._held_seconds(step) for step in (self.reserve, self.settle)) / self._items
        return min(by_units, 1 / held) if held else by_units

    def _held_seconds(self, step: Step) -> float:
        """The time for which an order holds items, one after the other."""
        return step.transaction_seconds * self.profile.transaction_hold_share * step.skus / step.orders

    @property
    def _entries(self) -> int:
        return self.parameters.limits.put_events_entries.value

    @property
    def _relay_calls(self) -> float:
        return _RELAYED_EVENTS_PER_ORDER / self._entries

    @property
    def _shards(self) -> float:
        if self.profile.stream_shards:
            return self.profile.stream_shards
        return math.ceil(self.deployment.table_write_units / self.parameters.limits.partition_write_units.value)

    @property
    def _delivery_seconds(self) -> float:
        return DELIVERIES_PER_ORDER * self.profile.bus_delivery.mean() + self.profile.put_events.mean() / self._entries

    @property
    def _conclude_seconds(self) -> float:
        orders = max(1.0, self.workload.batch_size / 2)
        profile, statements = self.profile, self.parameters.limits.statement_items.value
        compute = profile.compute.mean()
        once = profile.invocation_mean / self.workload.batch_size
        if not self.workload.group_commit:
            return once + profile.read.mean(1) + profile.put.mean() + compute
        calls = math.ceil(orders / statements)
        return once + compute + (profile.read.mean(orders) + calls * profile.statement.mean(orders / calls)) / orders

    def _step(self, batch: float, *, charges: bool) -> Step:
        profile, workload = self.profile, self.workload
        orders = batch if workload.group_commit else 1.0
        skus = distinct(orders * workload.skus_per_order, workload.catalogue_skus)
        others = SETTLING_OTHERS if charges else RESERVING_OTHERS
        parts = math.ceil((orders + skus + others) / self.parameters.limits.transaction_items.value)
        orders, skus = orders / parts, distinct(orders / parts * workload.skus_per_order, workload.catalogue_skus)
        transaction = profile.transact.mean(orders + skus + 1)
        seconds = profile.read.mean(orders) + transaction
        if charges:
            side_by_side = self.parameters.deployment.charges_side_by_side if workload.group_commit else 1
            seconds += math.ceil(orders / side_by_side) * profile.charge.mean()
        return Step(
            orders=orders,
            skus=skus,
            seconds=profile.invocation_mean / workload.batch_size + profile.compute.mean() + seconds / orders,
            transaction_seconds=transaction,
        )


def sized_deployment(parameters: Parameters, profile: Profile, workload: Workload) -> Deployment:
    """The smallest deployment on which the workload's rate uses no limit beyond `utilisation_aimed_at`."""
    if workload.orders_per_second is None:
        raise ValueError("a deployment is planned for a rate")
    wanted = workload.orders_per_second / parameters.utilisation_aimed_at
    default = Deployment.default(parameters)
    small = Model(parameters, profile, workload, default)
    shards = max(wanted / small.limits()["one SKU's item"], workload.orders_per_second / small.conflict_limit)
    model = Model(parameters, profile, workload, replace(default, stock_shards=max(1, math.ceil(shards))))
    relays = wanted * model.relay_seconds
    partition, factor = parameters.limits.partition_write_units.value, parameters.limits.parallelization_factor.value
    units = max(
        default.table_write_units,
        _up(wanted * max(model.write_units_per_order.values())),
        # A shard of the stream is a partition of the table, and takes at most this many relays.
        partition * math.ceil(relays / factor),
    )
    again = _retry_seconds(model, workload.orders_per_second)
    workers = wanted * (max(model.order_worker_seconds, model.settle.seconds) + again)
    return replace(
        model.deployment,
        maximum_concurrency=max(default.maximum_concurrency, math.ceil(workers)),
        lambda_concurrency=max(default.lambda_concurrency, _up(wanted * (model.all_worker_seconds + 2 * again))),
        put_events_a_second=max(default.put_events_a_second, _up(wanted * model.put_events_per_order)),
        invocations_a_second=max(default.invocations_a_second, _up(wanted * DELIVERIES_PER_ORDER)),
        table_write_units=units,
        parallelization_factor=max(1, math.ceil(relays / (units // partition))),
    )


def ramp_minutes(parameters: Parameters, deployment: Deployment) -> dict[str, float]:
    """Minutes that each part takes to grow from an idle, new account, unless it is warmed ahead of the peak."""
    limits = parameters.limits
    doublings = math.log2(deployment.table_write_units / limits.new_table_write_units.value)
    workers = deployment.maximum_concurrency - _FIRST_POLLERS
    return {
        "queue mapping": max(0.0, workers / limits.queue_mapping_scaling.value),
        "execution environments": deployment.maximum_concurrency
        / limits.lambda_scaling.value
        * _LAMBDA_SCALING_MINUTES,
        "table": max(0, math.ceil(doublings)) * _DOUBLING_MINUTES,
    }


def _retry_seconds(model: Model, orders_per_second: float) -> float:
    """Worker time per order that conflicts cost, the pause before the next attempt included."""
    share = model.parameters.conflict_share_aimed_at * orders_per_second / model.conflict_limit
    again = max(
        (step.transaction_seconds + FIRST_PAUSE_SECONDS) / step.orders for step in (model.reserve, model.settle)
    )
    return again * share / (1 - share)


def _up(figure: float) -> int:
    """Round up to two digits, as in a quota request."""
    step: int = 10 ** max(0, math.floor(math.log10(figure)) - 1)
    return math.ceil(figure / step) * step

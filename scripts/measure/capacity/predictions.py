"""Predict orders a second, latency and cost for many rates, and compare with what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from scripts.measure.capacity.measured import Run
from scripts.measure.capacity.model import Deployment, Model, Workload, raised
from scripts.measure.capacity.parameters import Parameters
from scripts.measure.capacity.simulation import Pipeline, Result, simulate
from scripts.measure.prices import Prices

WORKERS = (2, 8, 32)
RATES = (1, 10, 100, 1_000, 10_000, 100_000)
_SECONDS = 20.0
_LEAST_ORDERS, _MOST_ORDERS = 1_000, 4_000
_MOST_UNSLICED_RATE, _LEAST_OVERLOAD, _PLENTY = 1_000, 400, 1_000_000
_SMALLEST_POOL = 4
"""Workers and SKUs that a slice of the system must keep for its queues to behave as those of the whole."""


@dataclass(frozen=True, slots=True)
class Mode:
    name: str
    batch_size: int
    group_commit: bool
    window_seconds: float | None = None
    """None: the least that the batch size allows."""


@dataclass(frozen=True, slots=True)
class Mix:
    name: str
    skus_an_order: int
    catalogue_skus: int


MODES = (
    Mode("one at a time, batch 1", 1, group_commit=False),
    Mode("one at a time, batch 10", 10, group_commit=False),
    Mode("group commit, batch 10", 10, group_commit=True),
    Mode("group commit, batch 50", 50, group_commit=True),
)
SETTINGS = tuple(
    Mode(f"{batch}, {f'{window:g} s' if window else 'none'}", batch, group_commit=True, window_seconds=window)
    for batch, window in ((10, 0), (10, 1), (50, 1), (50, 5))
)
"""Batch sizes and windows, to compare."""
SETTINGS_RATES = (1, 10, 100)
MIXES = (Mix("2 of 1,000 SKUs", 2, 1_000), Mix("2 of 12 SKUs", 2, 12), Mix("one hot SKU", 1, 1))


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a rate meets on a new account, what it needs, and what it gets once it has that."""

    mode: str
    mix: str
    offered_orders_per_second: float
    default_limit: str
    default_orders_per_second: float
    needs: Deployment
    orders_per_second: float
    p50_seconds: float
    p99_seconds: float
    dollars_per_million: dict[str, float]
    conflicts_an_order: float
    returned_share: float


@dataclass(frozen=True, slots=True)
class Overload:
    """What conflicts leave of the workers where the stock of each SKU is one item."""

    mode: str
    mix: str
    workers: int
    offered_orders_per_second: float
    orders_per_second: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A measured run beside its simulation; a ratio is predicted / measured."""

    run: Run
    predicted: Result

    @property
    def rate_ratio(self) -> float:
        return self.predicted.orders_per_second / self.run.orders_per_second

    @property
    def p50_ratio(self) -> float:
        return self.predicted.p50_seconds / self.run.p50_seconds


def workload(mode: Mode, mix: Mix, rate: float | None) -> Workload:
    skus, catalogue = mix.skus_an_order, mix.catalogue_skus
    return Workload(rate, mode.batch_size, mode.group_commit, skus, catalogue, mode.window_seconds)


def predict(parameters: Parameters, prices: Prices, mode: Mode, mix: Mix, rate: float, seed: int) -> Prediction:  # noqa: PLR0913, PLR0917 - what a prediction depends on
    profile, wanted = parameters.profiles["aws"], workload(mode, mix, rate)
    limit, capacity = Model(parameters, profile, wanted, Deployment.default(parameters)).capacity()
    needs = raised(parameters, profile, wanted)
    part, deployment = sliced(wanted, needs)
    assert part.orders_per_second is not None  # noqa: S101 - for mypy
    orders = max(_LEAST_ORDERS, round(part.orders_per_second * _SECONDS))
    pipeline = Pipeline(parameters, profile, part, deployment, seed)
    result = simulate(pipeline, orders)
    completed = max(len(pipeline.completed), 1)
    return Prediction(
        mode=mode.name,
        mix=mix.name,
        offered_orders_per_second=rate,
        default_limit=limit,
        default_orders_per_second=capacity,
        needs=needs,
        orders_per_second=result.orders_per_second * rate / part.orders_per_second,
        p50_seconds=result.p50_seconds,
        p99_seconds=result.p99_seconds,
        dollars_per_million=prices.cost(result.usage.quantities(completed, parameters.deployment)),
        conflicts_an_order=result.usage.conflicts / completed,
        returned_share=result.usage.returned / pipeline.placed,
    )


def overload(parameters: Parameters, mode: Mode, mix: Mix, workers: int, seed: int) -> Overload:
    """Offer just what the order service's workers could do if no transaction ever met another; stock is not sharded."""
    profile = parameters.profiles["aws"]
    deployment = replace(
        Deployment.default(parameters),
        maximum_concurrency=workers,
        invocations_a_second=_PLENTY,
        put_events_a_second=_PLENTY,
        table_write_units=parameters.limits.table_write_units.value,
    )
    limits = Model(parameters, profile, workload(mode, mix, None), deployment).limits()
    offered = min(limits["order service workers"], _MOST_UNSLICED_RATE)
    pipeline = Pipeline(parameters, profile, workload(mode, mix, offered), deployment, seed)
    result = simulate(pipeline, max(_LEAST_OVERLOAD, min(_MOST_ORDERS, round(offered * _SECONDS))))
    return Overload(mode.name, mix.name, workers, offered, result.orders_per_second)


def sliced(whole: Workload, deployment: Deployment) -> tuple[Workload, Deployment]:
    """Cut a slice that can be simulated in a second: as much less of each resource as of the orders.

    Queues of a slice are a little longer than those of the whole, as its pools are smaller.
    """
    assert whole.orders_per_second is not None  # noqa: S101 - for mypy
    items = whole.catalogue_skus * deployment.stock_shards
    width = min(whole.batch_size if whole.group_commit else 1, whole.catalogue_skus) * whole.skus_an_order
    smallest = 1 if whole.catalogue_skus == 1 else _SMALLEST_POOL * width
    parts = min(
        whole.orders_per_second * _SECONDS / _MOST_ORDERS,
        deployment.maximum_concurrency / _SMALLEST_POOL,
        items / smallest,
    )
    if parts <= 1:
        return whole, deployment
    shards = max(1, round(deployment.stock_shards / parts))
    if whole.catalogue_skus == 1:
        parts = deployment.stock_shards / shards
    return (
        replace(
            whole,
            orders_per_second=whole.orders_per_second / parts,
            catalogue_skus=max(1, round(items / parts / shards)),
        ),
        replace(
            deployment,
            maximum_concurrency=max(1, round(deployment.maximum_concurrency / parts)),
            put_events_a_second=deployment.put_events_a_second / parts,
            invocations_a_second=deployment.invocations_a_second / parts,
            table_write_units=deployment.table_write_units / parts,
            stock_shards=shards,
        ),
    )


def compare(parameters: Parameters, runs: Sequence[Run], seed: int) -> list[Comparison]:
    """Simulate on the embedded AWS what was measured there."""
    return [Comparison(run, embedded(parameters, run, seed)) for run in runs]


def embedded(parameters: Parameters, run: Run, seed: int) -> Result:
    rate, scenario = run.offered_orders_per_second, run.scenario
    skus, catalogue = scenario.skus, scenario.catalogue
    wanted = Workload(rate, run.batch_size, skus_an_order=skus, catalogue_skus=catalogue, evenly=True)
    deployment = replace(Deployment.default(parameters), maximum_concurrency=run.workers)
    # Paced orders do not pile up, so a longer run than the measured one says the same with less noise.
    orders = run.orders if rate is None else max(_LEAST_ORDERS, round(rate * _SECONDS))
    return simulate(Pipeline(parameters, parameters.profiles["embedded"], wanted, deployment, seed), orders)

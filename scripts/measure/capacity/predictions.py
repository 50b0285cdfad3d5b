"""Predict throughput, latency and cost at many rates, and compare with measured runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from scripts.measure.capacity.measured import Run
from scripts.measure.capacity.model import Deployment, Model, Workload, sized_deployment
from scripts.measure.capacity.parameters import Parameters
from scripts.measure.capacity.simulation import Pipeline, Result, simulate
from scripts.measure.prices import Prices
from scripts.measure.scenarios import Scenario

WORKERS = (2, 8, 32)
RATES = (1, 10, 100, 1_000, 10_000, 100_000)
_SECONDS = 20.0
_LEAST_ORDERS, _MOST_ORDERS = 1_000, 4_000
_MOST_OVERLOAD_RATE, _LEAST_OVERLOAD, _PLENTY = 1_000, 400, 1_000_000
_SMALLEST_POOL = 4
"""Workers and SKUs that a scaled-down system keeps, so that its queues behave as those of the whole."""


@dataclass(frozen=True, slots=True)
class Mode:
    name: str
    batch_size: int
    group_commit: bool
    window_seconds: float | None = None
    """None: the smallest that the batch size allows."""


@dataclass(frozen=True, slots=True)
class Mix:
    name: str
    skus_per_order: int
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
    """A rate: its limit on a new account, the deployment that it needs, and its figures on that deployment."""

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
    """The orders that workers complete despite conflicts, with the stock of each SKU in one item."""

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
    skus, catalogue = mix.skus_per_order, mix.catalogue_skus
    return Workload(rate, mode.batch_size, mode.group_commit, skus, catalogue, mode.window_seconds)


def predict(parameters: Parameters, prices: Prices, mode: Mode, mix: Mix, rate: float) -> Prediction:
    profile, whole = parameters.profiles["aws"], workload(mode, mix, rate)
    limit, capacity = Model(parameters, profile, whole, Deployment.default(parameters)).capacity()
    needs = sized_deployment(parameters, profile, whole)
    scale, part, deployment = scaled_down(whole, needs, rate)
    orders = max(_LEAST_ORDERS, round(rate / scale * _SECONDS))
    pipeline = Pipeline(parameters, profile, part, deployment)
    result = simulate(pipeline, orders)
    completed = max(len(pipeline.completed), 1)
    return Prediction(
        mode=mode.name,
        mix=mix.name,
        offered_orders_per_second=rate,
        default_limit=limit,
        default_orders_per_second=capacity,
        needs=needs,
        orders_per_second=result.orders_per_second * scale,
        p50_seconds=result.p50_seconds,
        p99_seconds=result.p99_seconds,
        dollars_per_million=prices.cost(result.usage.quantities(completed, parameters.deployment)),
        conflicts_an_order=result.usage.conflicts / completed,
        returned_share=result.usage.returned / pipeline.placed,
    )


def overload(parameters: Parameters, mode: Mode, mix: Mix, workers: int) -> Overload:
    """Offer the rate that the order service's workers could carry without conflicts; stock is not sharded."""
    profile = parameters.profiles["aws"]
    deployment = replace(
        Deployment.default(parameters),
        maximum_concurrency=workers,
        invocations_a_second=_PLENTY,
        put_events_a_second=_PLENTY,
        table_write_units=parameters.limits.table_write_units.value,
    )
    limits = Model(parameters, profile, workload(mode, mix, None), deployment).limits()
    offered = min(limits["order service workers"], _MOST_OVERLOAD_RATE)
    pipeline = Pipeline(parameters, profile, workload(mode, mix, offered), deployment)
    result = simulate(pipeline, max(_LEAST_OVERLOAD, min(_MOST_ORDERS, round(offered * _SECONDS))))
    return Overload(mode.name, mix.name, workers, offered, result.orders_per_second)


def scaled_down(whole: Workload, deployment: Deployment, rate: float) -> tuple[float, Workload, Deployment]:
    """Divide the rate and each resource by one scale, so that a simulation takes a second; give the scale too.

    The queues are a little longer than those of the whole, because the pools are smaller.
    """
    items = whole.catalogue_skus * deployment.stock_shards
    width = min(whole.batch_size if whole.group_commit else 1, whole.catalogue_skus) * whole.skus_per_order
    smallest = 1 if whole.catalogue_skus == 1 else _SMALLEST_POOL * width
    scale = min(
        rate * _SECONDS / _MOST_ORDERS,
        deployment.maximum_concurrency / _SMALLEST_POOL,
        items / smallest,
    )
    if scale <= 1:
        return 1, whole, deployment
    shards = max(1, round(deployment.stock_shards / scale))
    if whole.catalogue_skus == 1:
        scale = deployment.stock_shards / shards
    part = replace(whole, orders_per_second=rate / scale, catalogue_skus=max(1, round(items / scale / shards)))
    return (
        scale,
        part,
        replace(
            deployment,
            maximum_concurrency=max(1, round(deployment.maximum_concurrency / scale)),
            put_events_a_second=deployment.put_events_a_second / scale,
            invocations_a_second=deployment.invocations_a_second / scale,
            table_write_units=deployment.table_write_units / scale,
            stock_shards=shards,
        ),
    )


def compare(parameters: Parameters, runs: Sequence[Run]) -> list[Comparison]:
    """Simulate measured runs on the embedded AWS."""
    return [Comparison(run, _simulated(parameters, run)) for run in runs]


def _simulated(parameters: Parameters, run: Run) -> Result:
    rate, batch, workers = run.offered_orders_per_second, run.batch_size, run.workers
    return embedded(parameters, run.scenario, rate, orders=run.orders, batch_size=batch, workers=workers)


def embedded(  # noqa: PLR0913 - the settings of a run
    parameters: Parameters,
    scenario: Scenario,
    rate: float | None,
    *,
    orders: int = 0,
    batch_size: int = 10,
    workers: int = 2,
) -> Result:
    """Simulate on the embedded AWS; a paced run has as many orders as its rate needs, not `orders`."""
    skus, catalogue = scenario.skus, scenario.catalogue
    wanted = Workload(rate, batch_size, skus_per_order=skus, catalogue_skus=catalogue, evenly=True)
    deployment = replace(Deployment.default(parameters), maximum_concurrency=workers)
    # Paced orders do not pile up, so a longer run than the measured one says the same with less noise.
    orders = orders if rate is None else max(_LEAST_ORDERS, round(rate * _SECONDS))
    return simulate(Pipeline(parameters, parameters.profiles["embedded"], wanted, deployment), orders)

"""The quantities per order: simulated on AWS at some rate or, for a given batch, counted by the benchmark."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pydantic import BaseModel, TypeAdapter

from scripts.cli.json_files import load_json
from scripts.cli.paths import MEASURED_COUNTS_FILE
from scripts.measure.capacity.model import Deployment, Model, Workload
from scripts.measure.capacity.parameters import load_parameters
from scripts.measure.capacity.simulation import Pipeline
from scripts.measure.cost.planned import Planned
from scripts.measure.scenarios import Scenario

ORDERED = Scenario("direct", skus=2)
"""The orders of the benchmark's direct runs."""

_DIRECT = "direct "
_MEASURED_MEMORY_GB = 0.5
_ORDERS, _MILLION = 2_000, 1_000_000

Counts = Mapping[str, float]
"""Quantities per order, by line of the price list."""


class _Result(BaseModel):
    counts: dict[str, float]


class _Recorded(BaseModel):
    results: dict[str, _Result]


@dataclass(frozen=True, slots=True)
class Predicted:
    counts: Counts
    orders_per_transaction: float
    limit: str
    """The least limit of the environment."""
    orders_per_second: float
    """The rate that the environment carries."""


def measured_counts() -> dict[int, Counts]:
    """The counts of the recorded direct runs, by batch size."""
    results = load_json(MEASURED_COUNTS_FILE, TypeAdapter(_Recorded)).results
    return {
        int(name.removeprefix(_DIRECT)): result.counts for name, result in results.items() if name.startswith(_DIRECT)
    }


def counts_at(direct: Mapping[int, Counts], orders: float, memory_gb: float = _MEASURED_MEMORY_GB) -> dict[str, float]:
    """Interpolate by transactions per order, because the orders of a batch share its cost."""
    below = max((size for size in direct if size <= orders), default=min(direct))
    above = min((size for size in direct if size >= orders), default=max(direct))
    share = (1 / below - 1 / orders) / (1 / below - 1 / above) if below < orders < above else 0
    counts = {name: count + share * (direct[above][name] - count) for name, count in direct[below].items()}
    # Assume that an invocation takes the same time at any memory size.
    return counts | {"lambda_gb_seconds": counts["lambda_gb_seconds"] * memory_gb / _MEASURED_MEMORY_GB}


def predict(planned: Planned, orders_per_second: float) -> Predicted:
    """Simulate orders at random times on AWS, on the planned deployment, at this rate or its capacity."""
    parameters = load_parameters()
    profile = parameters.profiles["aws"]
    deployment = replace(Deployment.default(parameters), maximum_concurrency=planned.workers)
    wanted = Workload(
        orders_per_second,
        planned.batch_size,
        skus_per_order=ORDERED.skus,
        catalogue_skus=ORDERED.catalogue,
        chosen_window_seconds=planned.window_seconds,
    )
    limit, capacity = Model(parameters, profile, wanted, deployment).capacity()
    carried = replace(wanted, orders_per_second=min(orders_per_second, capacity))
    pipeline = Pipeline(parameters, profile, carried, deployment)
    pipeline.run(_ORDERS)
    pipeline.env.run()  # until the last order has ended: the cost of orders in progress would be counted without them
    usage = pipeline.usage
    deployed = parameters.deployment.model_copy(update={"memory_gb": planned.memory_gb})
    counts = {name: count / _MILLION for name, count in usage.quantities(_ORDERS, deployed).items()}
    return Predicted(counts, usage.committed / usage.transactions, limit, capacity)

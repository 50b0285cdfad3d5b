"""What an order takes at some rate: the benchmark's counts, at the batches that the simulation finds at that rate."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

from scripts.bench.capacity_model import Deployment, Model, Workload
from scripts.bench.capacity_parameters import load_parameters
from scripts.bench.capacity_simulation import Pipeline, simulate
from scripts.cost.planned import Planned
from scripts.errors import UserError
from scripts.json_files import load_json
from scripts.local.emulator import REPO_ROOT

MEASURED_FILE = REPO_ROOT / "docs" / "performance" / "after.json"

_DIRECT = "direct "
_MEASURED_MEMORY_GB = 0.5
_ORDERS, _SEED = 2_000, 1

Counts = Mapping[str, float]
"""For one order, by line of the price list."""


class _Result(BaseModel):
    batch: float | None = None
    counts: dict[str, float]


class _Recorded(BaseModel):
    results: dict[str, _Result]


@dataclass(frozen=True, slots=True)
class Predicted:
    orders_a_transaction: float
    limit: str
    """The one that bites first."""
    orders_a_second: float
    """That the environment carries."""


def measured(path: Path = MEASURED_FILE) -> dict[int, Counts]:
    """Give the counts of a direct run, by batch size; raise UserError where the file has none."""
    results = load_json(path, TypeAdapter(_Recorded)).results
    direct: dict[int, Counts] = {
        int(name.removeprefix(_DIRECT)): result.counts for name, result in results.items() if name.startswith(_DIRECT)
    }
    if not direct:
        raise UserError(f"{path} has no direct run: `invoke bench --direct 1,10,50 --json {path}`")
    return direct


def counts_at(direct: Mapping[int, Counts], orders: float, memory_gb: float = _MEASURED_MEMORY_GB) -> dict[str, float]:
    """Interpolate by the number of transactions an order, as what a batch shares is divided by its orders."""
    below = max((size for size in direct if size <= orders), default=min(direct))
    above = min((size for size in direct if size >= orders), default=max(direct))
    share = (1 / below - 1 / orders) / (1 / below - 1 / above) if below < orders < above else 0
    counts = {name: count + share * (direct[above][name] - count) for name, count in direct[below].items()}
    # An invocation is taken to last as long at any memory.
    return counts | {"lambda_gb_seconds": counts["lambda_gb_seconds"] * memory_gb / _MEASURED_MEMORY_GB}


def predict(planned: Planned, orders_a_second: float) -> Predicted:
    """Simulate orders that come at random at this rate, or at what can be carried, on AWS, to what the plan deploys."""
    parameters = load_parameters()
    profile = parameters.profiles["aws"]
    deployment = replace(Deployment.default(parameters), maximum_concurrency=planned.workers)
    wanted = Workload(orders_a_second, planned.batch_size, chosen_window_seconds=planned.window_seconds)
    limit, capacity = Model(parameters, profile, wanted, deployment).capacity()
    carried = replace(wanted, orders_per_second=min(orders_a_second, capacity))
    usage = simulate(Pipeline(parameters, profile, carried, deployment, _SEED), _ORDERS).usage
    return Predicted(usage.committed / usage.transactions, limit, capacity)

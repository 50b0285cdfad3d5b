"""What an order takes: as simulated on AWS at some rate or, for a given batch, as the benchmark counted it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, PositiveInt, TypeAdapter, field_validator

from scripts.cli.errors import UserError
from scripts.cli.json_files import load_json
from scripts.cli.paths import MEASURED_COUNTS_FILE
from scripts.measure.capacity.model import Deployment, Model, Workload
from scripts.measure.capacity.parameters import load_parameters
from scripts.measure.capacity.simulation import Pipeline
from scripts.measure.capacity.usage import deadline_units
from scripts.measure.cost.planned import Planned
from scripts.measure.prices import read_prices
from scripts.measure.scenarios import Scenario
from scripts.measure.units import TRANSACTIONAL

ORDERED = Scenario("direct", skus=2)
"""As in the benchmark's direct runs."""

_DIRECT = "direct "
_WRITE_UNITS, _INDEX_UNITS = "dynamodb_write_units", "dynamodb_index_units"
_MEASURED_MEMORY_GB = 0.5
_ORDERS, _SEED, _MILLION = 2_000, 1, 1_000_000

Counts = Mapping[str, float]
"""For one order, by line of the price list."""


def _size(name: object) -> object:
    return name.removeprefix(_DIRECT) if isinstance(name, str) else name


class _Result(BaseModel):
    counts: dict[str, Annotated[float, Field(ge=0, le=_MILLION, allow_inf_nan=False)]]


class _Recorded(BaseModel):
    results: dict[Annotated[PositiveInt, BeforeValidator(_size)], _Result]

    @field_validator("results", mode="before")
    @classmethod
    def _direct_ones(cls, results: object) -> object:
        """Leave out other runs, which may have no counts."""
        if not isinstance(results, dict):
            return results
        return {name: result for name, result in results.items() if name.startswith(_DIRECT)}


@dataclass(frozen=True, slots=True)
class Predicted:
    counts: Counts
    orders_a_transaction: float
    limit: str
    """The one that bites first."""
    orders_a_second: float
    """That the environment carries."""


def measured(path: Path = MEASURED_COUNTS_FILE) -> dict[int, Counts]:
    """Give the counts of a direct run, by batch size; raise UserError where the file has none, or not all."""
    direct: dict[int, Counts] = {
        size: _as_now(result.counts, size) for size, result in load_json(path, TypeAdapter(_Recorded)).results.items()
    }
    if not direct:
        raise UserError(f"{path} has no direct run: `invoke bench --direct 1,10,50 --json {path}`")
    for size, counts in direct.items():
        if lacking := read_prices().lines.keys() - counts.keys():
            raise UserError(f"{path}, results.{_DIRECT}{size}.counts: {', '.join(sorted(lacking))} missing")
    return direct


def _as_now(counts: Counts, batch: int) -> Counts:
    """A run from before the deadline table has a unit of an index an order; put that of a batch's item in its place."""
    indexed = counts.get(_INDEX_UNITS, 0)
    if not indexed:
        return counts
    units = indexed * TRANSACTIONAL * deadline_units(batch) / batch
    rest = {line: count for line, count in counts.items() if line != _INDEX_UNITS}
    return rest | {_WRITE_UNITS: counts[_WRITE_UNITS] + units}


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
    wanted = Workload(
        orders_a_second,
        planned.batch_size,
        skus_an_order=ORDERED.skus,
        catalogue_skus=ORDERED.catalogue,
        chosen_window_seconds=planned.window_seconds,
    )
    limit, capacity = Model(parameters, profile, wanted, deployment).capacity()
    carried = replace(wanted, orders_per_second=min(orders_a_second, capacity))
    pipeline = Pipeline(parameters, profile, carried, deployment, _SEED)
    pipeline.run(_ORDERS)
    pipeline.env.run()  # until the last of them has ended: what is under way would be paid for and not counted
    usage = pipeline.usage
    deployed = parameters.deployment.model_copy(update={"memory_gb": planned.memory_gb})
    counts = {name: count / _MILLION for name, count in usage.quantities(_ORDERS, deployed).items()}
    return Predicted(counts, usage.committed / usage.transactions, limit, capacity)

"""The runs in a file of `invoke bench --json` that can be simulated."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

from scripts.cli.errors import UserError
from scripts.cli.json_files import load_json
from scripts.measure.result import Offered, Speed
from scripts.measure.scenarios import SCENARIOS, Scenario


class _Settings(BaseModel):
    batch_size: int
    concurrency: int


class _Result(BaseModel):
    orders: int
    speed: Speed
    offered: Offered | None


class _Recorded(BaseModel):
    settings: _Settings
    results: dict[str, _Result]


@dataclass(frozen=True, slots=True)
class Run:
    """Orders that went through a whole deployment; without an offered rate they were sent at once."""

    name: str
    scenario: Scenario
    orders: int
    batch_size: int
    workers: int
    """Per function."""
    offered_orders_per_second: float | None
    orders_per_second: float
    p50_seconds: float
    p99_seconds: float


def load_runs(path: Path) -> list[Run]:
    """Raise UserError where the file is no file of the benchmark, or has no run that can be simulated.

    The model has no refused and no repeated orders, and no functions that are invoked directly.
    """
    recorded = load_json(path, TypeAdapter(_Recorded))
    runs = [_run(name, result, recorded.settings) for name, result in recorded.results.items()]
    found = [run for run in runs if run]
    if not found:
        raise UserError(f"{path} has no run to simulate: `invoke bench --scenario single,paced --json {path}`")
    return found


def _run(name: str, result: _Result, settings: _Settings) -> Run | None:
    speed, offered = result.speed, result.offered
    scenario = SCENARIOS.get(offered.scenario) if offered else None
    if not offered or not scenario or scenario.served is not None or scenario.copies > 1:
        return None
    if speed.p50_ms is None or speed.p99_ms is None:
        return None
    return Run(
        name=name,
        scenario=scenario,
        orders=result.orders,
        batch_size=settings.batch_size,
        workers=settings.concurrency,
        offered_orders_per_second=_rate_met(offered, speed),
        orders_per_second=speed.orders_per_second,
        p50_seconds=speed.p50_ms / 1000,
        p99_seconds=speed.p99_ms / 1000,
    )


def _rate_met(offered: Offered, speed: Speed) -> float | None:
    """The rate that the deployment met: bench may have sent less than the offered rate."""
    if offered.orders_per_second is None or speed.sent_per_second is None:
        return offered.orders_per_second
    return min(offered.orders_per_second, speed.sent_per_second)

"""How much memory a function wants: what it takes, and how long it runs with the share of a core that comes with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from rich.table import Table

from scripts.bench.calls import CountingProxy
from scripts.bench.direct import DirectRun, total
from scripts.bench.scenarios import Scenario
from scripts.bench.usage import SERVICES, Meter
from scripts.console import out, table
from scripts.deployed import deployed
from scripts.deployment import Deployment
from scripts.local.workers import workers
from scripts.prices import Prices, read_prices
from scripts.seed_inventory import Seeder
from scripts.target import Target

# A function has one core there, and less of one in proportion below:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
_MB_OF_A_CORE = 1769
_SIZES_MB = (128, 256, 512, 1024, _MB_OF_A_CORE)
_SETTINGS = {"ENVIRONMENT": "bench", "PULSEQUEUE_INSTANCE": "bench", "TF_VAR_payment_success_rate": "1"}


@dataclass(frozen=True, slots=True)
class Appetite:
    """What one invocation of a function took, on average, with a whole core."""

    cpu_ms: float
    waited_ms: float
    invocations_an_order: float
    peak_mb: float

    @classmethod
    def of(cls, cpu_seconds: float, busy_seconds: float, invocations: int, orders: int, peak_mb: float) -> Self:
        return cls(
            cpu_ms=cpu_seconds * 1000 / invocations,
            # Neither clock is that exact.
            waited_ms=max(0.0, busy_seconds - cpu_seconds) * 1000 / invocations,
            invocations_an_order=invocations / orders,
            peak_mb=peak_mb,
        )

    def milliseconds(self, memory_mb: int) -> float:
        """Predict how long it takes with so much memory: it waits as long, and computes with a share of a core."""
        return self.waited_ms + self.cpu_ms * max(1.0, _MB_OF_A_CORE / memory_mb)

    def gb_seconds_an_order(self, memory_mb: int) -> float:
        return self.milliseconds(memory_mb) / 1000 * memory_mb / 1024 * self.invocations_an_order


def run(orders: int, batch: int) -> None:
    """Measure on an embedded AWS of its own, and show what each amount of memory means."""
    proxy = CountingProxy()
    settings = {**_SETTINGS, "PULSEQUEUE_WORKER_ENDPOINT": proxy.url}
    with proxy.running(), deployed(settings, proxy.forward_to) as target:
        appetites = _measure(target, proxy, orders, batch)
    _print(appetites, read_prices(), f"{orders} orders of 2 SKUs, batches of {batch}")


def _measure(target: Target, proxy: CountingProxy, orders: int, batch: int) -> dict[str, Appetite]:
    deployment = Deployment.of(target)
    direct = DirectRun(target, deployment, Meter(target, deployment, proxy))
    scenario = Scenario("memory", skus=2)
    list(Seeder.of(target, deployment).seed(scenario.products(2 * orders)))
    with direct.mappings_disabled():
        direct.run(scenario.details(batch, run="warm-up"), batch)
        before = _cpu_seconds(target, deployment)
        usage = total(direct.run(scenario.details(orders), batch))
        used = {name: seconds - before[name] for name, seconds in _cpu_seconds(target, deployment).items()}
    return {
        service: Appetite.of(
            used[service],
            usage.busy_ms[service] / 1000,
            usage.invocations[service],
            orders,
            max(each.peak_mb() for each in workers(target.emulator, deployment.function_names[service])),
        )
        for service in SERVICES
    }


def _cpu_seconds(target: Target, deployment: Deployment) -> dict[str, float]:
    return {
        service: sum(each.cpu_seconds() for each in workers(target.emulator, deployment.function_names[service]))
        for service in SERVICES
    }


def _print(appetites: Mapping[str, Appetite], prices: Prices, how: str) -> None:
    out.print(_appetite_table(appetites, f"What an invocation took, {how}"))
    out.print(_size_table(appetites, prices))


def _appetite_table(appetites: Mapping[str, Appetite], title: str) -> Table:
    numbers = ("processor ms", "waited ms", "peak MB")
    shown = table("function", *numbers, title=title, numbers=numbers)
    for service, taken in appetites.items():
        shown.add_row(service, f"{taken.cpu_ms:.0f}", f"{taken.waited_ms:.0f}", f"{taken.peak_mb:.0f}")
    return shown


def _size_table(appetites: Mapping[str, Appetite], prices: Prices) -> Table:
    columns: Sequence[str] = ["MB", *(f"{service}, ms" for service in appetites), "GB-seconds, $ a million orders"]
    shown = table(*columns, title="Predicted on AWS", numbers=columns)
    for size in _SIZES_MB:
        taken_a_million = sum(taken.gb_seconds_an_order(size) for taken in appetites.values()) * 1_000_000
        shown.add_row(
            str(size),
            *(f"{taken.milliseconds(size):.0f}" for taken in appetites.values()),
            f"{prices.cost({'lambda_gb_seconds': taken_a_million})['lambda_gb_seconds']:.2f}",
        )
    return shown

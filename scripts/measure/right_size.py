"""The memory that a function needs, and how long it runs with the share of a core that comes with the memory.

Processor time is measured. Waits are those of the capacity model for AWS, not those of the embedded AWS.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from rich.table import Table

from scripts.cli.console import out, print_table, table
from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.own_deployment import own_deployment, with_settings
from scripts.deploy.target import Target
from scripts.local.workers import Worker, check_workers_can_be_found, workers
from scripts.measure.calls import CountingProxy
from scripts.measure.capacity.parameters import Parameters, load_parameters
from scripts.measure.direct import DirectRun, total
from scripts.measure.prices import Prices, read_prices
from scripts.measure.scenarios import Scenario
from scripts.measure.usage import GATEWAY, SERVICES, Meter, Usage
from scripts.operate.seeding import Seeder

# Lambda gives a function one core at this size, and proportionally less below:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
_MB_OF_A_CORE = 1769
_SIZES_MB = (128, 256, 512, 1024, _MB_OF_A_CORE)
_SETTINGS = {"ENVIRONMENT": "bench", "PULSEQUEUE_INSTANCE": "bench"}


@dataclass(frozen=True, slots=True)
class InvocationUse:
    """Averages of one invocation of a function, with a whole core."""

    cpu_ms: float
    waited_ms: float
    """Waiting for AWS."""
    invocations_per_order: float
    peak_mb: float

    def milliseconds(self, memory_mb: int) -> float:
        """Predict the duration with this memory: waits stay the same, computing gets a share of a core."""
        return self.waited_ms + self.cpu_ms * max(1.0, _MB_OF_A_CORE / memory_mb)

    def gb_seconds_per_order(self, memory_mb: int) -> float:
        return self.milliseconds(memory_mb) / 1000 * memory_mb / 1024 * self.invocations_per_order


def measure_memory(orders: int, batch: int) -> None:
    """Measure on an embedded AWS of its own, and predict duration and cost for each memory size."""
    check_workers_can_be_found()
    proxy = CountingProxy()
    settings = with_settings({**_SETTINGS, "PULSEQUEUE_WORKER_ENDPOINT": proxy.url}, payment_success_rate=1)
    with proxy.running(), own_deployment(settings, proxy.forward_to) as target:
        uses = measure_functions(target, proxy, orders, batch)
    _print(uses, read_prices(), f"{orders} orders of 2 SKUs, batches of {batch}")


def measure_functions(target: Target, proxy: CountingProxy, orders: int, batch: int) -> dict[str, InvocationUse]:
    deployment = Deployment.of(target)
    direct = DirectRun(target, deployment, Meter(target, deployment, proxy))
    scenario = Scenario("memory", skus=2)
    list(Seeder.of(target, deployment).seed(scenario.products(2 * orders)))
    with direct.mappings_disabled():
        out.print("the workers start …")
        used = total(direct.run(scenario.details(batch, run="warm-up"), batch)).invocations
        names = {service: deployment.functions[service].name for service in SERVICES if used[service]}
        warm = {service: list(workers(target.emulator, name)) for service, name in names.items()}
        before = {service: _cpu_seconds(found) for service, found in warm.items()}
        out.print(f"{orders:,} orders of {scenario.skus} SKUs, batches of {batch} …")
        usage = total(direct.run(scenario.details(orders), batch))
    parameters = load_parameters()
    return {
        service: InvocationUse(
            cpu_ms=(_cpu_seconds(warm[service]) - before[service]) * 1000 / usage.invocations[service],
            waited_ms=waited_ms(usage, service, parameters),
            invocations_per_order=usage.invocations[service] / orders,
            peak_mb=max(worker.peak_mb() for worker in warm[service]),
        )
        for service in warm
    }


def _cpu_seconds(of: Sequence[Worker]) -> float:
    if not of:
        raise UserError("a function's worker ended before it was measured: try again")
    return sum(worker.cpu_seconds() for worker in of)


def waited_ms(usage: Usage, service: str, parameters: Parameters) -> float:
    """How long an invocation would wait for AWS, on average; some calls run side by side."""
    aws, deployment = parameters.profiles["aws"], parameters.deployment
    durations = {
        "dynamodb:TransactWriteItems": (aws.transact, 1),
        "dynamodb:BatchGetItem": (aws.read, 1),
        "dynamodb:BatchExecuteStatement": (aws.statement, 1),
        "events:PutEvents": (aws.put_events, deployment.calls_side_by_side),
        "dynamodb:UpdateItem": (aws.charge, deployment.charges_side_by_side),
    }
    callers = {service, GATEWAY} if service == "payment-service" else {service}
    total_ms = 0.0
    for name, count in usage.calls.items():
        caller, call = name.split()
        if caller not in callers:
            continue
        if call not in durations:
            raise UserError(f"{caller} called {call}: add its duration on AWS to scripts/measure/right_size.py")
        duration, side_by_side = durations[call]
        calls = count / usage.invocations[service]
        total_ms += duration.mean() * 1000 * (calls if side_by_side == 1 else ceil(calls / side_by_side))
    return total_ms


def _print(uses: Mapping[str, InvocationUse], prices: Prices, how: str) -> None:
    print_table(use_table(uses, f"An invocation, {how}"))
    print_table(size_table(uses, prices))
    out.print("The waits are those of AWS in scripts/measure/capacity/parameters.json.", markup=False)


def use_table(uses: Mapping[str, InvocationUse], title: str) -> Table:
    numbers = ("processor ms", "waiting for AWS, ms", "peak MB")
    shown = table("function", *numbers, title=title, numbers=numbers)
    for service, taken in uses.items():
        shown.add_row(service, f"{taken.cpu_ms:.0f}", f"{taken.waited_ms:.0f}", f"{taken.peak_mb:.0f}")
    return shown


def size_table(uses: Mapping[str, InvocationUse], prices: Prices) -> Table:
    columns: Sequence[str] = ["MB", *(f"{service}, ms" for service in uses), "GB-seconds, $ per million orders"]
    shown = table(*columns, title="Predicted on AWS", numbers=columns)
    for size in _SIZES_MB:
        taken_per_million = sum(taken.gb_seconds_per_order(size) for taken in uses.values()) * 1_000_000
        shown.add_row(
            str(size),
            *(f"{taken.milliseconds(size):.0f}" for taken in uses.values()),
            f"{prices.cost({'lambda_gb_seconds': taken_per_million})['lambda_gb_seconds']:.2f}",
        )
    return shown

"""The capacity model counts an order as the benchmark does, and reads what the benchmark writes."""

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts.cli.errors import UserError
from scripts.cli.paths import BASELINE_FILE, DOCS, MEASURED_RATES_FILE
from scripts.measure.capacity.measured import load_runs
from scripts.measure.capacity.model import Deployment, Workload
from scripts.measure.capacity.parameters import Parameters, load_parameters
from scripts.measure.capacity.queues import Order
from scripts.measure.capacity.simulation import Pipeline, Steps
from scripts.measure.scenarios import Scenario

PERFORMANCE = DOCS / "performance"
ORDERS = 50
STEPS = ("reserve", "relay 1", "payment", "relay 2", "settlement", "relay 3")


def new_pipeline(parameters: Parameters) -> Pipeline:
    return Pipeline(parameters, parameters.profiles["aws"], Workload(1), Deployment.default(parameters))


def handled(pipeline: Pipeline, step: str, batch: list[Order]) -> Steps:
    if step.startswith("relay"):
        return pipeline.handle_commits(batch)
    return pipeline.handle_payments(batch) if step == "payment" else pipeline.handle_orders(batch)


def used_by_step(parameters: Parameters, batch: int) -> Mapping[str, float]:
    """What each step of 50 orders uses for one, handled in batches, as the benchmark's direct run does it."""
    scenario = Scenario("direct", skus=2)
    details = scenario.details(ORDERS)
    skus = [tuple(int(item["sku"][-2:]) for item in detail["items"]) for detail in details]  # type: ignore[attr-defined]
    orders = [Order(0.0, each) for each in skus]
    used: defaultdict[str, float] = defaultdict(float)
    for step in STEPS:
        for start in range(0, ORDERS, batch):
            # A pipeline each, which stops when the step has ended: nobody takes the orders any further.
            pipeline = new_pipeline(parameters)
            chunk = orders[start : start + batch]
            pipeline.env.run(until=pipeline.env.process(handled(pipeline, step, chunk)))
            usage = pipeline.usage
            used[f"{step} at batch {batch}: api_calls"] += usage.api_calls / ORDERS
            used[f"{step} at batch {batch}: dynamodb_write_units"] += usage.write_units / ORDERS
            used[f"{step} at batch {batch}: dynamodb_read_units"] += usage.read_units / ORDERS
    return used


@pytest.mark.parametrize("batch", [1, 10, 50])
def test_an_order_of_the_model_takes_the_calls_and_units_that_the_benchmark_counted(batch: int) -> None:
    counted = json.loads(BASELINE_FILE.read_text())

    used = used_by_step(load_parameters(), batch)

    assert dict(used) == pytest.approx({name: counted[name] for name in used})


@pytest.mark.parametrize("batch", [1, 10, 50])
def test_the_models_messages_invocations_and_logs_are_those_that_were_measured(batch: int) -> None:
    parameters = load_parameters()
    counts = json.loads((PERFORMANCE / "after.json").read_text())["results"][f"direct {batch}"]["counts"]
    pipeline = new_pipeline(parameters)
    for _ in range(0, 300, batch):
        for _ in range(3):
            pipeline.usage.invoked(batch)
            pipeline.usage.relayed()

    quantities = pipeline.usage.quantities(300, parameters.deployment)

    for name in ("sqs_requests", "lambda_requests", "eventbridge_archived_bytes", "log_bytes"):
        assert quantities[name] / 1e6 == pytest.approx(counts[name], rel=0.01), name


def test_what_bench_wrote_is_read_but_for_what_the_model_does_not_know() -> None:
    written = json.loads((PERFORMANCE / "after.json").read_text())["results"]

    runs = {run.name: run for run in load_runs(PERFORMANCE / "after.json")}

    assert set(runs) == {"single", "three", "hot", "paced"}
    assert (runs["three"].scenario.skus, runs["hot"].scenario.catalogue) == (3, 1)
    assert (runs["paced"].offered_orders_per_second, runs["single"].offered_orders_per_second) == (2, None)
    assert runs["single"].p50_seconds == written["single"]["speed"]["p50_ms"] / 1000
    assert (runs["single"].batch_size, runs["single"].workers) == (10, 2)


def test_the_measured_points_are_of_several_rates_and_of_full_speed() -> None:
    offered = {run.offered_orders_per_second for run in load_runs(MEASURED_RATES_FILE)}

    assert offered == {2, 20, 60, None}


@pytest.mark.parametrize(("sent", "met"), [(42.0, 42.0), (60.1, 60.0), (None, 60.0)])
def test_a_run_is_simulated_at_the_rate_that_was_really_sent(tmp_path: Path, sent: float | None, met: float) -> None:
    document = json.loads(MEASURED_RATES_FILE.read_text())
    run = document["results"]["single 60/s"]
    run["speed"]["sent_per_second"] = sent
    file = tmp_path / "rates.json"
    file.write_text(json.dumps(document | {"results": {"single 60/s": run}}))

    assert [run.offered_orders_per_second for run in load_runs(file)] == [met]


def test_a_file_without_a_run_to_simulate_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "direct.json"
    document = json.loads((PERFORMANCE / "after.json").read_text())
    file.write_text(json.dumps(document | {"results": {"direct 10": document["results"]["direct 10"]}}))

    with pytest.raises(UserError, match="has no run to simulate"):
        load_runs(file)


def test_another_file_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text('{"runs": []}')

    with pytest.raises(UserError, match="settings"):
        load_runs(file)

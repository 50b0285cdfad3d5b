import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from invoke.context import Context

from scripts.cli.errors import UserError
from scripts.cli.paths import PRICES_FILE, REPO_ROOT
from scripts.deploy import planning
from scripts.deploy.target import Target
from scripts.measure.cost import report
from scripts.measure.cost.bill import STORED_BYTES_PER_ORDER, Bill, make_bill
from scripts.measure.cost.load import counts_at, measured_counts, predict
from scripts.measure.cost.planned import Planned
from scripts.measure.cost.report import Settings, make_report
from scripts.measure.cost.resource_types import BY_USE, FREE, PRICED, standing, unpriced
from scripts.measure.cost.standing import SCRAPE_READ_UNITS
from scripts.measure.prices import read_prices
from scripts.measure.units import item_bytes, read_units
from scripts.tasks import measure
from services.libs.store.commit_items import commit_to_item
from services.libs.store.inventory_table import stock_to_item
from services.order_service.domain import conclude
from services.payment_service.domain import settlement
from services.payment_service.gateway import Charge
from services.shared.causes import Cause
from tests.factories import NOW, decide, inventory, placed_order, stock_item

COUNTS = {"dynamodb_write_units": 10.0, "eventbridge_archived_bytes": 2_000.0, "log_bytes": 1_000.0}


def resource(kind: str, name: str = "this", **values: Any) -> dict[str, Any]:  # noqa: ANN401 - any setting
    return {"address": f"{kind}.{name}", "mode": "managed", "type": kind, "values": values}


def plan(*resources: Mapping[str, Any], modules: Mapping[str, Any] | None = None) -> Planned:
    root = {"resources": list(resources), "child_modules": [modules] if modules else []}
    return Planned.of({"variables": {"region": {"value": "eu-west-2"}}, "planned_values": {"root_module": root}})


def mapping(batch_size: int = 10, window: int = 0, workers: int = 2) -> dict[str, Any]:
    return resource(
        "aws_lambda_event_source_mapping",
        batch_size=batch_size,
        maximum_batching_window_in_seconds=window,
        scaling_config=[{"maximum_concurrency": workers}],
    )


def function(memory_mb: int = 512, **variables: str) -> dict[str, Any]:
    return resource("aws_lambda_function", memory_size=memory_mb, environment=[{"variables": variables}])


def bill(
    planned: Planned, *, orders: int = 1_000_000, months: int = 12, visits: int = 0, scraped: bool = False
) -> Bill:
    return make_bill(planned, read_prices(), COUNTS, orders, months, visits=visits, scraped=scraped)


def dollars(made: Bill, what: str, why: str) -> float:
    return sum(line.usd for line in made.lines if (line.what, line.why) == (what, why))


def test_what_stands_there_is_counted_over_all_modules() -> None:
    alarms = {"resources": [resource("aws_cloudwatch_metric_alarm", name) for name in ("a", "b")]}

    planned = plan(resource("aws_kms_key"), resource("aws_cloudwatch_dashboard"), modules=alarms)

    assert standing(planned) == {"alarm": 2, "key": 1, "dashboard": 1}


def test_a_task_with_a_public_address_is_paid_for_by_the_hour() -> None:
    network = [{"assign_public_ip": True}]

    planned = plan(
        resource("aws_ecs_task_definition", cpu="512", memory="2048"),
        resource("aws_ecs_service", desired_count=1, network_configuration=network),
    )

    assert standing(planned) == {"fargate_cpu_hour": 365, "fargate_gb_hour": 1460, "address_hour": 730}


def test_what_is_read_and_not_made_costs_nothing() -> None:
    data = resource("aws_kms_key") | {"mode": "data"}

    assert standing(plan(data, function())) == {}


def test_a_type_that_nothing_is_known_of_is_named() -> None:
    planned = plan(resource("aws_nat_gateway", "a"), resource("aws_nat_gateway", "b"), resource("aws_iam_role"))

    assert unpriced(planned) == {"aws_nat_gateway": 2}


def test_every_type_of_resource_in_the_repository_has_a_price_or_a_reason_for_none() -> None:
    files = (REPO_ROOT / "infra").rglob("*.tf")
    kinds = {kind for file in files for kind in re.findall(r'^resource "(\w+)"', file.read_text(), re.MULTILINE)}

    assert len(kinds) > 40
    assert not kinds - {*PRICED, *BY_USE, *FREE}


def test_no_type_has_two_ways_to_be_paid_for() -> None:
    assert not PRICED.keys() & BY_USE
    assert not FREE & {*PRICED, *BY_USE}


def test_every_price_has_a_source_and_is_used() -> None:
    listed = read_prices()
    planned = plan(
        resource("aws_kms_key"),
        resource("aws_cloudwatch_dashboard"),
        resource("aws_cloudwatch_metric_alarm"),
        resource("aws_ecs_task_definition", cpu="512", memory="2048"),
        resource("aws_ecs_service", desired_count=1, network_configuration=[{"assign_public_ip": True}]),
        resource("aws_dynamodb_table", point_in_time_recovery=[{"enabled": True}]),
        mapping(),
        function(),
    )
    counts = measured_counts()[10]

    made = make_bill(planned, listed, counts, 1000, 12, visits=1000, scraped=True)

    priced = {line.what for line in made.lines}
    assert priced == {price.text for price in (listed.lines | listed.monthly).values()}
    assert all(price.source.startswith("https://aws.amazon.com/") for price in listed.monthly.values())


def test_orders_are_paid_for_by_the_piece_and_what_stands_there_is_not() -> None:
    planned = plan(resource("aws_kms_key"), mapping(), function())

    one, ten = bill(planned), bill(planned, orders=10_000_000)

    assert one.fixed == pytest.approx(ten.fixed)
    assert ten.variable == pytest.approx(10 * one.variable)
    assert dollars(one, "DynamoDB write units", "orders") == pytest.approx(6.25)
    assert one.total == pytest.approx(sum(fixed + variable for fixed, variable in one.services.values()))


def test_the_sweeper_reads_each_minute_and_the_order_service_each_order_that_is_due() -> None:
    planned = plan(mapping(), function())

    made = bill(planned)

    units = {line.why: line.quantity for line in made.lines if line.what == "DynamoDB read units"}
    # Where it stopped, and 8 parts of each of 4 minutes.
    assert units["the sweeper, each minute"] == 33 * 60 * 730
    # Half a unit for a second version, and 200 bytes of its group 4 times.
    assert units["orders, once they are due"] == pytest.approx(1_000_000 * (0.5 + 4 * 200 / 4096))
    assert dollars(made, "SQS requests", "orders, once they are due") == pytest.approx(3 * 10_000 * 0.4e-6)


def test_a_visit_is_a_sign_in_and_a_look_at_the_profile_and_one_in_50_a_ticket_of_three_commands() -> None:
    planned = plan(mapping(), function())

    made = bill(planned, visits=1_000_000)

    quantities = {line.what: line.quantity for line in made.lines if line.why == "visits of customers"}
    assert quantities["KMS requests"] == pytest.approx(1_060_000)
    assert quantities["API Gateway, HTTP API requests"] == pytest.approx(1_060_000)
    assert quantities["EventBridge custom events"] == pytest.approx(1_060_000)
    assert quantities["DynamoDB write units"] == pytest.approx(6 * 1_060_000)
    assert quantities["Lambda invocations (arm64)"] == pytest.approx(1_000_000 + 2 * 1_060_000)
    assert dollars(made, "KMS requests", "visits of customers") == pytest.approx(3.18)
    assert not [line for line in bill(planned).lines if line.why == "visits of customers"]


def test_the_event_store_grows_and_what_has_a_retention_does_not() -> None:
    planned = plan(
        resource("aws_dynamodb_table", point_in_time_recovery=[{"enabled": True}]),
        resource("aws_cloudwatch_event_archive", retention_days=15.2),
        resource("aws_cloudwatch_log_group", retention_in_days=15.2),
    )

    made = bill(planned, months=24)

    quantities = {line.what: line.quantity for line in made.lines if line.why == "orders"}
    assert quantities["DynamoDB storage, GB"] == pytest.approx(24 * STORED_BYTES_PER_ORDER / 1000)
    assert quantities["DynamoDB point-in-time recovery, GB"] == quantities["DynamoDB storage, GB"]
    assert quantities["EventBridge archive storage, GB"] == pytest.approx(1.0)
    assert quantities["CloudWatch Logs storage, GB"] == pytest.approx(0.5)


def test_without_recovery_and_retention_nothing_is_paid_for_one_and_all_is_kept_by_the_other() -> None:
    planned = plan(
        resource("aws_dynamodb_table", point_in_time_recovery=[{"enabled": False}]),
        resource("aws_cloudwatch_event_archive", retention_days=0),
    )

    quantities = {line.what: line.quantity for line in bill(planned, months=3).lines if line.why == "orders"}

    assert "DynamoDB point-in-time recovery, GB" not in quantities
    assert quantities["EventBridge archive storage, GB"] == pytest.approx(6.0)


def test_scrapes_cost_what_the_monitoring_page_says() -> None:
    planned = plan(*(mapping() for _ in range(7)), *(function(REFRESH_SECONDS="60") for _ in range(17)))

    watched, idle = bill(planned, scraped=True), bill(planned)

    # 355 metrics once a minute, as docs/monitoring.md has them.
    assert dollars(watched, "GetMetricData, metrics asked for", "scrapes of the metrics") == pytest.approx(155.49)
    assert dollars(watched, "CloudWatch custom metrics", "the functions' own metrics") == pytest.approx(104.40)
    assert watched.total > idle.total
    assert not dollars(idle, "GetMetricData, metrics asked for", "scrapes of the metrics")


def test_readings_of_cloudwatch_that_are_rarer_cost_less() -> None:
    often, seldom = (plan(mapping(), function(REFRESH_SECONDS=seconds)) for seconds in ("60", "240"))

    cost = [
        dollars(bill(p, scraped=True), "GetMetricData, metrics asked for", "scrapes of the metrics")
        for p in (often, seldom)
    ]

    assert cost[0] == pytest.approx(4 * cost[1])


def test_the_settings_are_the_plans() -> None:
    alarm = resource("aws_cloudwatch_metric_alarm", treat_missing_data="breaching")
    planned = plan(mapping(batch_size=50, window=2, workers=7), function(memory_mb=1024), alarm)

    assert (planned.batch_size, planned.window_seconds, planned.workers) == (50, 2, 7)
    assert (planned.memory_gb, planned.region, planned.scrapes_expected) == (1, "eu-west-2", True)


def test_a_first_plan_knows_the_refresh_only_from_the_settings() -> None:
    root = {"resources": [resource("aws_lambda_function", environment=[{}])]}
    variables = {"settings": {"value": {"metrics_refresh_seconds": 120}}}
    document = {"variables": variables, "planned_values": {"root_module": root}}

    assert Planned.of(document).metrics_refresh_seconds == 120


def test_a_mapping_of_single_messages_says_nothing_of_the_services() -> None:
    planned = plan(mapping(batch_size=10, workers=2), mapping(batch_size=1, workers=20))

    assert planned.workers == 2


def test_the_counts_of_a_batch_are_the_measured_ones_and_between_two_of_them_lie_between() -> None:
    direct = {1: {"lambda_gb_seconds": 2.0, "x": 20.0}, 10: {"lambda_gb_seconds": 1.0, "x": 11.0}}

    assert counts_at(direct, 1)["x"] == 20
    assert counts_at(direct, 10)["x"] == counts_at(direct, 50)["x"] == 11
    assert counts_at(direct, 2)["x"] == pytest.approx(15)
    assert counts_at(direct, 1, memory_gb=1)["lambda_gb_seconds"] == 4


def test_batches_fill_with_the_rate_and_with_the_window() -> None:
    slow, waiting, busy = (
        predict(plan(mapping(size, window)), rate).orders_per_transaction
        for size, window, rate in ((10, 0, 0.4), (50, 1, 20.0), (10, 0, 100.0))
    )

    assert 1 <= slow < 1.1
    assert waiting > 5
    assert 2 < busy <= 10


def test_orders_are_billed_by_what_the_simulation_used_its_conflicts_too() -> None:
    planned = plan(mapping(), function())

    made = make_report(planned, Settings(100_000_000))

    # An order of 2 SKUs takes 19 units alone; at 38 a second some meet on one of 12 SKUs, and are tried again.
    alone, busy = (predict(planned, rate).counts for rate in (0.001, 100_000_000 / (730 * 3600)))
    written = next(line for line in made.bill.lines if line.what == "DynamoDB write units" and line.why == "orders")
    assert written.quantity == pytest.approx(100_000_000 * busy["dynamodb_write_units"])
    assert alone["dynamodb_write_units"] == pytest.approx(19, abs=0.1)
    assert alone["lambda_requests"] == pytest.approx(6, abs=0.1)
    assert alone["eventbridge_events"] == busy["eventbridge_events"] == 5
    assert "out of 12" in "\n".join(made.notes)


def test_simulated_transactions_take_what_bench_counted_and_the_relay_has_batches_of_its_own() -> None:
    predicted = predict(plan(mapping(50, 1), function()), 20)
    counted = counts_at(measured_counts(), predicted.orders_per_transaction)

    for name in ("dynamodb_write_units", "dynamodb_read_units", "sqs_requests"):
        assert predicted.counts[name] == pytest.approx(counted[name], rel=0.05), name
    assert predicted.counts["lambda_requests"] > 1.3 * counted["lambda_requests"]


def test_twice_the_memory_is_twice_the_gigabyte_seconds() -> None:
    half, one = (predict(plan(mapping(), function(memory)), 1).counts for memory in (512, 1024))

    assert one["lambda_gb_seconds"] == pytest.approx(2 * half["lambda_gb_seconds"])
    assert one["log_bytes"] == half["log_bytes"]


def test_an_order_leaves_in_the_event_store_about_what_the_bill_says() -> None:
    cause = Cause(str(uuid4()), str(uuid4()), NOW)
    first = decide(
        placed_order("order-1234567890", {"prod-001": 1, "prod-002": 1}),
        inventory(stock_item("prod-001"), stock_item("prod-002")),
        cause,
    )
    second = settlement(first, Charge(str(uuid4()), accepted=True), cause)
    third = conclude(second, cause)

    assert third
    size = sum(item_bytes(commit_to_item(commit)) + 100 for commit in (first, second, third))
    assert size == pytest.approx(STORED_BYTES_PER_ORDER, rel=0.1)


def test_a_plan_without_resources_is_explained() -> None:
    with pytest.raises(UserError, match="no resources"):
        Planned.of({"format_version": "1.2"})


@pytest.mark.parametrize("part", ["lines", "monthly"])
def test_a_price_that_is_missing_or_unknown_is_named(tmp_path: Path, part: str) -> None:
    given = json.loads(PRICES_FILE.read_text())
    name, price = given[part].popitem()
    file = tmp_path / "prices.json"
    for lines, said in (
        (given[part], f"{name} is missing"),
        (given[part] | {name: price, "gold": price}, "gold is un"),
    ):
        file.write_text(json.dumps(given | {part: lines}))

        with pytest.raises(UserError, match=f"{part}: {said}"):
            read_prices(file)


def test_a_scrape_reads_the_inventory_of_1000_skus_and_the_checkpoint_twice() -> None:
    stock = [stock_to_item(stock_item(f"prod-{number:03d}", stock=1000, reserved=100)) for number in range(1000)]
    inventory_units = read_units(sum(map(item_bytes, stock)), consistent=False)

    assert inventory_units + 2 * read_units(33 * 1024) < SCRAPE_READ_UNITS


def test_the_report_says_what_it_assumes_and_what_it_has_no_price_for() -> None:
    planned = plan(mapping(), function(), resource("aws_nat_gateway"))

    made = make_report(planned, Settings(1_000_000))

    said = "\n".join(made.notes)
    assert "us-east-1" in said
    assert "eu-west-2, whose prices differ" in said
    assert made.unpriced == {"aws_nat_gateway": 1}
    assert "more than the environment carries" not in said


def test_more_orders_than_the_environment_carries_are_pointed_out() -> None:
    made = make_report(plan(mapping(), function()), Settings(1_000_000_000))

    assert "more than the environment carries" in made.notes[0]


def test_a_single_order_and_more_than_there_can_be_have_a_bill_too() -> None:
    one, most = (
        make_report(plan(mapping(), function()), Settings(orders)).bill.variable / orders for orders in (1, 10**15)
    )

    assert 0 < most < 0.8 * one


def test_a_given_batch_decides_what_an_order_costs() -> None:
    planned = plan(mapping(), function())

    one, ten = (make_report(planned, Settings(1_000_000, batch=batch)).bill.variable for batch in (1, 10))

    assert one > 1.5 * ten


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    """An environment with a bucket for its state, without a plan and without resources."""
    monkeypatch.setattr(Target, "state_folder", tmp_path)
    monkeypatch.setattr(report, "state_bucket_exists", lambda _: True)
    state(monkeypatch)
    return Target("local", "dev")


def state(monkeypatch: pytest.MonkeyPatch, *resources: Mapping[str, Any]) -> None:
    document = {"values": {"root_module": {"resources": resources}}} if resources else {"format_version": "1.0"}
    terraform = SimpleNamespace(show_state=lambda: document)
    monkeypatch.setattr(report, "initialised_terraform", lambda _: terraform)


def test_without_a_plan_the_bill_is_that_of_the_deployment(
    target: Target, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state(monkeypatch, mapping(), function(), resource("aws_kms_key"))

    report.show_bill(target, Settings(), None)

    shown = capsys.readouterr().out
    assert "the deployment, as there is no newer plan" in shown
    assert "The environment is in eu-west-2" in shown
    assert "KMS customer keys" in shown


def test_without_a_plan_and_a_deployment_the_command_to_run_is_named(target: Target) -> None:
    with pytest.raises(UserError, match="no plan, and nothing is deployed: `invoke plan --target local`"):
        report.show_bill(target, Settings(), None)


def test_without_a_bucket_for_the_state_nothing_is_deployed(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    state(monkeypatch, resource("aws_kms_key"))
    monkeypatch.setattr(report, "state_bucket_exists", lambda _: False)

    with pytest.raises(UserError, match="nothing is deployed"):
        report.show_bill(target, Settings(), None)


def test_without_a_number_of_orders_the_bill_is_for_a_million_and_says_so(
    target: Target, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state(monkeypatch, mapping(), function())
    monkeypatch.setattr(measure, "target_of", lambda _: target)

    measure.cost.body(Context())

    assert "A month with 1,000,000 orders (--orders-per-month)" in capsys.readouterr().out


def test_the_bill_of_a_measured_batch_stays_the_same() -> None:
    table = resource("aws_dynamodb_table", point_in_time_recovery=[{"enabled": True}])
    alarms = [resource("aws_cloudwatch_metric_alarm", str(number)) for number in range(10)]

    made = make_report(plan(mapping(), function(), table, *alarms), Settings(1_000_000, batch=10)).bill

    dollars = {name: (round(fixed, 2), round(variable, 2)) for name, (fixed, variable) in made.services.items()}
    assert dollars == {
        "CloudWatch": (19.03, 0.90),
        "DynamoDB": (0.21, 15.56),
        "EventBridge": (0.0, 5.65),
        "Lambda": (0.07, 0.23),
        "SQS": (0.26, 1.45),
    }


def test_the_json_adds_up(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = {"resources": [mapping(), function(), resource("aws_kms_key"), resource("aws_nat_gateway")]}
    monkeypatch.setattr(planning, "read_plan", lambda _: {"planned_values": {"root_module": root}})
    (tmp_path / "deployment.tfplan").touch()
    file = tmp_path / "new" / "bill.json"

    report.show_bill(target, Settings(1_000_000), file)

    given = json.loads(file.read_text())
    assert given["total_usd"] == pytest.approx(sum(line["usd"] for line in given["lines"]))
    assert given["total_usd"] == pytest.approx(given["fixed_usd"] + given["variable_usd"])
    assert given["not_priced"] == {"aws_nat_gateway": 1}
    shown = capsys.readouterr().out
    assert "A month with 1,000,000 orders" in shown
    assert "not priced: 1 aws_nat_gateway" in shown
    assert f"{given['total_usd']:,.2f}" in shown

import json
from pathlib import Path

import pytest
from rich.console import Console

from scripts.cli.errors import UserError
from scripts.measure.bench import Settings, reported_run, run_benchmark
from scripts.measure.end_to_end import Run
from scripts.measure.least_cost import OrderTotals
from scripts.measure.prices import read_prices
from scripts.measure.result import (
    Measured,
    Offered,
    Recorded,
    Result,
    Speed,
    above_baseline,
    comparison_table,
    make_result,
    percentile,
    results_table,
    write_json,
)
from scripts.measure.scenarios import SCENARIOS, chosen
from scripts.measure.units import Units
from scripts.measure.usage import Usage


def result(writes: float = 20, name: str = "single") -> Result:
    usage = Usage(units=Units(write=writes), events=10, gb_seconds=0.5)
    usage.calls["order-service dynamodb:PutItem"] = 4
    usage.invocations["order-service"] = 2
    return make_result(name, OrderTotals(2, skus_per_order=1, catalogue=1, batch=1), usage, Speed(12.5), read_prices())


def shown(table: object) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_figures_are_an_orders_and_costs_a_millions() -> None:
    made = result()

    assert made.counts["api_calls"] == 2
    assert made.counts["dynamodb_write_units"] == 10
    assert made.cost_usd["dynamodb_write_units"] == pytest.approx(6.25)
    assert made.cost_usd["eventbridge_events"] == pytest.approx(5)
    assert made.ratio == pytest.approx(made.total_usd / made.minimum_usd)


def test_the_table_has_a_column_for_each_run() -> None:
    text = shown(results_table([result(), result(name="three")], read_prices(), "Title"))

    assert "single" in text
    assert "three" in text
    assert "order-service dynamodb:PutItem" in text


def test_a_comparison_shows_the_ratio_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "before.json"
    write_json(file, {}, Measured([result(writes=40)], {"reserve at batch 1": {"api_calls": 4}}))

    now = Measured([result(writes=20), result(name="unknown before")], {"reserve at batch 1": {"api_calls": 1}})
    text = shown(comparison_table(now, Recorded.read(file)))

    (line,) = [line for line in text.splitlines() if "counts: dynamodb_write_units" in line]
    assert line.split()[-3:] == ["20.000", "10.000", "0.50"]
    (line,) = [line for line in text.splitlines() if line.startswith("reserve at batch 1: api_calls")]
    assert line.split()[-3:] == ["4.000", "1.000", "0.25"]
    assert "unknown before" not in text


def test_what_is_written_is_json_with_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    write_json(file, {"settings": {"orders": 2}}, Measured([result()]))

    document = json.loads(file.read_text())
    assert document["settings"] == {"orders": 2}
    assert document["results"]["single"]["speed"]["orders_per_second"] == 12.5


def test_a_file_that_is_no_result_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text("{}")

    with pytest.raises(UserError, match="results"):
        Recorded.read(file)


@pytest.mark.parametrize(("percent", "value"), [(50, 51), (99, 100)])
def test_a_percentile_lies_between_the_values(percent: int, value: float) -> None:
    assert percentile(list(range(1, 102)), percent) == value


def test_there_is_no_percentile_of_less_than_two_values() -> None:
    assert percentile([1.0], 50) is None


def test_a_count_above_the_baseline_is_named_and_one_below_is_not() -> None:
    worse = above_baseline({"a": 2.0, "b": 1.0, "c": 1.0005, "d": 1.0}, {"a": 1.0, "b": 2.0, "c": 1.0})

    assert worse == ["a is 2.000 per order, and was 1.000", "d is new"]


def test_a_count_that_was_nothing_must_stay_nothing() -> None:
    assert above_baseline({"a": 0.0}, {"a": 0.0}) == []
    assert above_baseline({"a": 0.01}, {"a": 0.0})


def test_the_quickest_of_several_runs_counts_unless_one_has_lost_orders() -> None:
    slow, quick, lossy = (Run(Speed(1, p50_ms=p50, lost=lost), Usage(), 1) for p50, lost in ((9, 0), (5, 0), (7, 1)))

    assert reported_run([slow, quick]) is quick
    assert reported_run([slow, quick, lossy]) is lossy


def test_scenarios_are_chosen_by_name() -> None:
    assert chosen("hot,single") == [SCENARIOS["hot"], SCENARIOS["single"]]
    assert chosen("all") == list(SCENARIOS.values())
    assert chosen("") == []
    with pytest.raises(UserError, match="single, three, hot"):
        chosen("cold")


def test_half_of_the_demand_is_in_stock_where_half_is_out() -> None:
    scenario = SCENARIOS["half-out"]

    assert sum(product.stock for product in scenario.products(240)) == 120
    assert {item["sku"] for detail in scenario.details(240) for item in detail["items"]} == {  # type: ignore[attr-defined]
        product.sku for product in scenario.products(240)
    }


def test_each_order_of_three_skus_has_three_different_ones() -> None:
    for detail in SCENARIOS["three"].details(24):
        assert len({item["sku"] for item in detail["items"]}) == 3  # type: ignore[attr-defined]


def test_a_run_without_the_proxy_shows_its_speed_alone() -> None:
    text = shown(results_table([Result("single", 2, Speed(12.5))], read_prices(), "Title"))

    assert "12.5" in text
    assert "API calls" not in text


@pytest.mark.parametrize(
    ("settings", "message"),
    [(Settings(batch_size=50), "--direct 50"), (Settings(direct=(1,), count_requests=False), "leave out --no-counted")],
)
def test_settings_that_cannot_be_measured_are_refused(settings: Settings, message: str) -> None:
    with pytest.raises(UserError, match=message):
        run_benchmark(settings, None, None)


def test_the_file_of_a_run_keeps_the_key_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("scripts.measure.bench._measure", lambda *_: Measured())

    run_benchmark(Settings(count_requests=False), tmp_path / "run.json", None)

    settings = json.loads((tmp_path / "run.json").read_text())["settings"]
    assert settings["counted"] is False
    assert "count_requests" not in settings


def test_a_run_says_the_rates_that_were_offered_sent_and_completed() -> None:
    behind, in_time, burst = (
        Result("single", 300, Speed(completed, sent_per_second=sent), Offered("single", rate))
        for rate, sent, completed in ((60, 42.1, 41.0), (60, 59.8, 59.5), (None, 700.0, 150.0))
    )

    assert behind.rates == (
        "60 orders/s offered, 42.1 sent, 41.0 orders/s completed: bench could not send 60 orders/s here"
    )
    assert in_time.rates == "60 orders/s offered, 59.8 sent, 59.5 orders/s completed"
    assert burst.rates == "all at once offered, 700.0 sent, 150.0 orders/s completed"
    assert Result("direct 10", 300, Speed(20)).rates == "20.0 orders/s completed"


def test_the_table_has_the_rates_that_were_offered_sent_and_completed() -> None:
    run = Result("single", 300, Speed(41.0, sent_per_second=42.1), Offered("single", 60))

    rows = [line.split() for line in shown(results_table([run], read_prices(), "Title")).splitlines()]

    assert ["orders/s", "offered", "60.0"] in rows
    assert ["orders/s", "sent", "42.1"] in rows
    assert ["orders/s", "completed", "41.0"] in rows

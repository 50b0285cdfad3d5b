from datetime import date

import pytest

from scripts.measure.cost.load import measured_counts
from scripts.measure.least_cost import OrderTotals, least_quantities, quantities
from scripts.measure.prices import Price, Prices, read_prices
from scripts.measure.units import Units
from scripts.measure.usage import Usage

PRICES = Prices(
    date=date(2026, 1, 1),
    region="us-east-1",
    monthly={},
    lines={
        "sqs_requests": Price(service="SQS", text="SQS", usd=0.4, per=1e6, source="https://aws.amazon.com/sqs/pricing/")
    },
)


def totals(batch: int = 1, **fields: int) -> OrderTotals:
    return OrderTotals(**{"accepted": 100, "skus_per_order": 1, "catalogue": 12, **fields}, batch=batch)


def test_a_cost_is_a_quantity_times_its_price() -> None:
    assert PRICES.cost({"sqs_requests": 3e6, "nothing we know": 5}) == {"sqs_requests": pytest.approx(1.2)}


def test_the_committed_prices_have_a_line_for_each_quantity() -> None:
    prices = read_prices()

    assert prices.lines.keys() == quantities(Usage()).keys()
    assert all(price.usd > 0 and price.source.startswith("https://") for price in prices.lines.values())


def test_the_least_writes_of_an_order_alone_are_three_commits_two_skus_two_counters_and_when_it_is_due() -> None:
    least = least_quantities(totals(), event_bytes=0)

    assert least["dynamodb_write_units"] / 100 == (2 + 2 + 2) + (2 + 2 + 2) + 1 + 1


def test_a_batch_shares_its_skus_its_counters_and_its_list_of_what_is_due() -> None:
    least = least_quantities(totals(batch=50, skus_per_order=2), event_bytes=0)

    assert least["dynamodb_write_units"] / 100 == pytest.approx(5 + 2 * (12 * 2 + 2 + 2) / 50)


@pytest.mark.parametrize("batch", [1, 10, 50])
def test_nothing_was_measured_to_take_less_than_the_least(batch: int) -> None:
    counts = measured_counts()[batch]

    least = least_quantities(totals(batch=batch, skus_per_order=2), counts["eventbridge_archived_bytes"] * 100)

    above = {line: (counts[line], value / 100) for line, value in least.items() if counts[line] * 1.0001 < value / 100}
    assert not above


def test_a_refused_order_needs_one_commit_and_no_stock() -> None:
    least = least_quantities(totals(accepted=0, refused=100), event_bytes=0)

    assert least["dynamodb_write_units"] / 100 == 2 + 2
    assert least["eventbridge_events"] / 100 == 2


def test_small_batches_are_received_and_deleted_one_request_each_and_large_ones_by_ten() -> None:
    usage = Usage(messages=100)
    usage.invocations.update({"order-service": 60, "payment-service": 40, "event-relay": 100})
    batched = Usage(messages=100)
    batched.invocations.update({"order-service": 2})

    assert usage.sqs_requests == 100 + 2 * 100
    assert batched.sqs_requests == 100 + 2 * 10


def test_the_gateways_calls_are_not_an_orders() -> None:
    usage = Usage(units=Units())
    usage.calls.update({"order-service dynamodb:PutItem": 3, "gateway dynamodb:UpdateItem": 2})

    assert usage.own_calls == 3
    assert usage.gateway_calls == 2

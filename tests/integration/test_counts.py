"""What an order asks of AWS, counted from the functions' own requests, never grows unnoticed."""

from scripts.bench import run
from scripts.bench.calls import CountingProxy
from scripts.target import Target


def test_no_order_takes_more_requests_or_units_than_it_did(target: Target, proxy: CountingProxy) -> None:
    counts = run.count(target, proxy)

    assert not run.grown(counts), "if that is meant: `invoke bench --update-baseline`"

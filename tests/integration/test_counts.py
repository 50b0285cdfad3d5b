"""What an order asks of AWS, counted from the functions' own requests, never grows unnoticed."""

from scripts.deploy.target import Target
from scripts.measure import bench
from scripts.measure.calls import CountingProxy


def test_no_order_takes_more_requests_or_units_than_it_did(target: Target, proxy: CountingProxy) -> None:
    counts = bench.count(target, proxy)

    assert not bench.grown(counts), "if that is meant: `invoke bench --update-baseline`"

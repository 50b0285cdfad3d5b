"""The fault suite in short, on an embedded AWS and a deployment of its own."""

from tests.faults import suite

# Few calls must meet what many meet in a long run.
_FAULT_RATE = 0.06


def test_nothing_is_lost_or_oversold_under_faults() -> None:
    report = suite.run(orders=150, seed=1, fault_rate=_FAULT_RATE)

    report.print()
    assert report.failures == {}
    assert report.killed
    assert sum(report.faults.values()) > 20

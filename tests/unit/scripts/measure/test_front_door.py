import pytest

from scripts.measure import front_door
from scripts.measure.front_door import Latency


def test_a_request_is_compared_with_the_health_request_just_before_it() -> None:
    # As the machine gets slow, both do.
    latency = Latency("add", [20.0, 120.0, 25.0], [10.0, 110.0, 15.0])

    assert latency.over_health_ms == 10


def test_the_table_has_medians_their_ratio_and_what_a_request_takes_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    front_door._print([Latency("add", [20.0, 22.0, 24.0], [11.0, 11.0, 11.0])])  # noqa: SLF001

    assert capsys.readouterr().out.splitlines()[-1].split() == ["add", "22.0", "24.0", "11.0", "11.0", "11.0", "2.0"]

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from services.libs.store import deadline_table
from tests.model.adapters import AdapterSystem
from tests.model.whole_life import WholeLife
from tests.unit.conftest import Aws


def test_nothing_is_lost_or_oversold_on_the_real_adapters(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    # A sweep asks each partition of each minute: most of the test's time.
    monkeypatch.setattr(deadline_table, "SHARDS", 1)

    class OnAdapters(WholeLife):
        def __init__(self) -> None:
            super().__init__(AdapterSystem(aws.dynamodb))

    run_state_machine_as_test(
        OnAdapters,
        settings=settings(
            max_examples=4, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )

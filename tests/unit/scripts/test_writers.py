"""How long a pause waits, on a Lambda and an EventBridge that do at once what they are told."""

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast
from unittest.mock import MagicMock

import pytest

from scripts.local.emulator import REPO_ROOT
from scripts.target import Target
from scripts.writers import Writers

if TYPE_CHECKING:
    from scripts.deployment import Deployment

_TIMEOUTS = {"order": 10, "payment": 20, "sweeper": 30}
_SCHEDULE = (REPO_ROOT / "infra" / "modules" / "eventbridge" / "schedule" / "main.tf").read_text()


def _paused(*, is_local: bool) -> list[float]:
    """Pause, and return how long it slept."""
    functions = MagicMock()
    functions.list_event_source_mappings.return_value = {"EventSourceMappings": []}
    functions.get_function_configuration.side_effect = lambda FunctionName: {"Timeout": _TIMEOUTS[FunctionName]}  # noqa: N803 - boto3's name
    clients = {"lambda": functions, "events": MagicMock()}
    target = cast("Target", SimpleNamespace(client=clients.__getitem__, is_local=is_local))
    names = {"order-service": "order", "payment-service": "payment", "reservation-sweeper": "sweeper"}
    deployment = SimpleNamespace(function_names=names, reservation_sweep_rule_name="sweep")
    slept: list[float] = []
    Writers(target, cast("Deployment", deployment), sleep=slept.append).pause()
    return slept


@pytest.mark.parametrize("is_local", [True, False])
def test_a_pause_waits_for_the_slowest_function_and_on_aws_for_as_long_as_a_tick_may_live(*, is_local: bool) -> None:
    ages = [int(age) for age in re.findall(r"maximum_event_age_in_seconds += (\d+)", _SCHEDULE)]
    assert len(ages) == 2

    assert _paused(is_local=is_local) == [30 if is_local else 30 + sum(ages)]

"""How long a pause waits, and when it is one, on a Lambda and an EventBridge that do at once what they are told."""

import re
from datetime import UTC, datetime, timedelta
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


def _writers(slept: list[float], *mappings: dict[str, object], is_local: bool = False) -> Writers:
    functions = MagicMock()
    functions.list_event_source_mappings.return_value = {"EventSourceMappings": mappings}
    functions.get_function_configuration.side_effect = lambda FunctionName: {"Timeout": _TIMEOUTS[FunctionName]}  # noqa: N803 - boto3's name
    clients = {"lambda": functions, "events": MagicMock()}
    target = cast("Target", SimpleNamespace(client=clients.__getitem__, is_local=is_local))
    names = {"order-service": "order", "payment-service": "payment", "deadline-sweeper": "sweeper"}
    deployment = SimpleNamespace(function_names=names, deadline_sweep_rule_name="sweep")
    return Writers(target, cast("Deployment", deployment), sleep=slept.append)


@pytest.mark.parametrize("is_local", [True, False])
def test_a_pause_waits_for_the_slowest_function_and_on_aws_for_as_long_as_a_tick_may_live(*, is_local: bool) -> None:
    ages = [int(age) for age in re.findall(r"maximum_event_age_in_seconds += (\d+)", _SCHEDULE)]
    assert len(ages) == 2

    slept: list[float] = []

    _writers(slept, is_local=is_local).pause()

    assert slept == [30 if is_local else 30 + sum(ages)]


@pytest.mark.parametrize(
    ("state", "seconds_ago", "active"),
    [("Enabled", 1000, True), ("Disabling", 1000, True), ("Disabled", 1000, False), ("Disabled", 100, True)],
)
def test_what_was_paused_so_lately_that_it_may_still_write_is_active(
    state: str, seconds_ago: int, *, active: bool
) -> None:
    mapping = {"UUID": "1", "State": state, "LastModified": datetime.now(UTC) - timedelta(seconds=seconds_ago)}

    assert _writers([], mapping).active() == (["order-service", "payment-service"] if active else [])


def test_a_pause_that_has_waited_is_one_although_the_clocks_differ() -> None:
    mapping = {"UUID": "1", "State": "Disabled", "LastModified": datetime.now(UTC) - timedelta(seconds=150 - 4)}

    _writers([], mapping).check_paused("repaired")

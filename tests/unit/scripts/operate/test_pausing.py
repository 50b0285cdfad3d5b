"""What a pause holds, how long it waits, and when it is one, on AWS's services that do at once what they are told."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast
from unittest.mock import MagicMock, call

import pytest

from scripts.cli.errors import UserError
from scripts.cli.paths import REPO_ROOT
from scripts.deploy.target import Target
from scripts.operate.pausing import PauseSwitch
from tests.unit.conftest import make_deployment

_SCHEDULE = (REPO_ROOT / "infra" / "modules" / "eventbridge" / "schedule" / "main.tf").read_text()
_FUNCTIONS: dict[str, dict[str, object]] = {
    "order-service": {"name": "order", "queue": "order", "writes_commits": True, "timeout_seconds": 10},
    "parcel-service": {"name": "parcel", "queue": "parcel", "writes_commits": True, "timeout_seconds": 20},
    "deadline-sweeper": {"name": "sweeper", "schedule": "sweep", "timeout_seconds": 30},
    "notification-service": {"name": "notification", "queue": "notification", "timeout_seconds": 40},
    "event-relay": {"name": "relay", "timeout_seconds": 50},
    "parcel-service-api": {"name": "parcel-api", "serves": True, "writes_commits": True, "timeout_seconds": 10},
    "search-service-api": {"name": "search-api", "serves": True},
}


class _World:
    def __init__(self, *, mapping: Mapping[str, object] | None = None, rule: str = "DISABLED") -> None:
        """Each function has one mapping, of its own name unless it is given, and each rule is in that state."""
        self.slept: list[float] = []
        self.functions, self.events = MagicMock(), MagicMock()
        self.functions.list_event_source_mappings.side_effect = lambda FunctionName: {  # noqa: N803 - boto3's name
            "EventSourceMappings": [mapping or {"UUID": FunctionName, "State": self._state()}]
            if not FunctionName.endswith("-api")
            else []
        }
        self.functions.get_function_concurrency.return_value = {"ReservedConcurrentExecutions": 0}
        self.events.describe_rule.return_value = {"State": rule}

    def switch(self, functions: Mapping[str, dict[str, object]] = _FUNCTIONS, *, is_local: bool = False) -> PauseSwitch:
        clients = {"lambda": self.functions, "events": self.events}
        target = cast("Target", SimpleNamespace(client=clients.__getitem__, is_local=is_local))
        return PauseSwitch(target, make_deployment(functions=functions), sleep=self.slept.append)

    def switched(self) -> list[str]:
        """The mappings that were last told something, which is done at once."""
        return [told.kwargs["UUID"] for told in self.functions.update_event_source_mapping.call_args_list]

    def _state(self) -> str:
        told = self.functions.update_event_source_mapping.call_args
        return "Enabled" if told and told.kwargs["Enabled"] else "Disabled"


def test_a_pause_holds_every_queue_of_a_function_that_writes_commits_and_every_schedule() -> None:
    world = _World()

    world.switch().pause()

    assert world.switched() == ["order", "parcel"]
    assert world.events.mock_calls == [call.disable_rule(Name="sweep")]


def test_what_was_paused_is_resumed() -> None:
    world = _World()

    world.switch().resume()

    assert world.switched() == ["order", "parcel"]
    assert world.events.mock_calls == [call.enable_rule(Name="sweep")]


def test_schedules_are_paused_first_and_resumed_last_and_routes_are_paused_before_mappings() -> None:
    """By how old the mappings' change is a pause knows that nothing of a schedule or a route is under way."""
    world, told = _World(), MagicMock()
    told.attach_mock(world.functions.update_event_source_mapping, "mapping")
    told.attach_mock(world.functions.put_function_concurrency, "stop")
    told.attach_mock(world.functions.delete_function_concurrency, "start")
    told.attach_mock(world.events, "events")

    world.switch().pause()
    world.switch().resume()

    paused = ["events.disable_rule", "stop", "mapping", "mapping"]
    assert [name for name, _, _ in told.mock_calls] == [*paused, "mapping", "mapping", "start", "events.enable_rule"]


def test_a_pause_stops_the_functions_behind_routes_that_write_commits() -> None:
    world = _World()

    world.switch().pause()
    world.switch().resume()

    stopped = world.functions.put_function_concurrency.call_args_list
    assert stopped == [call(FunctionName="parcel-api", ReservedConcurrentExecutions=0)]
    assert world.functions.delete_function_concurrency.call_args_list == [call(FunctionName="parcel-api")]


@pytest.mark.parametrize("concurrency", [{}, {"ReservedConcurrentExecutions": 2}])
def test_a_function_behind_routes_that_may_run_is_active(concurrency: dict[str, int]) -> None:
    mapping = {"UUID": "1", "State": "Disabled", "LastModified": datetime.now(UTC) - timedelta(hours=1)}
    world = _World(mapping=mapping)
    world.functions.get_function_concurrency.return_value = concurrency

    assert world.switch().active() == ["parcel-service-api"]


def test_a_function_that_writes_commits_and_that_no_pause_could_hold_is_refused() -> None:
    functions = _FUNCTIONS | {"cart-service-trigger": {"writes_commits": True}}

    with pytest.raises(UserError, match="cart-service-trigger can be paused by no queue's mapping, by no schedule"):
        _World().switch(functions)


@pytest.mark.parametrize("is_local", [True, False])
def test_a_pause_waits_for_the_slowest_function_and_on_aws_for_as_long_as_a_tick_may_live(*, is_local: bool) -> None:
    ages = [int(age) for age in re.findall(r"maximum_event_age_in_seconds += (\d+)", _SCHEDULE)]
    assert len(ages) == 2
    world = _World()

    world.switch(is_local=is_local).pause()

    assert world.slept == [30 if is_local else 30 + sum(ages)]


@pytest.mark.parametrize(
    ("state", "seconds_ago", "active"),
    [("Enabled", 1000, True), ("Disabling", 1000, True), ("Disabled", 1000, False), ("Disabled", 100, True)],
)
def test_what_was_paused_so_lately_that_it_may_still_write_is_active(
    state: str, seconds_ago: int, *, active: bool
) -> None:
    mapping = {"UUID": "1", "State": state, "LastModified": datetime.now(UTC) - timedelta(seconds=seconds_ago)}

    found = _World(mapping=mapping).switch().active()

    assert found == (["order-service", "parcel-service"] if active else [])


def test_a_schedule_that_is_not_disabled_is_active() -> None:
    mapping = {"UUID": "1", "State": "Disabled", "LastModified": datetime.now(UTC) - timedelta(hours=1)}

    assert _World(mapping=mapping, rule="ENABLED").switch().active() == ["deadline-sweeper"]


def test_a_pause_that_has_waited_is_one_although_the_clocks_differ() -> None:
    mapping = {"UUID": "1", "State": "Disabled", "LastModified": datetime.now(UTC) - timedelta(seconds=150 - 4)}

    _World(mapping=mapping).switch().check_paused("nothing was repaired")

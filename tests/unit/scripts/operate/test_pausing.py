"""What a pause holds, how long it waits, and when it is one, on AWS's services that do at once what they are told."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast
from unittest.mock import MagicMock, call

import pytest

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
    "cart-service-api": {"name": "cart-api", "writes_commits": True, "timeout_seconds": 25},
    "metrics-service": {"name": "metrics", "timeout_seconds": 60},
}


class _World:
    def __init__(
        self, *, mapping: Mapping[str, object] | None = None, rule: str = "DISABLED", reserved: int | None = 0
    ) -> None:
        """All functions with a queue have a mapping, of their own name unless it is given; all rules are in that state.

        For all functions as much concurrency is reserved.
        """
        self.slept: list[float] = []
        self.functions, self.events = MagicMock(), MagicMock()
        self.reserved: dict[str, int | None] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self._queued: set[object] = set()
        self._reserved_at_first = reserved
        self.functions.get_function.side_effect = self._function
        self.functions.put_function_concurrency.side_effect = self.reserve
        self.functions.delete_function_concurrency.side_effect = self.reserve
        self.functions.tag_resource.side_effect = lambda Resource, Tags: self._tags(Resource).update(Tags)  # noqa: N803
        self.functions.untag_resource.side_effect = self._untag
        self.functions.list_event_source_mappings.side_effect = lambda FunctionName: {  # noqa: N803 - boto3's name
            "EventSourceMappings": [mapping or {"UUID": FunctionName, "State": self._state()}]
            if FunctionName in self._queued
            else []
        }
        self.events.describe_rule.return_value = {"State": rule}

    def switch(self, functions: Mapping[str, dict[str, object]] = _FUNCTIONS, *, is_local: bool = False) -> PauseSwitch:
        self._queued = {function["name"] for function in functions.values() if function.get("queue")}
        clients = {"lambda": self.functions, "events": self.events}
        target = cast("Target", SimpleNamespace(client=clients.__getitem__, is_local=is_local))
        return PauseSwitch(target, make_deployment(functions=functions), sleep=self.slept.append)

    def switched(self) -> list[str]:
        """The mappings that were last told something, which is done at once."""
        return [told.kwargs["UUID"] for told in self.functions.update_event_source_mapping.call_args_list]

    def _function(self, FunctionName: str) -> Mapping[str, object]:  # noqa: N803 - boto3's name
        reserved = self.reserved.get(FunctionName, self._reserved_at_first)
        return {
            "Configuration": {"FunctionName": FunctionName, "FunctionArn": f"arn:{FunctionName}"},
            "Tags": dict(self._tags(f"arn:{FunctionName}")),
        } | ({} if reserved is None else {"Concurrency": {"ReservedConcurrentExecutions": reserved}})

    def reserve(self, FunctionName: str, ReservedConcurrentExecutions: int | None = None) -> None:  # noqa: N803
        self.reserved[FunctionName] = ReservedConcurrentExecutions

    def _tags(self, arn: str) -> dict[str, str]:
        return self.tags.setdefault(arn, {})

    def _untag(self, Resource: str, TagKeys: list[str]) -> None:  # noqa: N803 - boto3's names
        for key in TagKeys:
            del self.tags[Resource][key]

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


def test_what_no_queue_and_no_schedule_holds_is_not_invoked_until_it_is_resumed() -> None:
    world = _World(reserved=None)

    world.switch().pause()
    assert world.reserved == {"cart-api": 0}

    world.switch().resume()
    assert world.reserved == {"cart-api": None}


@pytest.mark.parametrize("reserved", [5, 0])
def test_what_was_reserved_for_it_is_reserved_again_although_it_was_paused_twice(reserved: int) -> None:
    world = _World(reserved=reserved)

    world.switch().pause()
    world.switch().pause()
    world.switch().resume()

    assert world.reserved == {"cart-api": reserved}
    assert not any(world.tags.values())


def test_a_pause_that_was_interrupted_and_repeated_knows_what_to_restore() -> None:
    world = _World(reserved=5)
    world.functions.put_function_concurrency.side_effect = KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        world.switch().pause()
    world.functions.put_function_concurrency.side_effect = world.reserve

    world.switch().pause()
    assert world.reserved == {"cart-api": 0}

    world.switch().resume()
    assert world.reserved == {"cart-api": 5}


@pytest.mark.parametrize("by_hand", [None, 0])
def test_what_an_apply_or_a_hand_has_set_is_not_touched_by_a_resume(by_hand: int | None) -> None:
    world = _World(reserved=by_hand)

    world.switch().resume()

    assert world.reserved == {}


def test_schedules_and_callers_are_paused_first_and_resumed_last() -> None:
    """By how old the mappings' change is a pause knows that nothing of a schedule or a caller is under way."""
    world, told = _World(reserved=None), MagicMock()
    told.attach_mock(world.functions.update_event_source_mapping, "mapping")
    told.attach_mock(world.functions.put_function_concurrency, "refuse")
    told.attach_mock(world.functions.delete_function_concurrency, "accept")
    told.attach_mock(world.events, "events")

    world.switch().pause()
    world.switch().resume()

    mappings = ["mapping"] * 2
    order = ["events.disable_rule", "refuse", *mappings, *mappings, "accept", "events.enable_rule"]
    assert [name for name, _, _ in told.mock_calls] == order


@pytest.mark.parametrize("serves", [True, False])
@pytest.mark.parametrize("queue", ["cart", None])
@pytest.mark.parametrize("schedule", ["clearing", None])
def test_whatever_starts_a_function_that_writes_commits_a_pause_holds_it(
    queue: str | None, schedule: str | None, *, serves: bool
) -> None:
    """A trigger that begins to commit needs no change here."""
    writer: dict[str, object] = {
        "name": "trigger",
        "queue": queue,
        "schedule": schedule,
        "serves": serves,
        "writes_commits": True,
    }
    world = _World()
    switch = world.switch(_FUNCTIONS | {"customer-service-trigger": writer})

    switch.pause()

    assert (call.disable_rule(Name="clearing") in world.events.mock_calls) == bool(schedule)
    assert ("trigger" in world.switched()) or not queue
    assert (world.reserved.get("trigger") == 0) == (serves or not (queue or schedule))


@pytest.mark.parametrize("is_local", [True, False])
def test_a_pause_waits_for_the_slowest_function_and_on_aws_for_as_long_as_a_tick_may_live(*, is_local: bool) -> None:
    ages = [int(age) for age in re.findall(r"maximum_event_age_in_seconds += (\d+)", _SCHEDULE)]
    assert len(ages) == 2
    world = _World()

    world.switch(is_local=is_local).pause()

    assert world.slept == [30 if is_local else 30 + sum(ages)]


@pytest.mark.parametrize(("reserved", "active"), [(None, True), (5, True), (0, False)])
def test_a_function_that_may_still_be_invoked_is_active(reserved: int | None, *, active: bool) -> None:
    mapping = {"UUID": "1", "State": "Disabled", "LastModified": datetime.now(UTC) - timedelta(hours=1)}

    found = _World(mapping=mapping, reserved=reserved).switch().active()

    assert found == (["cart-service-api"] if active else [])


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

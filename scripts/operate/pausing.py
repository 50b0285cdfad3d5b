"""Pause and resume the functions that write commits, so that the tables stand still for a repair."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.outputs import Function
from scripts.deploy.target import Target
from scripts.deploy.turns import one_at_a_time
from scripts.operate.invocations import Invocations
from scripts.operate.mappings import Mappings

if TYPE_CHECKING:
    from types_boto3_lambda.type_defs import EventSourceMappingConfigurationTypeDef

# How long EventBridge tries to hand a tick over, and Lambda to begin with it: infra/modules/eventbridge/schedule.
_TICK_SECONDS = 60 + 60
# How far this machine's clock may be behind AWS's.
_CLOCK_SECONDS = 5


class PauseSwitch:
    """All that starts a function that writes commits: its queues' mappings, its callers, and every schedule.

    A schedule may start such a function through a queue. A function with routes, or with neither a queue nor a
    schedule, is started by its callers, whom no switch of ours stops: its invocations are refused.
    """

    def __init__(self, target: Target, deployment: Deployment, sleep: Callable[[float], None] = time.sleep) -> None:
        self._events = target.client("events")
        functions = deployment.functions
        writing = [service for service, function in functions.items() if function.writes_commits]
        called = [service for service in writing if _is_called(functions[service])]
        self._schedules = {service: rule for service, function in functions.items() if (rule := function.schedule)}
        self._invocations = Invocations(target, deployment, called)
        self._mappings = Mappings(target, deployment, writing)
        self._timeout_seconds = max(functions[service].timeout_seconds for service in (*writing, *self._schedules))
        self._tick_seconds = 0 if target.is_local else _TICK_SECONDS
        self._sleep = sleep

    def pause(self) -> None:
        """Return once no earlier invocation can still write."""
        for rule in self._schedules.values():
            self._events.disable_rule(Name=rule)
        self._invocations.refuse()
        self._mappings.switch(enabled=False)
        seconds = self._seconds_under_way()
        with out.status(f"waiting {seconds} s for invocations under way"):
            self._sleep(seconds)

    def resume(self) -> None:
        """Schedules come last, so that payments made during the pause are settled before orders are swept."""
        self._mappings.switch(enabled=True)
        self._invocations.accept()
        for rule in self._schedules.values():
            self._events.enable_rule(Name=rule)

    def check_paused(self, consequence: str) -> None:
        """Raise UserError where a function may be writing; `consequence` begins its message: `nothing was repaired`."""
        if active := ", ".join(self.active()):
            raise UserError(f"{consequence}: {active} may be writing. First `invoke pause`, then again")

    def active(self) -> list[str]:
        """Name the services that are not paused, or so lately that an invocation may be under way, as after a Ctrl-C.

        A pause stops schedules and callers first, so no invocation of theirs is younger than the mappings' change.
        """
        ended = datetime.now(UTC) - timedelta(seconds=self._seconds_under_way() - _CLOCK_SECONDS)
        active = [service for service, mapping in self._mappings.of_each() if not _stands_still(mapping, ended)]
        active += self._invocations.accepted()
        return active + [
            service
            for service, rule in self._schedules.items()
            if self._events.describe_rule(Name=rule)["State"] == "ENABLED"
        ]

    def _seconds_under_way(self) -> int:
        """How long an invocation from before the pause may still write."""
        return self._tick_seconds + self._timeout_seconds


def _is_called(function: Function) -> bool:
    return function.serves or not (function.queue or function.schedule)


def _stands_still(mapping: "EventSourceMappingConfigurationTypeDef", ended: datetime) -> bool:
    # https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html: or when its state changed.
    return mapping["State"] == "Disabled" and mapping["LastModified"] <= ended


@one_at_a_time
def pause(target: Target) -> None:
    PauseSwitch(target, Deployment.of(target)).pause()
    out.print(
        "paused: until `invoke resume` orders wait in their queues, the shop API refuses every request, and nobody can "
        "sign in"
    )


@one_at_a_time
def resume(target: Target) -> None:
    PauseSwitch(target, Deployment.of(target)).resume()
    out.print("resumed")

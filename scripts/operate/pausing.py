"""Pause and resume the functions that write commits, so that the tables stand still for a repair."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.deploy.turns import one_at_a_time
from scripts.operate.mappings import Mappings

if TYPE_CHECKING:
    from types_boto3_lambda.type_defs import EventSourceMappingConfigurationTypeDef

# How long EventBridge tries to hand a tick over, and Lambda to begin with it: infra/modules/eventbridge/schedule.
_TICK_SECONDS = 60 + 60
# How far this machine's clock may be behind AWS's.
_CLOCK_SECONDS = 5


class PauseSwitch:
    """All that invokes a function that writes commits: event source mappings, routes, and every schedule.

    Raises UserError where such a function has none of these, so that no pause could hold it.
    """

    def __init__(self, target: Target, deployment: Deployment, sleep: Callable[[float], None] = time.sleep) -> None:
        self._events, self._lambda = target.client("events"), target.client("lambda")
        functions = deployment.functions
        writing = {service: function for service, function in functions.items() if function.writes_commits}
        if beyond := [name for name, each in writing.items() if not (each.queue or each.schedule or each.serves)]:
            raise UserError(f"{', '.join(beyond)} can be paused by no queue's mapping, by no schedule and by no route")
        self._served = {service: function.name for service, function in writing.items() if function.serves}
        self._schedules = {service: rule for service, function in functions.items() if (rule := function.schedule)}
        self._mappings = Mappings(target, deployment, [*writing])
        self._timeout_seconds = max(functions[service].timeout_seconds for service in (*writing, *self._schedules))
        self._tick_seconds = 0 if target.is_local else _TICK_SECONDS
        self._sleep = sleep

    def pause(self) -> None:
        """Return once no earlier invocation can still write."""
        for rule in self._schedules.values():
            self._events.disable_rule(Name=rule)
        for function in self._served.values():
            self._lambda.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
        self._mappings.switch(enabled=False)
        seconds = self._seconds_under_way()
        with out.status(f"waiting {seconds} s for invocations under way"):
            self._sleep(seconds)

    def resume(self) -> None:
        """Schedules come last, so that payments made during the pause are settled before orders are swept."""
        self._mappings.switch(enabled=True)
        for function in self._served.values():
            self._lambda.delete_function_concurrency(FunctionName=function)
        for rule in self._schedules.values():
            self._events.enable_rule(Name=rule)

    def check_paused(self, consequence: str) -> None:
        """Raise UserError where a function may be writing; `consequence` begins its message: `nothing was repaired`."""
        if active := ", ".join(self.active()):
            raise UserError(f"{consequence}: {active} may be writing. First `invoke pause`, then again")

    def active(self) -> list[str]:
        """Name the services that are not paused, or so lately that an invocation may be under way, as after a Ctrl-C.

        A pause stops schedules and routes first, so no invocation of theirs is younger than the mappings' change.
        """
        ended = datetime.now(UTC) - timedelta(seconds=self._seconds_under_way() - _CLOCK_SECONDS)
        active = [service for service, mapping in self._mappings.of_each() if not _stands_still(mapping, ended)]
        active += [service for service, function in self._served.items() if not self._is_stopped(function)]
        return active + [
            service
            for service, rule in self._schedules.items()
            if self._events.describe_rule(Name=rule)["State"] == "ENABLED"
        ]

    def _is_stopped(self, function: str) -> bool:
        reserved = self._lambda.get_function_concurrency(FunctionName=function).get("ReservedConcurrentExecutions")
        return reserved == 0

    def _seconds_under_way(self) -> int:
        """How long an invocation from before the pause may still write."""
        return self._tick_seconds + self._timeout_seconds


def _stands_still(mapping: "EventSourceMappingConfigurationTypeDef", ended: datetime) -> bool:
    # https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html: or when its state changed.
    return mapping["State"] == "Disabled" and mapping["LastModified"] <= ended


@one_at_a_time
def pause(target: Target) -> None:
    PauseSwitch(target, Deployment.of(target)).pause()
    out.print("paused until `invoke resume`: orders wait in their queues, and the APIs of services that write refuse")


@one_at_a_time
def resume(target: Target) -> None:
    PauseSwitch(target, Deployment.of(target)).resume()
    out.print("resumed")

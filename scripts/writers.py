"""Pause and resume whatever writes commits, so that the tables stand still for a repair."""

import time
from collections.abc import Callable, Iterator

from scripts.console import out
from scripts.deployment import Deployment
from scripts.errors import UserError
from scripts.target import Target

_WRITERS = ("order-service", "payment-service")
_POLL_SECONDS = 0.5
_TIMEOUT_SECONDS = 180
# How long EventBridge tries to hand a tick over, and Lambda to begin with it: infra/modules/eventbridge/schedule.
_TICK_SECONDS = 60 + 60


class Writers:
    """The queues' event source mappings of the services, and the sweeper's schedule."""

    def __init__(self, target: Target, deployment: Deployment, sleep: Callable[[float], None] = time.sleep) -> None:
        self._lambda = target.client("lambda")
        self._events = target.client("events")
        self._deployment = deployment
        self._tick_seconds = 0 if target.is_local else _TICK_SECONDS
        self._sleep = sleep

    def pause(self) -> None:
        """Return once no invocation that was asked for before can still write."""
        self._events.disable_rule(Name=self._deployment.reservation_sweep_rule_name)
        self._switch_mappings(enabled=False)
        names = [self._deployment.function_names[service] for service in (*_WRITERS, "reservation-sweeper")]
        timeouts = [self._lambda.get_function_configuration(FunctionName=name)["Timeout"] for name in names]
        seconds = self._tick_seconds + max(timeouts)
        with out.status(f"waiting {seconds} s for invocations under way"):
            self._sleep(seconds)

    def resume(self) -> None:
        """The sweeper comes last: what was paid for during the pause is settled before it is swept, if it can be."""
        self._switch_mappings(enabled=True)
        self._events.enable_rule(Name=self._deployment.reservation_sweep_rule_name)

    def active(self) -> list[str]:
        """Name what is not paused."""
        active = [service for service, _, state in self._mappings() if state != "Disabled"]
        rule = self._events.describe_rule(Name=self._deployment.reservation_sweep_rule_name)
        return [*active, *(["reservation-sweeper"] if rule["State"] == "ENABLED" else [])]

    def _switch_mappings(self, *, enabled: bool) -> None:
        for _, uuid, _ in self._mappings():
            self._lambda.update_event_source_mapping(UUID=uuid, Enabled=enabled)
        wanted = "Enabled" if enabled else "Disabled"
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while any(state != wanted for _, _, state in self._mappings()):
            if time.monotonic() > deadline:
                raise UserError(f"the mappings are not {wanted.lower()} after {_TIMEOUT_SECONDS} s; try again")
            self._sleep(_POLL_SECONDS)

    def _mappings(self) -> Iterator[tuple[str, str, str]]:
        """Yield service, id and state."""
        for service in _WRITERS:
            name = self._deployment.function_names[service]
            for mapping in self._lambda.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
                yield service, mapping["UUID"], mapping["State"]


def pause(target: Target) -> None:
    Writers(target, Deployment.of(target)).pause()
    out.print("paused: orders wait in their queues until `invoke resume`")


def resume(target: Target) -> None:
    Writers(target, Deployment.of(target)).resume()
    out.print("resumed")

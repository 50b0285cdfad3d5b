"""The event source mappings of some services: listed, and switched off and on."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from scripts.cli.errors import UserError
from scripts.cli.waiting import wait_until
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target

if TYPE_CHECKING:
    from types_boto3_lambda.type_defs import EventSourceMappingConfigurationTypeDef

_POLL_SECONDS = 0.5
_TIMEOUT_SECONDS = 180


class Mappings:
    def __init__(self, target: Target, deployment: Deployment, services: Sequence[str]) -> None:
        self._lambda = target.client("lambda")
        self._deployment = deployment
        self._services = services

    def of_each(self) -> "Iterator[tuple[str, EventSourceMappingConfigurationTypeDef]]":
        """Yield each mapping with its service."""
        for service in self._services:
            name = self._deployment.functions[service].name
            for mapping in self._lambda.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
                yield service, mapping

    def switch(self, *, enabled: bool) -> None:
        """Return once all are switched; raise UserError where that takes too long."""
        for _, mapping in self.of_each():
            self._lambda.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)
        wanted = "Enabled" if enabled else "Disabled"
        if not wait_until(lambda: self._all_are(wanted), _TIMEOUT_SECONDS, _POLL_SECONDS):
            raise UserError(f"the mappings are not {wanted.lower()} after {_TIMEOUT_SECONDS} s; try again")

    def _all_are(self, state: str) -> bool:
        return all(mapping["State"] == state for _, mapping in self.of_each())

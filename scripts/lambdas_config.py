"""The functions: each `handler.py`, `api.py` and `trigger.py` of a service is one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

from scripts.cli.paths import REPO_ROOT
from services.libs.runtime.function_name import function_name

_ENTRIES = ("handler.py", "api.py", "trigger.py")
"""What comes by queues, a stream or a schedule; what comes by routes; what Cognito asks."""

NO_WORK: Mapping[str, object] = {
    "Records": [],
    "version": "2.0",
    "rawPath": "/",
    "headers": {},
    "requestContext": {"http": {"method": "GET"}},
    "request": {"userAttributes": {"custom:customer_id": "c-nobody"}},
}
"""An event that any function accepts, with no work in it."""


@dataclass(frozen=True)
class LambdaConfig:
    name: str
    """The name of its zip, such as order_service."""
    handler: str

    @property
    def module(self) -> str:
        return self.handler.rpartition(".")[0]

    @property
    def function(self) -> str:
        """Its name in the map of what is deployed, such as order-service."""
        return function_name(self.module)

    @property
    def service(self) -> str:
        """The service that it is a part of, such as order-service."""
        return self.module.split(".")[1].replace("_", "-")

    @property
    def serves(self) -> bool:
        """Whether requests come to it by routes of the shop API."""
        return self.module.endswith(".api")

    def load(self) -> ModuleType:
        return import_module(self.module)


def find(root: Path) -> Iterator[LambdaConfig]:
    """Yield the functions of a source tree, sorted by name."""
    files = (file for entry in _ENTRIES for file in Path(root, "services").glob(f"*/{entry}"))
    for module in sorted(f"services.{file.parent.name}.{file.stem}" for file in files):
        yield LambdaConfig(function_name(module).replace("-", "_"), f"{module}.handler")


LAMBDAS = tuple(find(REPO_ROOT))

"""The routes of the shop API, as its document has them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from scripts.cli.paths import API_DOCUMENT

_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    operation: Mapping[str, Any]

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"

    def path_with(self, values: Mapping[str, str]) -> str:
        return _PARAMETER.sub(lambda match: values[match[1]], self.path)

    def requires(self, header: str) -> bool:
        parameters = self.operation.get("parameters", [])
        return any(one["name"] == header and one.get("required", False) for one in parameters)

    @property
    def has_body(self) -> bool:
        return "requestBody" in self.operation

    @property
    def needs_token(self) -> bool:
        return any("token" in one for one in self.operation["security"])


def every_route() -> dict[str, Route]:
    paths: dict[str, dict[str, Any]] = yaml.safe_load(API_DOCUMENT.read_text("utf-8"))["paths"]
    routes = [Route(method.upper(), path, one) for path, methods in paths.items() for method, one in methods.items()]
    return {route.key: route for route in routes}

"""The whole document: the routes of every service's `api.py` in one."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from scripts.check.api_document.links import add_links
from scripts.check.api_document.operations import (
    CARRIER_SIGNATURE,
    SCHEMA,
    TOKEN,
    Document,
    operation,
    problem_responses,
)
from scripts.cli.errors import UserError
from scripts.cli.paths import REPO_ROOT
from scripts.lambdas_config import LAMBDAS
from services.libs.http.problems import Problem
from services.libs.http.shop_api import Route, ShopApi
from services.libs.http.signatures import SIGNATURE_HEADER

_ENTRY = ".api"
_ABOUT = (
    "PulseQueue's shop: catalogue, carts and orders. An answer's `X-Correlation-Id` is the request's own, if that is 1 "
    "to 128 of `A-Z a-z 0-9 . _ -`, or a new one. docs/api.md has the rest: tokens, errors, repetitions and pages."
)
_SERVER = {
    "url": "https://{api}.execute-api.{region}.amazonaws.com/{env}",
    "variables": {
        "api": {"default": "api", "description": "The id of the API, an output of the deployment."},
        "region": {"default": "eu-west-2"},
        "env": {"default": "dev", "description": "The environment."},
    },
}
_SECURITY_SCHEMES = {
    TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token of the user pool. `staff` stands for its group.",
    },
    CARRIER_SIGNATURE: {
        "type": "apiKey",
        "in": "header",
        "name": SIGNATURE_HEADER,
        "description": '`t=<seconds since 1970>,v1=<HMAC-SHA256 of "<t>.<body>" in hex>`, of the last 300 seconds.',
    },
}
_GATEWAY_MESSAGE = {
    "type": "object",
    "description": "An answer of the gateway, before the request came to a service.",
    "properties": {"message": {"type": "string"}},
    "required": ["message"],
}
_OF_POWERTOOLS = {"HTTPValidationError", "ValidationError", "ResponseValidationError"}


def every_api() -> dict[str, ShopApi]:
    """The API of each service that has one, by its function's name; raise UserError for one without routes."""
    return {config.function: _declared(config.load()) for config in LAMBDAS if config.module.endswith(_ENTRY)}


def _declared(module: ModuleType) -> ShopApi:
    api = getattr(module, "api", None)
    if not isinstance(api, ShopApi):
        raise UserError(f"{module.__name__} has no `api = ShopApi()`: declare its routes there")
    return api


def document(apis: Mapping[str, ShopApi]) -> Document:
    """Raise UserError if two services have the same path, operation, or name for different models."""
    paths: Document = {}
    schemas: Document = _schemas_of(Problem) | {"GatewayMessage": _GATEWAY_MESSAGE}
    for function, api in apis.items():
        described = json.loads(api.resolver.get_openapi_json_schema(title=function, version=_version()))
        _add_paths(paths, api.routes, described["paths"])
        _add_schemas(schemas, function, described.get("components", {}).get("schemas", {}))
    _check_names(paths)
    add_links(paths)
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "PulseQueue", "version": _version(), "description": _ABOUT},
        "servers": [_SERVER],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": _SECURITY_SCHEMES,
            "headers": {"CorrelationId": {"schema": {"type": "string"}}},
            "responses": problem_responses(),
            "schemas": dict(sorted(schemas.items())),
        },
    }
    tidied: Document = _tidied(whole)
    return tidied | {"info": whole["info"]}


def _version() -> str:
    project: str = tomllib.loads((REPO_ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    return project


def _add_paths(paths: Document, routes: Iterable[Route], described: Document) -> None:
    for route in routes:
        method = route.method.lower()
        if method in paths.setdefault(route.path, {}):
            raise UserError(f"{route.key} is declared twice: each route belongs to one service")
        paths[route.path][method] = operation(route, described[route.path][method])


def _add_schemas(schemas: Document, function: str, described: Document) -> None:
    for name, schema in described.items():
        if name in _OF_POWERTOOLS:
            continue
        if name in schemas and schemas[name] != schema:
            raise UserError(f"{function}: there is another model {name} in the shop API: give one of them another name")
        schemas[name] = schema


def _check_names(paths: Document) -> None:
    names = [operation["operationId"] for path in paths.values() for operation in path.values()]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"operations of the same name: {', '.join(twice)}: rename the function of one")


def _schemas_of(model: type[BaseModel]) -> Document:
    schema: Document = model.model_json_schema(mode="serialization", ref_template=SCHEMA + "{model}")
    return {**schema.pop("$defs", {}), model.__name__: schema}


def _tidied(node: Any) -> Any:  # noqa: ANN401 - any JSON
    """Leave out titles, which only repeat a field's or a model's name, and write whole numbers as such."""
    if isinstance(node, list):
        return [_tidied(each) for each in node]
    if isinstance(node, dict):
        is_title = {"title"} if isinstance(node.get("title"), str) else set()
        return {name: _tidied(value) for name, value in node.items() if name not in is_title}
    return int(node) if isinstance(node, float) and node.is_integer() else node

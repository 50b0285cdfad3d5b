"""What is read off a plan in Terraform's JSON form."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Resource = Mapping[str, Any]


def resources_of(module: Mapping[str, Any]) -> Iterator[Resource]:
    """Give every resource's values, what is not known yet left out, with its address and type."""
    for resource in module.get("resources", []):
        yield resource.get("values", {}) | {"type": resource["type"], "address": resource["address"]}
    for child in module.get("child_modules", []):
        yield from resources_of(child)


def all_of(resources: Sequence[Resource], kind: str) -> list[Resource]:
    found = [resource for resource in resources if resource["type"] == kind]
    assert found, f"the plan has no {kind}"
    return found


def statements(policy: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = json.loads(policy)["Statement"]
    return found


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value

"""The configuration part of a plan: https://developer.hashicorp.com/terraform/internals/json-format#configuration-representation."""

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

Json: TypeAlias = Mapping[str, Any]


def module_of(plan: Json, module_address: str) -> Json:
    """Find a module by the address of one of its instances; empty where the plan holds no configuration."""
    module: Json = plan.get("configuration", {}).get("root_module", {})
    for name in re.findall(r"module\.([^.\[]+)", module_address):
        module = module.get("module_calls", {}).get(name, {}).get("module", {})
    return module


def expressions_of(plan: Json, entry: Json) -> Json:
    """Give what the configuration sets of the resource in this entry of the plan, by attribute and block."""
    resources = module_of(plan, entry.get("module_address", "")).get("resources", ())
    same = (each for each in resources if (each["type"], each["name"]) == (entry["type"], entry["name"]))
    return next((each.get("expressions", {}) for each in same), {})


def is_computed(expressions: Json, path: str) -> bool:
    """Whether the provider sets an unknown value by itself, as far as can be seen: dynamic blocks are not listed."""
    name, _, rest = path.partition(".")
    name = name.partition("[")[0]
    if name not in expressions:
        return not rest
    blocks = expressions[name]
    return isinstance(blocks, list) and bool(rest) and all(is_computed(block, rest) for block in blocks)

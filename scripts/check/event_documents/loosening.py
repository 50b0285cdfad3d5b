"""The content that one JSON Schema allows beyond another, for the keywords that pydantic writes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Node: TypeAlias = Mapping[str, Any]

FIELD, REQUIRED, VALUE, TYPE = "field", "required", "value", "type"
"""Rules beside the keywords of JSON Schema: a field is not listed, is optional, has one more value."""

_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_HANDLED = {
    *_UPPER,
    *_LOWER,
    *("type", "properties", "required", "items", "additionalProperties", "enum", "const", "anyOf", "oneOf", "default"),
}
_ANNOTATIONS = {"title", "description", "examples", "deprecated", "$schema", "$comment", "discriminator"}
_ANY = "anything"


@dataclass(frozen=True, slots=True)
class Loosening:
    """One difference; `strict` and `loose` are the limits of the two schemas, None without a limit."""

    path: str
    rule: str
    strict: object = None
    loose: object = None


def loosenings(strict: Node, loose: Node, path: str = "") -> Iterator[Loosening]:
    """Compare two schemas without `$ref`: find the content that `loose` allows and `strict` does not.

    Unlisted fields are always allowed; a listed field that is gone is a difference all the same.
    """
    stricts, looses = _alternatives(strict), _alternatives(loose)
    lacks_type = False
    for each in looses:
        if counterparts := [other for other in stricts if _covers(_types(other), _types(each))]:
            # Take the counterpart with the fewest differences: none, if one of them allows it.
            yield from min((list(_in_one(other, each, path)) for other in counterparts), key=len)
        else:
            lacks_type = True
    if lacks_type:
        yield Loosening(path, TYPE, _type_text(stricts), _type_text(looses))


def _alternatives(node: Node) -> list[Node]:
    found: list[Node] = node.get("anyOf") or node.get("oneOf") or [node]
    return found


def _in_one(strict: Node, loose: Node, path: str) -> Iterator[Loosening]:
    yield from _in_values(strict, loose, path)
    yield from _in_limits(strict, loose, path)
    yield from _in_fields(strict, loose, path)
    for keyword, place in (("items", "[]"), ("additionalProperties", "{}")):
        if keyword in strict or keyword in loose:
            yield from loosenings(_schema(strict.get(keyword)), _schema(loose.get(keyword)), path + place)


def _types(node: Node) -> set[str]:
    named = node.get("type", _ANY)
    return {named} if isinstance(named, str) else set(named)


def _type_text(alternatives: Iterable[Node]) -> str:
    return " or ".join(sorted(set().union(*map(_types, alternatives))))


def _covers(strict: set[str], loose: set[str]) -> bool:
    return _ANY in strict or all(each in strict or (each == "integer" and "number" in strict) for each in loose)


def _schema(node: object) -> Node:
    """Write out the schemas that `true`, `false` and a missing keyword stand for."""
    if isinstance(node, Mapping):
        return node
    return {"not": {}} if node is False else {}


def _in_values(strict: Node, loose: Node, path: str) -> Iterator[Loosening]:
    allowed, now = _values(strict), _values(loose)
    if allowed is not None and now is None:
        yield Loosening(path, TYPE, f"one of {', '.join(map(str, allowed))}", _ANY)
    elif allowed is not None and now is not None:
        yield from (Loosening(path, VALUE, loose=value) for value in now if value not in allowed)
    if "default" in strict and "default" in loose and strict["default"] != loose["default"]:
        yield Loosening(path, "default", strict["default"], loose["default"])


def _values(node: Node) -> list[object] | None:
    return [node["const"]] if "const" in node else node.get("enum")


def _in_limits(strict: Node, loose: Node, path: str) -> Iterator[Loosening]:
    for keyword in (*_UPPER, *_LOWER):
        limit, other = strict.get(keyword), loose.get(keyword)
        if limit is not None and (other is None or (other > limit if keyword in _UPPER else other < limit)):
            yield Loosening(path, keyword, limit, other)
    # Of two different patterns, formats or unknown keywords, neither is the stricter for certain.
    for keyword in sorted(strict.keys() - _HANDLED - _ANNOTATIONS):
        if strict[keyword] != loose.get(keyword):
            yield Loosening(path, keyword, strict[keyword], loose.get(keyword))


def _in_fields(strict: Node, loose: Node, path: str) -> Iterator[Loosening]:
    fields: Mapping[str, Node] = loose.get("properties", {})
    required = set(strict.get("required", []))
    for name, field in strict.get("properties", {}).items():
        place = f"{path}.{name}" if path else name
        if name not in fields:
            yield Loosening(place, FIELD, REQUIRED if name in required else None)
            continue
        if name in required and name not in loose.get("required", []):
            yield Loosening(place, REQUIRED)
        yield from loosenings(field, fields[name], place)

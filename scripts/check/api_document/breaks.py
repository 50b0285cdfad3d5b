"""The breaking changes of the API against the committed document.

A client may send everything that the document says, and relies on every answer that it describes. New routes, optional
parameters, optional fields of requests, fields of answers and error statuses break no client.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from scripts.check.api_document.operations import Document
from scripts.check.event_documents.loosening import FIELD, REQUIRED, TYPE, VALUE, Loosening, Node, loosenings

Requirement: TypeAlias = Mapping[str, Sequence[str]]
"""Security schemes, each with the roles that it needs."""

_JSON = "application/json"
_ERRORS = 400
_IN_ANSWERS = {FIELD: "is removed", REQUIRED: "may be missing", VALUE: "may be {}, which is new"}
_IN_REQUESTS = {FIELD: "is new, and required", REQUIRED: "is required now", VALUE: "may no longer be {}"}


def find_breaks(committed: Document, declared: Document) -> list[str]:
    """One line per change: the operation, and what a client would meet."""
    before, now = _operations(committed), _operations(declared)
    found: list[str] = []
    for key, operation in before.items():
        changes = list(_in_operation(operation, now[key])) if key in now else ["the operation is removed"]
        found += [f"{key}: {change}" for change in changes]
    return found


def _operations(document: Document) -> dict[str, Document]:
    parts = {
        f"#/components/{kind}/{name}": part
        for kind, named in document.get("components", {}).items()
        for name, part in named.items()
    }
    return {
        f"{method.upper()} {path}": _resolved(operation, parts)
        for path, methods in document.get("paths", {}).items()
        for method, operation in methods.items()
    }


def _in_operation(before: Document, now: Document) -> Iterator[str]:
    if before["operationId"] != now["operationId"]:
        yield f"the operation {before['operationId']} is named {now['operationId']}"
    if not _admits(now["security"], before["security"]):
        yield f"callers: {_callers(before)} before, {_callers(now)} now"
    yield from _in_parameters(_parameters(before), _parameters(now))
    yield from _in_body(before.get("requestBody"), now.get("requestBody"))
    yield from _in_answers(before["responses"], now["responses"])


def _admits(now: Sequence[Requirement], before: Sequence[Requirement]) -> bool:
    """Whether all who were admitted still are; without a requirement everyone is."""
    return not now or all(any(_suffices(each, needed) for needed in now) for each in before or [{}])


def _suffices(given: Requirement, needed: Requirement) -> bool:
    return all(scheme in given and set(roles) <= set(given[scheme]) for scheme, roles in needed.items())


def _callers(operation: Document) -> str:
    return " or ".join(str(each) for each in operation["security"]) or "everyone"


def _parameters(operation: Document) -> dict[str, Document]:
    return {each["name"]: each for each in operation.get("parameters", [])}


def _in_parameters(before: Mapping[str, Document], now: Mapping[str, Document]) -> Iterator[str]:
    for name, parameter in now.items():
        if parameter.get("required") and not before.get(name, {}).get("required"):
            yield f"{name} {'is required now' if name in before else 'is new, and required'}"
    for name, parameter in before.items():
        if name not in now:
            yield f"{name} is removed"
        else:
            yield from _narrowed(parameter["schema"], now[name]["schema"], name)


def _in_body(before: Document | None, now: Document | None) -> Iterator[str]:
    if before is None and now and now.get("required"):
        yield "a body is required now"
    if before and now is None:
        yield "the body is removed"
    if before and now:
        yield from _narrowed(before["content"][_JSON]["schema"], now["content"][_JSON]["schema"], "")


def _narrowed(before: Node, now: Node, path: str) -> Iterator[str]:
    for change in loosenings(strict=now, loose=before, path=path):
        # An optional field asks nothing of a client.
        if change.rule != FIELD or change.strict == REQUIRED:
            yield _text(change, _IN_REQUESTS, change.loose, change.strict)
    yield from (f"{field} is removed" for field in _refused(before, now, path))


def _refused(before: Node, now: Node, path: str) -> Iterator[str]:
    """Fields that were taken, and are now unknown and refused."""
    fields, left = before.get("properties", {}), now.get("properties", {})
    for name, field in fields.items():
        place = f"{path}.{name}" if path else name
        if name in left:
            yield from _refused(field, left[name], place)
        elif now.get("additionalProperties") is False:
            yield place
    if "items" in before and "items" in now:
        yield from _refused(before["items"], now["items"], f"{path}[]")


def _in_answers(before: Document, now: Document) -> Iterator[str]:
    for status, answer in before.items():
        if status not in now:
            if int(status) < _ERRORS:
                yield f"it no longer answers {status}"
            continue
        for media_type in answer.get("content", {}).keys() & now[status].get("content", {}).keys():
            old, new = (each["content"][media_type]["schema"] for each in (answer, now[status]))
            for change in loosenings(strict=old, loose=new):
                yield f"{status}: {_text(change, _IN_ANSWERS, change.strict, change.loose)}"


def _text(change: Loosening, texts: Mapping[str, str], before: object, now: object) -> str:
    if text := texts.get(change.rule):
        return f"{change.path} {text.format(change.loose)}"
    subject = change.path if change.rule == TYPE else f"{change.path}: {change.rule}"
    was, is_now = ("not limited" if value is None else value for value in (before, now))
    return f"{subject} was {was}, is {is_now}"


def _resolved(node: Any, parts: Document, within: tuple[str, ...] = ()) -> Any:  # noqa: ANN401 - any JSON
    """The same with each `$ref` replaced by the part that it names; a part within itself is not followed."""
    if isinstance(node, list):
        return [_resolved(each, parts, within) for each in node]
    if not isinstance(node, dict):
        return node
    here = {name: _resolved(value, parts, within) for name, value in node.items() if name != "$ref"}
    name = node.get("$ref")
    if name in parts and name not in within:
        return _resolved(parts[name], parts, (*within, name)) | here
    return here

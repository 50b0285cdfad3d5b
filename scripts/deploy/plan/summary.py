"""A review in short: changes that are alike are one entry, so that a first deployment is read in a minute."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from scripts.deploy.plan.exposure import ROUTES
from scripts.deploy.plan.model import Action, AttributeChange, ResourceChange, Review
from scripts.deploy.plan.services import service_of

SYMBOLS = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "±",
    Action.DESTROY: "-",
    Action.FORGET: "forget",
    Action.MOVE: "move",
    Action.IMPORT: "import",
}
_PLANNED = {
    Action.CREATE: "to create",
    Action.UPDATE: "to change",
    Action.REPLACE: "to replace",
    Action.DESTROY: "to destroy",
    Action.FORGET: "to forget",
    Action.MOVE: "to move",
    Action.IMPORT: "to import",
}
_LISTED_CREATIONS_AT_MOST = 12
"""More are counted by module."""
_ALIKE_AT_MOST = 3
"""More resources of one type that change in the same attributes are one entry."""
_ATTRIBUTES_AT_MOST = 12
_VALUES_AT_MOST = 6
_NAMES_AT_MOST = 3
_IAM = service_of("aws_iam_role")
_PERMITTING = {"policy", "policy_arn", "assume_role_policy"}
"""The attributes of a new resource that stand for one permission each."""
_AUTHORIZATION = {"authorization_type", "authorization"}


@dataclass(frozen=True)
class Entry:
    symbol: str
    title: str
    notes: tuple[str, ...]


def headline(review: Review) -> str:
    counts = [f"{review.count(action)} {words}" for action, words in _PLANNED.items() if review.count(action)]
    return ", ".join(counts) or "nothing to change"


def created_modules(review: Review) -> list[tuple[str, int, str]]:
    """Give module, number of resources and services where there are too many new resources to list each."""
    modules: dict[str, list[ResourceChange]] = defaultdict(list)
    for change in _counted_creations(review):
        modules[change.module].append(change)
    return [(module, len(changes), _created(changes)) for module, changes in sorted(modules.items())]


def _created(changes: Sequence[ResourceChange]) -> str:
    """Count by service; beside IAM its permissions, beside an API its routes without an authorizer."""
    services = Counter(change.service for change in changes)
    permissions = sum(
        each.path in _PERMITTING for change in changes if change.service == _IAM for each in change.attributes
    )
    open_routes = Counter(change.service for change in changes if _is_open_route(change))
    remarks = {service: f" ({_number(count, 'route')} without an authorizer)" for service, count in open_routes.items()}
    remarks[_IAM] = f" ({_number(permissions, 'permission')})"
    return ", ".join(f"{count} {service}{remarks.get(service, '')}" for service, count in sorted(services.items()))


def _is_open_route(change: ResourceChange) -> bool:
    return change.type in ROUTES and all(
        each.after == "NONE" for each in change.attributes if each.path in _AUTHORIZATION
    )


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def by_service(review: Review) -> Mapping[str, list[Entry]]:
    """Give an entry per change, or per group of changes that are alike; creations that are counted have none."""
    counted = set(_counted_creations(review))
    groups: dict[tuple[object, ...], list[ResourceChange]] = defaultdict(list)
    for change in review.changes:
        if change not in counted:
            paths = tuple(attribute.path for attribute in change.attributes)
            groups[change.service, change.action, change.type, change.because, paths].append(change)
    entries: dict[str, list[Entry]] = defaultdict(list)
    for changes in groups.values():
        entries[changes[0].service] += _entries(changes)
    return dict(sorted(entries.items()))


def drift_entries(review: Review) -> list[Entry]:
    gone = ("was deleted",)
    return [
        Entry("~", change.address, gone if change.action is Action.DESTROY else _notes(change))
        for change in review.drift
    ]


def note(attribute: AttributeChange, action: Action) -> str:
    return f"{attribute.path}: {_values(attribute, action)}"


def _values(attribute: AttributeChange, action: Action) -> str:
    if action is Action.CREATE:
        return attribute.after
    if not attribute.before:
        return f"+ {attribute.after}"
    if not attribute.after:
        return f"- {attribute.before}"
    return f"{attribute.before} → {attribute.after}"


def _counted_creations(review: Review) -> Sequence[ResourceChange]:
    created = [change for change in review.changes if change.action is Action.CREATE]
    return created if len(created) > _LISTED_CREATIONS_AT_MOST else []


def _entries(changes: Sequence[ResourceChange]) -> Iterator[Entry]:
    first = changes[0]
    if len(changes) > _ALIKE_AT_MOST:
        modules = sorted({change.module for change in changes})
        where = modules[0] if len(modules) == 1 else f"{len(modules)} modules"
        title = f"{len(changes)} of {first.type} in {where}"
        yield Entry(SYMBOLS[first.action], title, tuple(_common_notes(changes)))
        return
    for change in changes:
        yield Entry(SYMBOLS[change.action], change.address, _notes(change))


def _notes(change: ResourceChange) -> tuple[str, ...]:
    moved = [f"was {change.previous_address}"] if change.previous_address else []
    because = [change.because] if change.because else []
    notes = [note(attribute, change.action) for attribute in change.attributes]
    return (*moved, *because, *_first(notes, _ATTRIBUTES_AT_MOST))


def _common_notes(changes: Sequence[ResourceChange]) -> list[str]:
    because = [changes[0].because] if changes[0].because else []
    names = _short_names([change.address for change in changes])
    notes = []
    for attributes in zip(*(change.attributes for change in changes), strict=True):
        holders: dict[str, list[str]] = defaultdict(list)
        for name, attribute in zip(names, attributes, strict=True):
            holders[_values(attribute, changes[0].action)].append(name)
        notes += [f"{attributes[0].path}: {value}" for value in _with_names(holders)]
    return because + _first(notes, _ATTRIBUTES_AT_MOST)


def _with_names(holders: Mapping[str, list[str]]) -> list[str]:
    """Give each value with the names of the resources that have it, unless all have the same."""
    if len(holders) == 1:
        return list(holders)
    values = [f"{value} ({', '.join(_first(names, _NAMES_AT_MOST))})" for value, names in holders.items()]
    return _first(values, _VALUES_AT_MOST)


def _short_names(addresses: Sequence[str]) -> list[str]:
    """Leave out the parts that all addresses have in common at the beginning and the end."""
    parts = [re.split(r"\.(?![^\[]*\])", address) for address in addresses]
    start, end = _common(parts), _common([names[::-1] for names in parts])
    return [
        ".".join(names[start : len(names) - end]) or address for names, address in zip(parts, addresses, strict=True)
    ]


def _common(parts: Sequence[Sequence[str]]) -> int:
    return sum(1 for _ in takewhile(lambda same: len(set(same)) == 1, zip(*parts, strict=False)))


def _first(texts: Sequence[str], at_most: int) -> list[str]:
    more = len(texts) - at_most
    return [*texts[:at_most], f"and {more} more"] if more > 0 else list(texts)

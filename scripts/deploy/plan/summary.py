"""A review in short: what is alike is said once, so that a first deployment too is read in a minute."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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
_DONE = {
    Action.CREATE: "to create",
    Action.UPDATE: "to change",
    Action.REPLACE: "to replace",
    Action.DESTROY: "to destroy",
    Action.FORGET: "to forget",
    Action.MOVE: "to move",
    Action.IMPORT: "to import",
}
_CREATIONS_AT_MOST = 12
"""More are only counted, by module."""
_ALIKE_AT_MOST = 3
"""More resources of one type that change in the same attributes are one entry."""
_ATTRIBUTES_AT_MOST = 12
_IAM = service_of("aws_iam_role")
_PERMITTING = {"policy", "policy_arn", "assume_role_policy"}
"""The attributes of something new that tell a permission each."""


@dataclass(frozen=True)
class Entry:
    symbol: str
    title: str
    notes: tuple[str, ...]


def headline(review: Review) -> str:
    counts = [f"{review.count(action)} {words}" for action, words in _DONE.items() if review.count(action)]
    return ", ".join(counts) or "nothing to change"


def created_modules(review: Review) -> list[tuple[str, int, str]]:
    """Give module, resources and services where there are too many new resources to list each; otherwise nothing."""
    modules: dict[str, list[ResourceChange]] = defaultdict(list)
    for change in _counted(review):
        modules[change.module].append(change)
    return [(module, len(changes), _created(changes)) for module, changes in sorted(modules.items())]


def _created(changes: Sequence[ResourceChange]) -> str:
    """Count by service; of IAM, which is never merely counted, what it permits too."""
    services = Counter(change.service for change in changes)
    permits = sum(
        each.path in _PERMITTING for change in changes if change.service == _IAM for each in change.attributes
    )
    permissions = {_IAM: f" ({permits} {'permission' if permits == 1 else 'permissions'})"}
    return ", ".join(f"{count} {service}{permissions.get(service, '')}" for service, count in sorted(services.items()))


def by_service(review: Review) -> Mapping[str, list[Entry]]:
    """Give an entry for each change, or for many that are alike, without those that are only counted."""
    counted = set(_counted(review))
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
    gone = ("is gone",)
    return [
        Entry("~", change.address, gone if change.action is Action.DESTROY else _notes(change))
        for change in review.drift
    ]


def note(attribute: AttributeChange, action: Action) -> str:
    if action is Action.CREATE:
        return f"{attribute.path}: {attribute.after}"
    if not attribute.before:
        return f"{attribute.path}: + {attribute.after}"
    if not attribute.after:
        return f"{attribute.path}: - {attribute.before}"
    return f"{attribute.path}: {attribute.before} → {attribute.after}"


def _counted(review: Review) -> Sequence[ResourceChange]:
    created = [change for change in review.changes if change.action is Action.CREATE]
    return created if len(created) > _CREATIONS_AT_MOST else []


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
    return (*moved, *because, *_shortened([note(attribute, change.action) for attribute in change.attributes]))


def _common_notes(changes: Sequence[ResourceChange]) -> list[str]:
    because = [changes[0].because] if changes[0].because else []
    notes = []
    for attributes in zip(*(change.attributes for change in changes), strict=True):
        same = len(set(attributes)) == 1
        notes.append(note(attributes[0], changes[0].action) if same else f"{attributes[0].path}: of each its own")
    return because + _shortened(notes)


def _shortened(notes: list[str]) -> list[str]:
    more = len(notes) - _ATTRIBUTES_AT_MOST
    return [*notes[:_ATTRIBUTES_AT_MOST], f"and {more} more"] if more > 0 else notes

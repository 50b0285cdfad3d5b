"""The permissions of a policy, and how they differ from those of another: statements, not JSON.

A document is taken apart into grants of one action on one resource to one principal. A grant is new unless an earlier
one covers it, so order, Sids and the form of a list make no difference.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from math import prod
from typing import TypeAlias

from scripts.deploy.plan.public_access import is_public, restricts
from scripts.deploy.plan.values import Hidden, KnownLater, Value

_SETS = ("forallvalues:", "foranyvalue:")
_IF_EXISTS = "ifexists"
_CHOICES_AT_MOST = 64
Word: TypeAlias = str | Hidden


@dataclass(frozen=True, slots=True)
class Condition:
    operator: str
    key: str
    values: frozenset[Word]
    name: str
    """Operator and key as they were written."""

    def implies(self, other: "Condition") -> bool:
        """Whether a request that meets this one meets the other too; False where that cannot be known."""
        if self.key != other.key:
            return False
        if "not" in self.operator:
            return self.operator == other.operator and other.values <= self.values
        if self.operator in {other.operator, other.operator.removesuffix(_IF_EXISTS)}:
            return self._within(other)
        exactly, alike = self.operator.replace("equals", "like"), other.operator.removesuffix(_IF_EXISTS)
        return exactly == alike and self._within(other)

    def _within(self, other: "Condition") -> bool:
        if "like" in other.operator or other.operator.removesuffix(_IF_EXISTS).endswith("arnequals"):
            return all(any(_matches(wide, value) for wide in other.values) for value in self.values)
        return self.values <= other.values

    @property
    def restricts(self) -> bool:
        """Whether only named callers meet it."""
        return restricts(self.operator, self.key, map(str, self.values))

    def __str__(self) -> str:
        return f"{self.name} {', '.join(sorted(map(str, self.values)))}"


@dataclass(frozen=True, slots=True)
class Part:
    """Actions, resources or principals: those that the patterns match, or where negated all others."""

    patterns: frozenset[Word]
    negated: bool = False

    def covers(self, other: "Part", *, fold: bool = False) -> bool:
        mine, others = (_folded(part.patterns) if fold else part.patterns for part in (self, other))
        if self.negated and other.negated:
            return all(any(_matches(wide, narrow) for wide in others) for narrow in mine)
        if self.negated:
            return not any(_overlap(a, b) for a, b in product(mine, others))
        if other.negated:
            return "*" in mine
        return all(any(_matches(wide, narrow) for wide in mine) for narrow in others)

    def __str__(self) -> str:
        listed = ", ".join(sorted(map(str, self.patterns)))
        return f"all but {listed}" if self.negated else listed


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission, or where it is denied, a denial."""

    denied: bool
    principal: Part | None
    action: Part
    resource: Part | None
    conditions: frozenset[Condition]

    def covers(self, other: "Grant") -> bool:
        return (
            self.denied == other.denied
            and self.action.covers(other.action, fold=True)
            and _part_covers(self.resource, other.resource)
            and _part_covers(self.principal, other.principal)
            and all(any(theirs.implies(mine) for theirs in other.conditions) for mine in self.conditions)
        )

    @property
    def is_public(self) -> bool:
        """Whether it lets callers of any account in."""
        if self.denied or self.principal is None:
            return False
        open_to = self.principal.negated or any(map(is_public, map(str, self.principal.patterns)))
        return open_to and not any(each.restricts for each in self.conditions)

    def __str__(self) -> str:
        words = ["deny" if self.denied else "allow", str(self.action)]
        words += [f"on {self.resource}"] if self.resource else []
        words += [f"to {self.principal}"] if self.principal else []
        words += [f"if {' and '.join(sorted(map(str, self.conditions)))}"] if self.conditions else []
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class PolicyDifference:
    gained: tuple[Grant, ...]
    lost: tuple[Grant, ...]


def is_policy(value: Value) -> bool:
    return isinstance(value, Mapping) and "Statement" in value


def difference(before: Iterable[Grant], after: Iterable[Grant]) -> PolicyDifference:
    # Each once, in order. Most are the same on both sides and need no search.
    old, new = dict.fromkeys(before), dict.fromkeys(after)
    gained = [grant for grant in new if grant not in old and not any(known.covers(grant) for known in old)]
    lost = [grant for grant in old if grant not in new and not any(known.covers(grant) for known in new)]
    return PolicyDifference(joined(gained), joined(lost))


def grants(policy: Value) -> Iterator[Grant]:
    """Take a policy document apart; a value of another kind has no grants."""
    if isinstance(policy, Mapping):
        for statement in _listed(policy.get("Statement")):
            if isinstance(statement, Mapping):
                yield from _of_statement(statement)


def _of_statement(statement: Mapping[str, Value]) -> Iterator[Grant]:
    denied = _word(statement.get("Effect")) == "Deny"
    parts = [
        _parts(statement, "Principal", _principals),
        _parts(statement, "Action", _words),
        _parts(statement, "Resource", _words),
    ]
    for principal, action, resource in product(*parts):
        if action:
            for conditions in _conditions(statement.get("Condition")):
                yield Grant(denied, principal, action, resource, conditions)


def _parts(statement: Mapping[str, Value], name: str, read: Callable[[Value], frozenset[Word]]) -> list[Part | None]:
    if f"Not{name}" in statement:
        return [Part(read(statement[f"Not{name}"]), negated=True)]
    return [Part(frozenset({pattern})) for pattern in sorted(read(statement.get(name)), key=str)] or [None]


def _principals(value: Value) -> frozenset[Word]:
    if isinstance(value, Mapping):
        return frozenset(_principal(kind, who) for kind, whose in value.items() for who in _words(whose))
    return frozenset("AWS *" if who == "*" else who for who in _words(value))


def _principal(kind: str, who: Word) -> Word:
    # An account by its number is its root. Everybody is everybody by either name.
    return who if isinstance(who, Hidden) else re.sub(r"^AWS (\d{12})$", r"AWS arn:aws:iam::\1:root", f"{kind} {who}")


def _conditions(value: Value) -> Iterator[frozenset[Condition]]:
    """Take alternatives apart too: a list of allowed values is that many conditions, up to a limit."""
    choices: list[list[Condition]] = []
    for operator, tests in (value if isinstance(value, Mapping) else {}).items():
        for key, values in (tests if isinstance(tests, Mapping) else {}).items():
            condition = Condition(operator.lower(), key.lower(), _words(values), f"{operator} {key}")
            is_choice = "not" not in condition.operator and not condition.operator.startswith(_SETS)
            apart = is_choice and len(condition.values) * prod(map(len, choices)) <= _CHOICES_AT_MOST
            choices.append(
                [replace(condition, values=frozenset({one})) for one in condition.values] if apart else [condition]
            )
    return (frozenset(choice) for choice in product(*choices))


def _words(value: Value) -> frozenset[Word]:
    """Read a list of words; each that is only known later is one of its own, so that none hides another."""
    listed = _listed(value)
    later = [each for each in listed if isinstance(each, KnownLater)]
    numbered = [str(each) if not index else f"{each} #{index + 1}" for index, each in enumerate(later)]
    return frozenset([*numbered, *(_word(each) for each in listed if not isinstance(each, KnownLater))])


def _word(value: Value) -> Word:
    if isinstance(value, Hidden):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(value: Value) -> Sequence[Value]:
    if value is None:
        return []
    return value if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def _folded(patterns: frozenset[Word]) -> frozenset[Word]:
    return frozenset(pattern.lower() if isinstance(pattern, str) else pattern for pattern in patterns)


def _part_covers(wide: Part | None, narrow: Part | None) -> bool:
    return wide == narrow if wide is None or narrow is None else wide.covers(narrow)


def joined(found: Iterable[Grant]) -> tuple[Grant, ...]:
    """Join grants that differ in one part only, for reading."""
    together = _joined_by(found, lambda grant: grant.action, lambda grant, part: replace(grant, action=part))
    together = _joined_by(together, lambda grant: grant.resource, lambda grant, part: replace(grant, resource=part))
    together = _joined_by(together, lambda grant: grant.principal, lambda grant, part: replace(grant, principal=part))
    return tuple(sorted(together, key=str))


def _joined_by(
    found: Iterable[Grant], get: Callable[[Grant], Part | None], put: Callable[[Grant, Part], Grant]
) -> list[Grant]:
    groups: dict[Grant, set[Word]] = defaultdict(set)
    for grant in found:
        part = get(grant)
        if part is None or part.negated:
            groups[grant] = set()
        else:
            groups[put(grant, Part(frozenset()))] |= part.patterns
    return [put(grant, Part(frozenset(patterns))) if patterns else grant for grant, patterns in groups.items()]


@lru_cache(maxsize=4096)
def _pattern(wide: str) -> re.Pattern[str]:
    escaped = "".join({"*": ".*", "?": "[^*]"}.get(letter, re.escape(letter)) for letter in wide)
    return re.compile(escaped, re.DOTALL)


def _matches(wide: Word, narrow: Word) -> bool:
    """Whether one pattern matches everything that another does: the wildcards of the other count as plain letters."""
    if isinstance(wide, Hidden) or isinstance(narrow, Hidden):
        return wide == narrow
    return _pattern(wide).fullmatch(narrow) is not None


def _overlap(first: Word, second: Word) -> bool:
    """Whether a text can match both patterns."""
    if isinstance(first, Hidden) or isinstance(second, Hidden):
        return True
    seen: set[tuple[int, int]] = set()
    todo = [(0, 0)]
    while todo:
        here = i, j = todo.pop()
        one, other = first[i : i + 1], second[j : j + 1]
        if not one and not other:
            return True
        if here in seen:
            continue
        seen.add(here)
        if "*" in {one, other}:
            todo += [(i + 1, j)] if one == "*" or one else []
            todo += [(i, j + 1)] if other else []
        elif one and other and (one == other or "?" in {one, other}):
            todo.append((i + 1, j + 1))
    return False

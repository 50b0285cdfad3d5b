"""The values in a plan: secrets in them are hidden, and two values are compared attribute by attribute."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest
from typing import TypeAlias

_TEXT_LENGTH = 90
# A name or a text that holds one of these counts as a secret: better to hide a harmless value than to show a secret.
_SECRET_NAMES = re.compile(
    r"pass(word|wd|phrase)|secret|token(?!\.actions\.githubusercontent)|credential|(private|api|access|auth|signing|encryption).?key|key.?material"
    r"|webhook|external.?id|connection.?string|^authorization$|^salt$|(?<![a-z])(pwd?|passcode)(?![a-z])"
    # In names of environment variables; `hash_key` and `route_key` are no secrets.
    r"|(?-i:(?<![A-Z])((PG)?PASS|KEY|PIN|JWT|HMAC|DSN|SIG|COOKIE|CREDS?)(?![A-Z]))",
    re.IGNORECASE,
)
_SECRET_TEXTS = re.compile(
    r"\b(AKIA|ASIA)[0-9A-Z]{12,}|-----BEGIN|\beyJ[\w-]{10,}\.|\bgh[pousr]_\w{16,}|\bgithub_pat_|\bglpat-|\bxox[a-z]-"
    r"|\b[rs]k_(live|test)_|\bAIza[\w-]{30}|\bSG\.[\w-]{8,}\.|\bnpm_\w{30}|[?&](sig|signature|key|x-amz-signature)=|://[^/\s:@]*:[^/\s@]+@|hooks\.slack\.com|webhook\.office\.com|logic\.azure\.com|/webhooks?/"
    r"|\b(basic|bearer)\s+[\w.~+/=-]{8,}",
    re.IGNORECASE,
)
# Not an ARN of the Secrets Manager, nor one of its actions in a policy.
_ASSIGNED_SECRETS = re.compile(
    rf"(?!arn:|secretsmanager:).*({_SECRET_NAMES.pattern})[\w-]{{0,20}}[\"']?\s*[=:]\s*\S", re.IGNORECASE
)
_SECRET_OPTIONS = re.compile(rf"--?\S*({_SECRET_NAMES.pattern})\S*", re.IGNORECASE)
# Attributes that the provider does not mark as sensitive, or did not always.
_SECRET_ATTRIBUTES = {
    "aws_ssm_parameter": {"value", "insecure_value", "value_wo"},
    "aws_secretsmanager_secret_version": {"secret_string", "secret_binary"},
    "aws_iam_access_key": {"id"},
}
# The keys of lists of settings, as ECS has them, and of tags.
_PAIRS = (("name", "value"), ("Name", "Value"), ("key", "value"), ("Key", "Value"))


@dataclass(frozen=True, slots=True)
class Hidden:
    """A secret: it can be compared and is never shown."""

    value: object = field(repr=False, hash=False)

    def __str__(self) -> str:
        return "(sensitive)"

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class KnownLater:
    """A value that is only known after the apply."""

    def __str__(self) -> str:
        return "(known after apply)"


KNOWN_LATER = KnownLater()
Value: TypeAlias = "bool | float | str | Hidden | KnownLater | Sequence[Value] | Mapping[str, Value] | None"


@dataclass(frozen=True, slots=True)
class Difference:
    path: str
    before: Value
    after: Value


def attributes(kind: str, values: object, unknown: object = None, sensitive: object = None) -> dict[str, Value]:
    """Read a resource's values: JSON in a text is parsed, secrets are hidden, unknown values are marked.

    `unknown` and `sensitive` have the shape of the values, with true in place of each unknown or sensitive value.
    """
    secret = dict.fromkeys(_SECRET_ATTRIBUTES.get(kind, ()), True)
    marked = (dict(sensitive) if isinstance(sensitive, Mapping) else {}) | secret
    if sensitive is True:
        marked |= dict.fromkeys(values if isinstance(values, Mapping) else (), True)
    read = _read(values or {}, unknown, marked, "")
    return dict(read) if isinstance(read, Mapping) else {}


def _read(raw: object, unknown: object, sensitive: object, name: str) -> Value:  # noqa: PLR0911 - one line per case
    if unknown is True:
        return KNOWN_LATER
    if raw is not None and sensitive is True:
        return Hidden(raw)
    if not is_empty(raw) and not isinstance(raw, bool) and _SECRET_NAMES.search(name):
        return Hidden(raw)
    if isinstance(raw, Mapping) or (raw is None and isinstance(unknown, Mapping) and _any_true(unknown)):
        return _read_mapping(raw or {}, unknown, sensitive)
    if isinstance(raw, list):
        return _read_list(raw, unknown, sensitive)
    if isinstance(raw, str):
        return _read_text(raw)
    if raw is None or isinstance(raw, bool | int | float):
        return raw
    raise TypeError(f"a {type(raw).__name__} is no value of JSON")


def _read_mapping(raw: Mapping[str, object], unknown: object, sensitive: object) -> dict[str, Value]:
    names = {value: str(raw.get(name) or "") for name, value in _PAIRS if {name, value} <= raw.keys()}
    later = {name for name, below in _parts(unknown).items() if _any_true(below)}
    return {
        name: _read(raw.get(name), _parts(unknown).get(name), _parts(sensitive).get(name), names.get(name, name))
        for name in sorted({*raw, *later})
    }


def _read_list(raw: Sequence[object], unknown: object, sensitive: object) -> list[Value]:
    read = [_read(item, _item(unknown, index), _item(sensitive, index), "") for index, item in enumerate(raw)]
    for index, (option, item) in enumerate(pairwise(raw), start=1):
        if isinstance(option, str) and isinstance(item, str) and _SECRET_OPTIONS.fullmatch(option):
            read[index] = Hidden(item)
    return read


def _read_text(raw: str) -> Value:
    if raw.lstrip()[:1] in {"{", "["}:
        try:
            return _read(json.loads(raw), None, None, "")
        except (json.JSONDecodeError, RecursionError):
            pass
    is_secret = _SECRET_TEXTS.search(raw) or any(map(_ASSIGNED_SECRETS.match, raw.splitlines()))
    return Hidden(raw) if is_secret else raw


def _parts(marks: object) -> Mapping[str, object]:
    return marks if isinstance(marks, Mapping) else {}


def _item(marks: object, index: int) -> object:
    return marks[index] if isinstance(marks, list) and index < len(marks) else None


def either(one: object, other: object) -> object:
    """Merge the marks of both sides."""
    if one is True or other is True:
        return True
    if isinstance(one, Mapping) or isinstance(other, Mapping):
        first, second = _parts(one), _parts(other)
        return {name: either(first.get(name), second.get(name)) for name in {*first, *second}}
    lists = [side for side in (one, other) if isinstance(side, list)]
    return [either(*both) for both in zip_longest(*lists)] if len(lists) > 1 else next(iter(lists), None)


def _any_true(marks: object) -> bool:
    if isinstance(marks, Mapping):
        return any(map(_any_true, marks.values()))
    return any(map(_any_true, marks)) if isinstance(marks, list) else marks is True


def is_empty(value: object) -> bool:
    """Whether there is no value: null, "", [] or {}. False and 0 are values."""
    return value is None or (not value and isinstance(value, str | Sequence | Mapping))


def at(values: Value, path: str) -> Value:
    """Find the value at a dotted path, through blocks, which are lists of one; None where there is none."""
    found = values
    for name in path.split("."):
        if isinstance(found, Sequence) and not isinstance(found, str):
            found = found[0] if found else None
        if isinstance(found, KnownLater):
            return found
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def differences(before: Value, after: Value, path: str = "") -> Iterator[Difference]:
    """Give the differences by path. Two forms of an empty value do not differ."""
    if before == after or (is_empty(before) and is_empty(after)):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping) and "Statement" not in {*before, *after}:
        for name in sorted({*before, *after}):
            yield from differences(before.get(name), after.get(name), f"{path}.{name}".lstrip("."))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list_differences(before, after, path)
    else:
        yield Difference(path, before, after)


def _list_differences(before: list[Value], after: list[Value], path: str) -> Iterator[Difference]:
    """Give the items removed and added, or where only one block was changed, the differences in it."""
    removed, added = [item for item in before if item not in after], [item for item in after if item not in before]
    if len(removed) == len(added) == 1 and isinstance(removed[0], Mapping):
        yield from differences(
            removed[0], added[0], path if len(before) == 1 else f"{path}[{before.index(removed[0])}]"
        )
    elif removed or added:
        yield Difference(path, removed, added)
    else:
        yield Difference(path, before, after)


def text(value: Value) -> str:
    """Write a value in one short line. A text of several lines is not shown: it may hold a secret."""
    if is_empty(value):
        line = "(none)"
    elif isinstance(value, list) and not any(isinstance(item, list | Mapping) for item in value):
        line = ", ".join(map(text, value))
    elif isinstance(value, Mapping | list):
        line = json.dumps(_leaves_as_text(value), ensure_ascii=False)
    else:
        line = _leaf(value)
    return line if len(line) <= _TEXT_LENGTH else f"{line[: _TEXT_LENGTH - 1]}…"


def texts(before: Value, after: Value) -> tuple[str, str]:
    """Write two values so that they look different: long ones from their first difference on."""
    old, new = text(before), text(after)
    if old != new or not isinstance(before, str) or not isinstance(after, str):
        return old, new
    if len(before.splitlines()) > 1:
        return old, f"another {new.strip('()')}"
    shorter = min(len(before), len(after))
    start = next((i for i in range(shorter) if before[i] != after[i]), shorter)
    return f"…{text(before[start - 10 :])}", f"…{text(after[start - 10 :])}"


def _leaves_as_text(value: Value) -> object:
    if isinstance(value, Mapping):
        return {name: _leaves_as_text(below) for name, below in value.items()}
    return [_leaves_as_text(below) for below in value] if isinstance(value, list) else _leaf(value)


def _leaf(value: Value) -> str:
    if isinstance(value, str):
        lines = value.splitlines()
        return value if len(lines) <= 1 else f"(text of {len(lines)} lines)"
    return str(value).lower() if isinstance(value, bool) else str(value)

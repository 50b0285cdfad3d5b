"""Forms that the rules about risky changes share: a switch that is turned off, a value that is set, a lowered limit."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scripts.deploy.plan.values import KnownLater, Value, at, is_empty


def switched_off(before: Value, after: Value, path: str, consequence: str) -> str | None:
    """Give the consequence where a switch is turned off or its block is removed; say so where nobody can know yet."""
    old, new = at(before, path), at(after, path)
    if old is not True or new is True:
        return None
    return f"{path} is only known after apply: it is on now" if isinstance(new, KnownLater) else consequence


def becomes(before: Value, after: Value, path: str, value: Value) -> bool:
    return at(after, path) == value != at(before, path)


@dataclass(frozen=True, slots=True)
class Limit:
    path: str
    consequence: str
    """Of a lower limit."""
    type: str | None = None
    """None for any type of resource that has it."""
    default: int | None = None
    """The limit where the configuration says nothing."""
    unlimited: int | None = None
    """The number that stands for no limit."""

    def of(self, values: Value) -> int | KnownLater | None:
        """Read the limit. The provider sends 0 for a block that leaves it out; without a block the default holds."""
        found = at(values, self.path)
        if isinstance(found, KnownLater):
            return found
        if isinstance(found, str) and found.isdigit():
            return int(found)
        if isinstance(found, int) and not isinstance(found, bool):
            return found
        block, _, _ = self.path.rpartition(".")
        return 0 if block and self.default is not None and not is_empty(at(values, block)) else self.default

    def is_lowered(self, before: int, after: int) -> bool:
        return after not in {before, self.unlimited} and (before == self.unlimited or after < before)

    def text(self, value: int) -> str:
        return "no limit" if value == self.unlimited else str(value)


def lowered(kind: str, before: Value, after: Value, limits: Iterable[Limit]) -> Iterator[str]:
    """Say which limits of a resource of this type are lowered, or may be."""
    for limit in limits:
        if limit.type not in {None, kind}:
            continue
        old, new = limit.of(before), limit.of(after)
        if isinstance(old, int) and isinstance(new, KnownLater):
            yield f"{limit.path} is only known after apply: it is {limit.text(old)} now"
        elif isinstance(old, int) and isinstance(new, int) and limit.is_lowered(old, new):
            yield f"{limit.consequence}: {limit.path} {limit.text(old)} → {limit.text(new)}"

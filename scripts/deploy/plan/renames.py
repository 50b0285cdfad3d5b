"""Values that only follow from a rename. A replaced resource has another name, and an ARN that is only known later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from scripts.deploy.plan.model import Action
from scripts.deploy.plan.resources import Resource
from scripts.deploy.plan.values import KNOWN_LATER, KnownLater, Value

_IDENTITIES = ("arn", "id", "url", "name", "function_name", "stream_arn", "invoke_arn")


@dataclass(frozen=True)
class Renames:
    """The ARNs, URLs and names that replaced resources lose, with those that they get."""

    identities: Mapping[str, Value]

    @classmethod
    def of(cls, resources: Sequence[Resource]) -> Self:
        """Collect them, but for unknown ARNs of a type of which something new is made: it could have that ARN."""
        made = {resource.type for resource in resources if resource.action is Action.CREATE}
        found: dict[str, Value] = {}
        for resource in resources:
            if resource.action is Action.REPLACE:
                for name in _IDENTITIES:
                    before, after = resource.before.get(name), resource.after.get(name)
                    is_ours = isinstance(after, str) or (isinstance(after, KnownLater) and resource.type not in made)
                    if isinstance(before, str) and is_ours and before != after:
                        found[before] = after
        return cls(found)

    def explain(self, before: Value, after: Value) -> bool:
        """Whether one value becomes the other because the resource that it names is renamed."""
        return before != after and self.applied(before) == after

    def applied(self, value: Value) -> Value:
        """Replace each lost ARN, URL or name by its successor. An ARN below a lost one is only known later too."""
        if isinstance(value, Mapping):
            return {name: self.applied(below) for name, below in value.items()}
        if isinstance(value, list):
            return [self.applied(below) for below in value]
        if not isinstance(value, str):
            return value
        arns = (one for one, after in self.identities.items() if one.startswith("arn:") and after is KNOWN_LATER)
        is_below = value.startswith(tuple(f"{arn}{sign}" for arn in arns for sign in ":/"))
        return KNOWN_LATER if is_below else self.identities.get(value, value)

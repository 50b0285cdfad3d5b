"""Values that only follow from a rename: Terraform knows the new ARN of a replaced resource after the apply only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from scripts.deploy.plan.model import Action
from scripts.deploy.plan.resources import Resource
from scripts.deploy.plan.values import KNOWN_LATER, KnownLater, Value

_IDENTITIES = ("arn", "id", "url", "name", "stream_arn", "invoke_arn")


@dataclass(frozen=True)
class Renames:
    """The ARNs, URLs and names that replaced resources have now and lose."""

    identities: frozenset[str]

    @classmethod
    def of(cls, resources: Sequence[Resource]) -> Self:
        """Collect them, without the types of which something new is made too: a new ARN could then be that one's."""
        made = {resource.type for resource in resources if resource.action is Action.CREATE}
        replaced = [each for each in resources if each.action is Action.REPLACE and each.type not in made]
        return cls(
            frozenset(
                identity
                for resource in replaced
                for name in _IDENTITIES
                if isinstance(identity := resource.before.get(name), str)
                and isinstance(resource.after.get(name), KnownLater)
            )
        )

    def explain(self, before: Value, after: Value) -> bool:
        """Whether the value is only unknown because the resource that it names is replaced."""
        return isinstance(after, KnownLater) and self.applied(before) is KNOWN_LATER

    def applied(self, value: Value) -> Value:
        """Put "known after apply" in place of each ARN, URL and name that is lost, and of each ARN below one."""
        if isinstance(value, Mapping):
            return {name: self.applied(below) for name, below in value.items()}
        if isinstance(value, list):
            return [self.applied(below) for below in value]
        return KNOWN_LATER if isinstance(value, str) and self._is_lost(value) else value

    def _is_lost(self, value: str) -> bool:
        arns = (one for one in self.identities if one.startswith("arn:"))
        return value in self.identities or value.startswith(tuple(f"{arn}{sign}" for arn in arns for sign in ":/"))

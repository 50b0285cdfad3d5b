"""The review of a plan. docs/delivery.md describes its JSON form, which has these fields."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

FORMAT = 1
"""Of the JSON: raised when a reader of the format before would be misled."""


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DESTROY = "destroy"
    FORGET = "forget"
    """Terraform no longer manages it, and leaves it as it is."""
    MOVE = "move"
    IMPORT = "import"


class Severity(StrEnum):
    BLOCK = "block"
    """An apply has to allow it by its address."""
    WARN = "warn"


@dataclass(frozen=True)
class AttributeChange:
    path: str
    before: str
    after: str


@dataclass(frozen=True)
class ResourceChange:
    address: str
    type: str
    service: str
    module: str
    """The module that holds it, two levels deep, or root."""
    action: Action
    attributes: tuple[AttributeChange, ...] = ()
    because: str | None = None
    """Why it is replaced or destroyed, where Terraform gives a reason."""
    previous_address: str | None = None


@dataclass(frozen=True)
class Risk:
    severity: Severity
    kind: str
    """loss, protected, public, admin, protection, retention, permission, wiring, code or check."""
    address: str
    text: str


Found: TypeAlias = Iterator[tuple[str, str]]
"""Kind and text of the risks of one resource."""


@dataclass(frozen=True)
class State:
    """The state of the deployment that a plan was made for; no lineage where nothing was deployed."""

    lineage: str = ""
    serial: int = 0


@dataclass(frozen=True)
class Stamp:
    """The facts that an apply compares, so that it does what was reviewed and nothing else."""

    plan_sha256: str
    state: State
    packages: Mapping[str, str] = field(default_factory=dict)
    """SHA-256, in Base64, of the package of each function, changed or not, by its path from the Terraform root."""


@dataclass(frozen=True)
class Review:
    environment: str
    target: str
    destroy: bool
    """Whether the plan takes the whole environment down."""
    risks: tuple[Risk, ...]
    changes: tuple[ResourceChange, ...]
    drift: tuple[ResourceChange, ...]
    outputs: tuple[str, ...]
    """The outputs that change, or may."""
    stamp: Stamp
    format: int = FORMAT

    @property
    def blocking(self) -> tuple[Risk, ...]:
        return tuple(risk for risk in self.risks if risk.severity is Severity.BLOCK)

    def count(self, action: Action) -> int:
        return sum(change.action is action for change in self.changes)

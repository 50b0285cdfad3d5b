"""The orders of the post-deploy test, and the outcome that each must have."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from scripts.cli.json_files import load_json
from scripts.cli.paths import ORDER_EVENTS_FILE
from scripts.operate.seeding import Catalogue


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation of one order, and the value seen."""

    case: str
    subject: str
    expected: object
    seen: object

    @property
    def holds(self) -> bool:
        return self.expected == self.seen


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Expectation(_Model):
    events: list[str]
    reason: str | None = None
    gateway: str | None = None
    amount_minor: int | None = Field(None, alias="amountMinor")
    sold: dict[str, int] = {}
    parcels: list[str] = []
    """The warehouses of its parcels, in alphabetical order."""


class Case(_Model):
    name: str
    order: dict[str, object]
    expect: Expectation

    @property
    def payment(self) -> bool | None:
        """Whether its payment is to succeed; None where there is to be none."""
        wanted = self.order.get("_postDeployTestForceResult")
        return None if wanted is None else wanted == "SUCCESS"


class Suite(_Model):
    inventory: Catalogue
    """Products of the test alone: no part of the shop's catalogue."""
    shop_sku: str = Field(alias="shopSku")
    """What its customer orders at the shop API."""
    cases: list[Case]


_SUITE = TypeAdapter(Suite)


def load_suite() -> Suite:
    return load_json(ORDER_EVENTS_FILE, _SUITE)

"""The prices of AWS: one dated list for `invoke bench`, `invoke simulate` and `invoke cost`."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, PositiveFloat, TypeAdapter

from scripts.cli.errors import UserError
from scripts.cli.json_files import load_json
from scripts.cli.paths import PRICES_FILE

Quantities = Mapping[str, float]
"""Quantities by line of the price list."""


class Price(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    service: str
    text: str
    usd: PositiveFloat
    per: PositiveFloat
    source: str


class Prices(BaseModel):
    """US dollars, without free tiers and discounts; `lines` are for orders, `monthly` for environments."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    date: date
    region: str
    lines: dict[str, Price]
    monthly: dict[str, Price]

    def __contains__(self, line: str) -> bool:
        return line in self.lines or line in self.monthly

    def price(self, line: str) -> Price:
        return (self.lines | self.monthly)[line]

    def cost(self, quantities: Quantities) -> dict[str, float]:
        """The cost of orders in dollars, by line."""
        return {line: quantities.get(line, 0) * price.usd / price.per for line, price in self.lines.items()}


def read_prices(path: Path = PRICES_FILE) -> Prices:
    """Raise UserError where the file is not valid, or its lines are not those of the project's own file."""
    given, own = (load_json(file, TypeAdapter(Prices)) for file in (path, PRICES_FILE))
    for part, has, should in (("lines", given.lines, own.lines), ("monthly", given.monthly, own.monthly)):
        wrong = [f"{name} is missing" for name in should if name not in has]
        wrong += [f"{name} is unknown" for name in has if name not in should]
        if wrong:
            raise UserError(f"{path}, {part}: {', '.join(wrong)}; {PRICES_FILE.name} has the right lines")
    return given

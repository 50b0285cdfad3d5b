"""The orders of each scenario, and their stock."""

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.cli.errors import UserError
from scripts.operate.seeding import SeedProduct

_PLENTY = 1_000_000
_CATALOGUE = 12


@dataclass(frozen=True, slots=True)
class Scenario:
    """`skus` SKUs per order out of `catalogue`; stock for all or for a share `served`; each sent `copies` times."""

    name: str
    skus: int = 1
    catalogue: int = _CATALOGUE
    served: float | None = None
    copies: int = 1
    orders: int | None = None
    """A fixed number of orders, whatever --orders says."""
    rate: float | None = None

    def products(self, orders: int) -> list[SeedProduct]:
        stock = _PLENTY if self.served is None else round(orders * self.skus * self.served / self.catalogue)
        return [
            SeedProduct(sku=sku, name=f"Product {sku}", stock=stock, priceMinor=500, currency="GBP")
            for sku in self._all_skus()
        ]

    def details(self, orders: int, run: str = "1") -> list[dict[str, object]]:
        """OrderPlaced of each order; the SKUs take turns, so that all are ordered equally often."""
        skus = self._all_skus()
        return [
            {
                "orderId": f"bench-{self.name}-{run}-{number:05d}",
                "customerId": f"customer-{number % 50:02d}",
                "items": [
                    {"sku": skus[(number * self.skus + place) % len(skus)], "quantity": 1} for place in range(self.skus)
                ],
            }
            for number in range(orders)
        ]

    def deliveries(self, details: Sequence[dict[str, object]]) -> list[dict[str, object]]:
        """The events to send: copies follow one another, as from a producer that repeats an unanswered call."""
        return [detail for detail in details for _ in range(self.copies)]

    def _all_skus(self) -> list[str]:
        return [f"{self.name}-{number:02d}" for number in range(self.catalogue)]


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("single"),
        Scenario("three", skus=3),
        Scenario("hot", catalogue=1, orders=1000),
        Scenario("half-out", served=0.5),
        Scenario("duplicates", copies=2),
        Scenario("paced", orders=60, rate=2),
    )
}


def chosen(names: str) -> list[Scenario]:
    """Find the scenarios of a list such as `single,hot`; `all` means every one, and an empty text none."""
    wanted = list(SCENARIOS) if names == "all" else [name for name in names.split(",") if name]
    unknown = [name for name in wanted if name not in SCENARIOS]
    if unknown:
        raise UserError(f"there is no scenario {unknown[0]!r}: use {', '.join(SCENARIOS)}")
    return [SCENARIOS[name] for name in wanted]

"""Bring SKUs to the stock and price of a catalogue. Every change is a commit; reservations are never touched."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, StringConstraints, TypeAdapter

from scripts.cli.money import money
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.stock_commits import StockCommits
from services.libs.store.event_store import ContentionError, EventStore, StockRefusedError, VersionTakenError
from services.libs.store.inventory_table import InventoryTable
from services.shared.events.event import Identifier, Sku
from services.shared.inventory import MAIN_WAREHOUSE, Product, StockItem

_ATTEMPTS = 5


class SeedProduct(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sku: Sku
    name: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")
    ]
    stock: Annotated[StrictInt, Field(ge=0, le=1_000_000_000)]
    price_minor: StrictInt = Field(ge=0, le=100_000_000_000, alias="priceMinor")
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    warehouse: Identifier = MAIN_WAREHOUSE
    """Where it is sent from: an order over two warehouses is two parcels."""

    @property
    def product(self) -> Product:
        return Product(self.name, self.price_minor, self.currency, self.warehouse)


def _consistent(products: list[SeedProduct]) -> list[SeedProduct]:
    skus = [product.sku for product in products]
    twice = {sku for sku in skus if skus.count(sku) > 1}
    if twice:
        raise ValueError(f"listed more than once: {', '.join(sorted(twice))}")
    currencies = {product.currency for product in products}
    if len(currencies) > 1:
        # An order over both could not be charged, so the order service would send it to the dead letters.
        raise ValueError(f"one catalogue has one currency, not {', '.join(sorted(currencies))}")
    return products


Catalogue = Annotated[list[SeedProduct], Field(min_length=1), AfterValidator(_consistent)]
CATALOGUE: TypeAdapter[list[SeedProduct]] = TypeAdapter(Catalogue)


@dataclass(frozen=True, slots=True)
class Change:
    """One SKU before and after its seeding; `refused` says why nothing was changed."""

    product: SeedProduct
    before: StockItem | None
    refused: str | None = None

    @property
    def text(self) -> str:
        if self.refused:
            return f"refused: {self.refused}"
        if self.before is None:
            return "created"
        parts = []
        if self.before.stock != self.product.stock:
            parts.append(f"stock {self.product.stock - self.before.stock:+d}")
        was, now = self.before.product, self.product.product
        if (was.price_minor, was.currency) != (now.price_minor, now.currency):
            parts.append(f"price was {money(was.price_minor, was.currency)}")
        if was.name != now.name:
            parts.append(f"name was {was.name}")
        if was.warehouse != now.warehouse:
            parts.append(f"warehouse was {was.warehouse}")
        return ", ".join(parts) or "unchanged"


class Seeder:
    """Sets the stock on hand and the products of SKUs."""

    def __init__(self, store: EventStore, inventory: InventoryTable) -> None:
        self._store = store
        self._inventory = inventory
        self._commits = StockCommits(store, "seed")

    @classmethod
    def of(cls, target: Target, deployment: Deployment) -> Self:
        client = target.client("dynamodb")
        return cls(EventStore(client, deployment.store_tables), InventoryTable(client, deployment.tables.inventory))

    def seed(self, products: Sequence[SeedProduct]) -> Iterable[Change]:
        standing = self._inventory.read(product.sku for product in products)
        for product in products:
            yield self._set(product, standing.get(product.sku))

    def _set(self, product: SeedProduct, before: StockItem | None) -> Change:
        """Write the difference to the stock on hand; try again when an order or another seeding came first."""
        for _ in range(_ATTEMPTS):
            if before and before.product == product.product and before.stock == product.stock:
                return Change(product, before)
            if before and product.stock < before.reserved:
                return Change(product, before, refused=f"{before.reserved} units are reserved for orders")
            delta = product.stock - (before.stock if before else 0)
            try:
                self._store.append(self._commits.next(product.sku, product.product, product.stock, delta))
            except (VersionTakenError, StockRefusedError, ContentionError):
                before = self._inventory.read([product.sku]).get(product.sku)
            else:
                return Change(product, before)
        return Change(product, before, refused="its stock keeps changing, try again when it is quieter")

"""Bring products and their stock to those of a file. Every change is a commit; reservations are never touched."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from scripts.cli.money import money
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.stock_commits import StockCommits
from scripts.operate.seed_categories import CategoryPath, SeedCategories
from services.catalog_service.domain import create_product
from services.catalog_service.service import CatalogService
from services.libs.store.event_store import ContentionError, EventStore, StockRefusedError, VersionTakenError
from services.libs.store.inventory_table import InventoryTable
from services.shared.commits import Commit, sku_stream
from services.shared.events.catalog import Description, Name, Price, ProductCreated, StockOnHand
from services.shared.events.event import Currency, Identifier, Sku
from services.shared.inventory import MAIN_WAREHOUSE, Product, StockItem

_ATTEMPTS = 5


class SeedProduct(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sku: Sku
    name: Name
    stock: StockOnHand
    price_minor: Price = Field(alias="priceMinor")
    currency: Currency
    warehouse: Identifier = MAIN_WAREHOUSE
    """Where it is sent from: an order over two warehouses is two parcels."""
    description: Description | None = None
    """None leaves it as it is."""
    category: CategoryPath | None = None
    """None leaves the product where it is."""

    def product(self, category_id: str | None) -> Product:
        return Product(self.name, self.price_minor, self.currency, self.warehouse, category_id)


def _consistent(products: list[SeedProduct]) -> list[SeedProduct]:
    skus = [product.sku for product in products]
    twice = {sku for sku in skus if skus.count(sku) > 1}
    if twice:
        raise ValueError(f"listed more than once: {', '.join(sorted(twice))}")
    currencies = {product.currency for product in products}
    if len(currencies) > 1:
        # An order over both would be cancelled.
        raise ValueError(f"one catalogue has one currency, not {', '.join(sorted(currencies))}")
    return products


Catalogue = Annotated[list[SeedProduct], Field(min_length=1), AfterValidator(_consistent)]
CATALOGUE: TypeAdapter[list[SeedProduct]] = TypeAdapter(Catalogue)


@dataclass(frozen=True, slots=True)
class Change:
    """One SKU before and after its seeding; `refused` says why nothing was changed."""

    product: SeedProduct
    before: StockItem | None
    described: bool = False
    """Whether the description was changed."""
    moved: bool = False
    """Whether the product is in another category than before."""
    listed: bool = False
    """Whether it is in the catalogue's lists from now on."""
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
        was, now = self.before.product, self.product
        if (was.price_minor, was.currency) != (now.price_minor, now.currency):
            parts.append(f"price was {money(was.price_minor, was.currency)}")
        if was.name != now.name:
            parts.append(f"name was {was.name}")
        if was.warehouse != now.warehouse:
            parts.append(f"warehouse was {was.warehouse}")
        parts += ["description changed"] * self.described
        parts += [f"moved to {now.category}"] * self.moved
        parts += ["listed"] * self.listed
        return ", ".join(parts) or "unchanged"


class Seeder:
    """Sets the products of SKUs and their stock on hand."""

    def __init__(self, store: EventStore, inventory: InventoryTable) -> None:
        self._store = store
        self._inventory = inventory
        self._catalogue = CatalogService(store, inventory)
        self._commits = StockCommits(store, "seed")

    @classmethod
    def of(cls, target: Target, deployment: Deployment) -> Self:
        client = target.client("dynamodb")
        return cls(EventStore(client, deployment.store_tables), InventoryTable(client, deployment.tables.inventory))

    def seed(self, products: Sequence[SeedProduct]) -> Iterable[Change]:
        paths = {product.category for product in products if product.category}
        categories = SeedCategories(self._store, self._commits.cause).create(paths)
        standing, unlisted = self._inventory.read_unlisted(product.sku for product in products)
        for product in products:
            wanted = product.product(categories[product.category] if product.category else None)
            yield self._set(product, wanted, standing.get(product.sku), unlisted=product.sku in unlisted)

    def _set(self, product: SeedProduct, wanted: Product, before: StockItem | None, *, unlisted: bool) -> Change:
        """Write what differs; try again when an order or another seeding came first."""
        changed: dict[str, object] = {}
        was: Product | None = None
        for _ in range(_ATTEMPTS):
            if before and product.stock < before.reserved:
                return Change(product, before, refused=f"{before.reserved} units are reserved for orders")
            try:
                if before is None:
                    self._store.append(self._first(product, wanted))
                    return Change(product, None)
                if changes := self._changes(product, wanted, before.product):
                    self._catalogue.update_product(product.sku, changes, self._commits.cause())
                    changed, was, unlisted = changes, before.product, False
                if unlisted or product.stock != before.stock:
                    self._set_stock(product, wanted.over(before.product), before)
            except (VersionTakenError, StockRefusedError, ContentionError):
                before = self._inventory.read([product.sku]).get(product.sku)
                continue
            before = replace(before, product=was or before.product)
            return Change(product, before, "description" in changed, "category_id" in changed, unlisted)
        return Change(product, before, refused="its stock keeps changing, try again when it is quieter")

    def _changes(self, product: SeedProduct, wanted: Product, before: Product) -> dict[str, object]:
        """The fields of the product that differ."""
        after, fields = wanted.over(before)._asdict(), before._asdict()
        changes: dict[str, object] = {name: value for name, value in after.items() if value != fields[name]}
        described = product.description
        if described is not None and described != self._catalogue.product(product.sku).description:
            changes["description"] = described
        return changes

    def _first(self, product: SeedProduct, wanted: Product) -> Commit:
        """A SKU that is in no inventory may have a stream all the same: its item was lost."""
        if self._store.latest_version(sku_stream(product.sku)):
            return self._commits.next(product.sku, wanted, product.stock, product.stock)
        created = ProductCreated(sku=product.sku, **wanted._asdict(), description=product.description or "")
        return create_product(created, self._commits.cause(), stock=product.stock)

    def _set_stock(self, product: SeedProduct, after: Product, before: StockItem) -> None:
        self._store.append(self._commits.next(product.sku, after, product.stock, product.stock - before.stock))

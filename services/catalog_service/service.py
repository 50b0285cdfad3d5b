"""The use cases of the catalogue: categories, products, their prices and their stock on hand."""

from collections.abc import Mapping
from typing import NamedTuple

from services.catalog_service import domain
from services.catalog_service.domain import unknown_sku
from services.libs.store.event_store import ContentionError, EventStore, StockRefusedError, VersionTakenError
from services.libs.store.inventory_table import InventoryTable
from services.libs.store.next_commit import History, write_next
from services.shared.category_lifecycle import category_stream
from services.shared.causes import Cause
from services.shared.commands import find_repeat
from services.shared.commits import Command, Commit, sku_stream
from services.shared.events.catalog import CategoryCreated, ProductCreated
from services.shared.inventory import StockItem
from services.shared.product_state import described_at, fold, says_description
from services.shared.refusals import Refusal, RefusedError

# Orders and other members of staff write to the same SKU.
_ATTEMPTS = 8


class FoundProduct(NamedTuple):
    version: int
    description: str
    item: StockItem


class CatalogService:
    def __init__(self, store: EventStore, inventory: InventoryTable) -> None:
        self._store = store
        self._inventory = inventory

    def create_category(self, category: CategoryCreated, command: Command | None, cause: Cause) -> Commit:
        """Create it, or find that this request did before. Raises RefusedError.

        A category is created after its parent and never moves. So the categories are a tree.
        """
        if category.parent_id == category.category_id:
            raise RefusedError(Refusal.INVALID, "parentId: a category cannot be its own parent", "parentId")
        self._require_category("parentId", category.parent_id)
        stream = category_stream(category.category_id)
        return self._create(Commit(stream, 1, (category,), cause, command=command), f"category {category.category_id}")

    def create_product(self, created: ProductCreated, command: Command, cause: Cause) -> Commit:
        """Create it without stock, or find that this request did before. Raises RefusedError."""
        self._require_category("categoryId", created.category_id)
        return self._create(domain.create_product(created, cause, command), f"product {created.sku}")

    def update_product(
        self, sku: str, changes: Mapping[str, object], cause: Cause, if_match: int | None = None
    ) -> Commit | None:
        """Change some fields, named as those of ProductUpdated; orders that are accepted keep their prices.

        Nothing that an order writes is in its way. Returns None if each is so already. Raises RefusedError.
        """
        if isinstance(category_id := changes.get("category_id"), str):
            self._require_category("categoryId", category_id)
        _, commit = write_next(
            self._store,
            lambda: self._described(sku),
            lambda history: domain.update_product(fold(history), sku, changes, cause, if_match),
        )
        return commit

    def set_stock(self, sku: str, stock: int, cause: Cause) -> tuple[int, StockItem]:
        """Set the stock on hand, again where an order came first; return the SKU's version and what is in stock now.

        Raises RefusedError below what is reserved, and ContentionError.
        """
        for _ in range(_ATTEMPTS):
            # The version first: a price that is written after it makes this write fail, instead of being undone.
            history = self._last_commits(sku)
            item = self._item(sku)
            commit = domain.set_stock(item, stock, history, cause)
            if commit is None:
                return domain.version_of(history), item
            try:
                self._store.append(commit)
            except (VersionTakenError, StockRefusedError):
                continue
            (change,) = commit.stock_changes()
            return commit.version, item.changed_by(change)
        raise ContentionError(f"others changed the stock in each of {_ATTEMPTS} attempts")

    def product(self, sku: str) -> FoundProduct:
        """The product as of now. Raises RefusedError."""
        # The version first: whoever changes what is older than it is told so.
        state = fold(self._described(sku))
        if state is None:
            raise unknown_sku(sku)
        return FoundProduct(state.version, state.description, self._item(sku))

    def category(self, category_id: str) -> CategoryCreated:
        """Raise RefusedError if there is none."""
        stream = category_stream(category_id)
        for commit in self._store.read_versions([stream], [1]).get(stream, ()):
            return commit.get(CategoryCreated)
        raise RefusedError(Refusal.NOT_FOUND, f"there is no category {category_id}")

    def _last_commits(self, sku: str) -> History:
        return self._store.read_back(sku_stream(sku), says_description)

    def _described(self, sku: str) -> History:
        """The commit that states the description, and the last ones."""
        history = self._last_commits(sku)
        described = described_at(history[0]) if history else None
        if not described or described == history[0].version:
            return history
        stream = sku_stream(sku)
        return (*self._store.read_versions([stream], [described])[stream], *history)

    def _item(self, sku: str) -> StockItem:
        items = self._inventory.read([sku])
        if sku not in items:
            raise unknown_sku(sku)
        return items[sku]

    def _require_category(self, field: str, category_id: str | None) -> None:
        """A category is never removed, so it is still there when the commit is written."""
        if category_id is None:
            return
        try:
            self.category(category_id)
        except RefusedError as refused:
            raise RefusedError(Refusal.INVALID, f"{field}: {refused}", field) from None

    def _create(self, commit: Commit, name: str) -> Commit:
        try:
            self._store.append(commit)
        except VersionTakenError as taken:
            if commit.command and (before := find_repeat((taken.existing,), commit.command)):
                return before
            raise RefusedError(Refusal.CONFLICT, f"there is a {name} already") from None
        return commit

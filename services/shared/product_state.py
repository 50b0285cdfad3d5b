"""A product as its commits state it."""

from collections.abc import Sequence
from typing import NamedTuple

from services.shared.commits import Commit
from services.shared.events.catalog import ProductCreated, ProductInventoryUpdated, ProductUpdated, WholeProduct
from services.shared.inventory import Product


class ProductState(NamedTuple):
    """A product as the last commits of its stream state it."""

    version: int
    product: Product
    description: str


def described_at(commit: Commit) -> int | None:
    """The version that states the product's description, 0 for none, as the commit says; None if it does not."""
    if _whole_product(commit):
        return commit.version
    stocked = commit.find(ProductInventoryUpdated)
    return stocked.described_at if stocked else None


def says_description(commit: Commit) -> bool:
    """Whether no commit before it is needed to find the description."""
    return described_at(commit) is not None


def fold(history: Sequence[Commit]) -> ProductState | None:
    """Fold the last commits of a SKU, behind the one that states its description; None if there are none."""
    product, description = None, ""
    for commit in history:
        (change,) = commit.stock_changes()
        if change.product:
            product = change.product.over(product)
        if described := _whole_product(commit):
            description = described.description
    return ProductState(history[-1].version, product, description) if product else None


def _whole_product(commit: Commit) -> WholeProduct | None:
    return commit.find(ProductUpdated) or commit.find(ProductCreated)

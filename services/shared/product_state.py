"""A product as its commits state it."""

from collections.abc import Sequence
from typing import NamedTuple

from services.shared.commits import Commit
from services.shared.events.catalog import ProductCreated, ProductUpdated
from services.shared.inventory import Product


class ProductState(NamedTuple):
    """A product as the last commits of its stream state it."""

    version: int
    product: Product
    description: str


def states_description(commit: Commit) -> bool:
    """Whether the state of a product follows from this commit and those after it."""
    return bool(commit.find(ProductUpdated) or commit.find(ProductCreated))


def fold(history: Sequence[Commit]) -> ProductState | None:
    """Fold the commits of a SKU, from the last one that states its description on; None if there are none."""
    product, description = None, ""
    for commit in history:
        (change,) = commit.stock_changes()
        if change.product:
            product = change.product.over(product)
        if described := commit.find(ProductUpdated) or commit.find(ProductCreated):
            description = described.description
    return ProductState(history[-1].version, product, description) if product else None

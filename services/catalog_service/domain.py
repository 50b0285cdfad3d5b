"""The decisions of the catalogue: its categories, what a product is and costs, and its stock on hand."""

from collections.abc import Mapping, Sequence

from services.shared.causes import Cause
from services.shared.commits import Command, Commit, sku_stream
from services.shared.events.catalog import ProductCreated, ProductInventoryUpdated, ProductUpdated
from services.shared.inventory import Move, Product, StockItem, StockMove
from services.shared.product_state import ProductState, described_at
from services.shared.refusals import Refusal, RefusedError

_ADJUST = StockMove(Move.ADJUST)


def category_id_of(command: Command) -> str:
    """The id of the category that this request creates, the same for each repetition."""
    return f"cat-{command.key[:24]}"


def create_product(
    created: ProductCreated, cause: Cause, command: Command | None = None, stock: int | None = None
) -> Commit:
    """The first commit of a SKU; with `stock` it also sets the stock on hand."""
    stocked = () if stock is None else (stock_set(created.sku, created.product, stock, stock),)
    return Commit(sku_stream(created.sku), 1, (created, *stocked), cause, _ADJUST, command=command)


def update_product(
    state: ProductState | None, sku: str, changes: Mapping[str, object], cause: Cause, if_match: int | None = None
) -> Commit | None:
    """Change the fields of a product that `changes` names; None if each is so already.

    `if_match` is the version that the change is meant for, None for any. Raises RefusedError.
    """
    if state is None:
        raise unknown_sku(sku)
    if if_match not in {None, state.version}:
        raise RefusedError(
            Refusal.STALE, f"{sku} was changed, it is at version {state.version}: read it again, and decide anew"
        )
    before = {**state.product._asdict(), "description": state.description}
    after = {**before, **changes}
    if after == before:
        return None
    updated = ProductUpdated.model_validate({"sku": sku, **after})
    return Commit(sku_stream(sku), state.version + 1, (updated,), cause, _ADJUST)


def set_stock(item: StockItem, stock: int, history: Sequence[Commit], cause: Cause) -> Commit | None:
    """Set the stock on hand; None if it is so already. `history` are the SKU's last commits. Raises RefusedError."""
    if stock < item.reserved:
        raise RefusedError(Refusal.NOT_ALLOWED, f"{item.reserved} units are reserved for orders")
    if stock == item.stock:
        return None
    described = described_at(history[0]) or 0 if history else 0
    event = stock_set(item.sku, item.product, stock, stock - item.stock).model_copy(update={"described_at": described})
    return Commit(sku_stream(item.sku), version_of(history) + 1, (event,), cause, _ADJUST)


def version_of(history: Sequence[Commit]) -> int:
    return history[-1].version if history else 0


def stock_set(sku: str, product: Product, stock: int, delta: int) -> ProductInventoryUpdated:
    """The event of a stock on hand; `delta` is the change that leads to it."""
    return ProductInventoryUpdated(sku=sku, **product._asdict(), stock=stock, stock_delta=delta)


def unknown_sku(sku: str) -> RefusedError:
    return RefusedError(Refusal.NOT_FOUND, f"there is no product {sku}")

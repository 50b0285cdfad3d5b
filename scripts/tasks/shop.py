"""Tasks that use the shop: stock, orders, a demo."""

from pathlib import Path

from invoke.context import Context

from scripts.cli.paths import SEED_FILE
from scripts.tasks.command import DEPLOYMENT, TARGET, command, count, path, target_of


@command(
    {"target": TARGET, "file": "the JSON file with the inventory; scripts/inventory-seed.json by default"},
    needs=DEPLOYMENT,
)
def seed_inventory(_: Context, target: str = "local", file: str = str(SEED_FILE)) -> None:
    """Set stock and prices from a file."""
    from scripts.seed_inventory import seed

    seed(target_of(target), Path(file))


@command(
    {
        "item": "SKU=QUANTITY, such as prod-006=2; once for each SKU; without --file, one at least",
        "target": TARGET,
        "order_id": "the order's id; one is made up by default",
        "customer_id": "the customer's id",
        "file": "a JSON file with an order, such as scripts/order-example.json",
        "wait": "wait for the order's outcome",
    },
    needs=DEPLOYMENT,
    example="put-order --item prod-001=1 --item prod-006=2",
    iterable=["item"],
)
def put_order(
    _: Context,
    item: list[str],
    target: str = "local",
    order_id: str | None = None,
    customer_id: str | None = None,
    file: str | None = None,
    wait: bool = True,
) -> None:
    """Place an order: give --item or --file."""
    from scripts.put_order import put_order

    order_file = path(file)
    put_order(target_of(target), order_id=order_id, customer_id=customer_id, items=item, file=order_file, wait=wait)


@command(
    {"order": "the order's id", "target": TARGET, "json": "print one JSON object"},
    needs=DEPLOYMENT,
    example="order-show order-1a2b3c4d5e6f",
    positional=["order"],
)
def order_show(_: Context, order: str, target: str = "local", json: bool = False) -> None:
    """Show one order's history, stock and money."""
    from scripts.ledger import order_show

    order_show.show(target_of(target), order, as_json=json)


@command({"target": TARGET, "orders": "how many orders, 1 or more"}, needs=f"{DEPLOYMENT}; a seeded inventory")
def demo(_: Context, target: str = "local", orders: str = "200") -> None:
    """Send orders; show orders, stock and money."""
    from scripts import demo

    demo.run_demo(target_of(target), count("orders", orders))

"""Seed the inventory from a file."""

from collections.abc import Sequence
from pathlib import Path

from scripts.cli.console import print_table, table
from scripts.cli.errors import UserError
from scripts.cli.json_files import load_json
from scripts.cli.money import money
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.log_reader import read_inventory
from scripts.operate.post_deploy_suite import load_suite
from scripts.operate.seeding import CATALOGUE, Seeder, SeedProduct
from services.shared.inventory import StockItem

_MOST_NAMED = 5


def check_currency(products: Sequence[SeedProduct], inventory: Sequence[StockItem]) -> None:
    """Raise UserError for a currency that the catalogue does not have; products of the post-deploy test do not count.

    Staff may create products in several currencies by the shop API.
    """
    suite = {product.sku for product in load_suite().inventory}
    priced = {item.sku: item.product.currency for item in inventory if item.sku not in suite}
    currency = products[0].currency
    others = sorted(priced.keys() - {product.sku for product in products})
    if others and currency not in priced.values():
        named = ", ".join(f"{sku} in {priced[sku]}" for sku in others[:_MOST_NAMED])
        more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
        raise UserError(
            f"the file is priced in {currency}, but the inventory has {named}{more}: an order over both would be "
            "cancelled; nothing was changed. Name these products in the file, or change their currency by the shop API"
        )


def seed(target: Target, file: Path) -> None:
    """Set stock on hand and prices as in `file`, and print each change; raise UserError where one was refused."""
    products = load_json(file, CATALOGUE)
    deployment = Deployment.of(target)
    check_currency(products, read_inventory(target.client("dynamodb"), deployment))
    changes = list(Seeder.of(target, deployment).seed(products))
    numbers = ("price", "stock", "reserved")
    shown = table(
        "SKU", "name", "warehouse", *numbers, "change", title=f"Inventory of {target.environment}", numbers=numbers
    )
    for change in changes:
        product = change.product
        reserved = change.before.reserved if change.before else 0
        stock = change.before.stock if change.refused and change.before else product.stock
        price = money(product.price_minor, product.currency)
        shown.add_row(product.sku, product.name, product.warehouse, price, str(stock), str(reserved), change.text)
    print_table(shown)
    refused = [change for change in changes if change.refused]
    if refused:
        raise UserError("\n".join(f"{change.product.sku}: {change.refused}" for change in refused))

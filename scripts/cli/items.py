"""Quantities of SKUs on a command line."""

from scripts.cli.errors import UserError


def sku_and_quantity(option: str, text: str) -> tuple[str, int]:
    """Read `SKU=QUANTITY` of this option, such as --item; the quantity may be 0 or less. Raise UserError."""
    sku, equals, quantity = text.partition("=")
    if not sku:
        raise UserError(f"{option} {text!r}: the SKU is missing, write for example prod-006=1")
    if not equals:
        raise UserError(f"{option} {text}: the quantity is missing, write for example {sku}=1")
    try:
        return sku, int(quantity)
    except ValueError as error:
        raise UserError(f"{option} {text}: the quantity is not a whole number, write for example {sku}=2") from error

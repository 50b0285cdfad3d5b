"""Tasks that use the shop: stock, orders, a demo."""

from pathlib import Path

from invoke.context import Context

from scripts.cli.errors import UserError
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


_ORDER = "the order's id"
_CUSTOMER = "the customer who asks; the order's own by default, for whom staff then acts"
_WAIT = "wait for the refund"


@command(
    {"order": _ORDER, "target": TARGET, "customer": _CUSTOMER, "wait": _WAIT},
    needs=DEPLOYMENT,
    example="order-cancel order-1a2b3c4d5e6f",
    positional=["order"],
)
def order_cancel(_: Context, order: str, target: str = "local", customer: str | None = None, wait: bool = True) -> None:
    """Cancel an order that is not in fulfilment yet."""
    from scripts.operate import after_sale

    after_sale.cancel_order(target_of(target), order, customer, wait=wait)


@command(
    {
        "order": _ORDER,
        "item": "SKU=QUANTITY, such as prod-006=2; once for each SKU, one at least",
        "target": TARGET,
        "customer": _CUSTOMER,
        "return_id": "the return's id, under which it is opened once; one is made up by default",
    },
    needs=DEPLOYMENT,
    example="return-request order-1a2b3c4d5e6f --item prod-006=1",
    positional=["order"],
    iterable=["item"],
)
def return_request(
    _: Context,
    order: str,
    item: list[str],
    target: str = "local",
    customer: str | None = None,
    return_id: str | None = None,
) -> None:
    """Open a return of delivered goods."""
    from scripts.operate import after_sale

    after_sale.request_return(target_of(target), order, customer, item, return_id)


@command(
    {
        "order": _ORDER,
        "return_id": "the return's id",
        "item": "SKU=QUANTITY that came back and is refunded; once for each SKU, one at least",
        "restock": "SKU=QUANTITY of these that is fit for sale, or none; all that came back by default",
        "target": TARGET,
        "wait": _WAIT,
    },
    needs=DEPLOYMENT,
    example="return-receive order-1a2b3c4d5e6f return-6f5e4d3c2b1a --item prod-006=1 --restock none",
    positional=["order", "return_id"],
    iterable=["item", "restock"],
)
def return_receive(
    _: Context,
    order: str,
    return_id: str,
    item: list[str],
    restock: list[str],
    target: str = "local",
    wait: bool = True,
) -> None:
    """Refund the goods of a return that came back."""
    from scripts.operate import after_sale

    after_sale.receive_return(target_of(target), order, return_id, item, restock, wait=wait)


@command(
    {
        "order": _ORDER,
        "refund": "the failed refund's id; each failed refund of the order by default",
        "target": TARGET,
        "wait": _WAIT,
    },
    needs=DEPLOYMENT,
    example="refund-retry order-1a2b3c4d5e6f",
    positional=["order"],
)
def refund_retry(_: Context, order: str, refund: str | None = None, target: str = "local", wait: bool = True) -> None:
    """Ask for failed refunds again, once for each failure."""
    from scripts.operate import after_sale

    after_sale.retry_refunds(target_of(target), order, refund, wait=wait)


@command(
    {
        "user": "an e-mail address, or a name such as ada for ada@shop-user.example",
        "target": TARGET,
        "staff": "make a member of the staff, who may change products and take goods back",
        "json": "print one JSON object",
        "shell": "print the API's URL and the token as the variables SHOP and TOKEN, for a shell to take",
    },
    needs=DEPLOYMENT,
    example="shop-user ada --staff",
    positional=["user"],
)
def shop_user(
    _: Context, user: str, target: str = "local", staff: bool = False, json: bool = False, shell: bool = False
) -> None:
    """Make a customer, and print an access token.

    The shop API takes the token for a quarter of an hour. Run the task again for a new one.
    """
    from scripts.operate import shop_users

    if json and shell:
        raise UserError("--json and --shell are two forms of one answer: leave one out")
    shop_users.make(target_of(target), user, staff=staff, as_json=json, for_shell=shell)


@command({"target": TARGET, "orders": "how many orders, 1 or more"}, needs=f"{DEPLOYMENT}; a seeded inventory")
def demo(_: Context, target: str = "local", orders: str = "200") -> None:
    """Order by event and at the shop API; show the result."""
    from scripts import demo

    demo.run_demo(target_of(target), count("orders", orders))

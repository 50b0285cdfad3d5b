"""Place one order, from the command line or a JSON file."""

from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from scripts.console import out
from scripts.deployment import Deployment
from scripts.errors import UserError
from scripts.json_files import load_json
from scripts.order_client import History, OrderClient
from scripts.target import Target
from services.libs.inventory_table import InventoryTable
from services.order_service.messages import OrderPlaced

_WAIT_SECONDS = 60
_ORDER = TypeAdapter(OrderPlaced)


def put_order(  # noqa: PLR0913 - the options of the command
    target: Target,
    *,
    order_id: str | None,
    customer_id: str,
    items: Sequence[str],
    file: Path | None,
    wait: bool,
) -> None:
    """Send `OrderPlaced` for the items (`sku=quantity`) or the file's detail, and tell what became of it."""
    order = load_json(file, _ORDER) if file else _from_items(order_id, customer_id, items)
    deployment = Deployment.of(target)
    _check_skus(target, deployment, order)
    client = OrderClient(target, deployment)
    client.place([order.model_dump(by_alias=True, exclude_none=True)])
    out.print(f"order {order.order_id} sent to {deployment.order_bus_name}")
    if wait:
        _tell(client.wait([order.order_id], _WAIT_SECONDS)[order.order_id])


def _from_items(order_id: str | None, customer_id: str, items: Sequence[str]) -> OrderPlaced:
    if not items:
        raise UserError("the order is empty: give --item SKU=QUANTITY, as often as you like, or --file FILE")
    try:
        return OrderPlaced.model_validate(
            {
                "orderId": order_id or f"order-{uuid4().hex[:12]}",
                "customerId": customer_id,
                "items": [_item(item) for item in items],
            }
        )
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
        raise UserError("the order is not valid: " + "; ".join(problems)) from error


def _item(text: str) -> dict[str, str | int]:
    sku, _, quantity = text.partition("=")
    try:
        return {"sku": sku, "quantity": int(quantity or "1")}
    except ValueError as error:
        raise UserError(f"--item {text}: the quantity is not a whole number, write for example {sku}=2") from error


def _check_skus(target: Target, deployment: Deployment, order: OrderPlaced) -> None:
    inventory = InventoryTable(target.client("dynamodb"), deployment.inventory_table_name)
    skus = {item.sku for item in order.items}
    unknown = sorted(skus - inventory.read(skus).keys())
    if unknown:
        raise UserError(
            f"unknown SKU {', '.join(unknown)}: nothing was sent. `invoke seed-inventory` lists the catalogue"
        )


def _tell(history: History) -> None:
    if history.final is None:
        raise UserError(
            f"order {history.order_id} has no final state after {_WAIT_SECONDS} s"
            f" (so far: {', '.join(history.events) or 'nothing'}); look at the dead letters and the functions' logs"
        )
    for commit in history.commits:
        events = " + ".join(event.value for event in commit.events)
        reason = f" ({commit.body['reason']})" if "reason" in commit.body else ""
        out.print(f"  {commit.cause.occurred_at}  version {commit.version}  {events}{reason}")

"""Place one order, from the command line or a JSON file."""

import json
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.cli.items import sku_and_quantity
from scripts.cli.json_files import load_json
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.log_reader import NoCommitError, read_inventory
from scripts.ledger.order_history import events_text
from scripts.operate.order_client import History, OrderClient
from services.libs.messaging.incoming_events import EventDetail
from services.libs.store.inventory_table import InventoryTable
from services.order_service.domain import PlacedOrder, content_hash
from services.shared.commits import Commit
from services.shared.events.order import OrderPlaced
from services.shared.validation_errors import causes

# What a function failed at comes again after a minute: time for two of that.
_WAIT_SECONDS = 180
_SKUS_SHOWN = 20
_OF_TESTS = "test-"
"""The prefix of the SKUs that the post-deploy test and the other suites make."""
_ORDERS, _DETAILS = TypeAdapter(OrderPlaced), TypeAdapter(EventDetail)


def put_order(  # noqa: PLR0913 - the options of the command
    target: Target,
    *,
    order_id: str | None,
    customer_id: str | None,
    items: Sequence[str],
    file: Path | None,
    wait: bool,
) -> None:
    """Send `OrderPlaced` for the items (`SKU=QUANTITY`) or with the file's detail, and print the order's history.

    Raises UserError where the order is not valid, its id is taken, or it is neither confirmed nor cancelled in time.
    """
    if file and (items or order_id or customer_id):
        raise UserError("--file says what to order: leave out --item, --order-id and --customer-id")
    order = _from_file(file) if file else _from_items(order_id, customer_id, items)
    # A file's detail is sent as it is, with fields that this project does not know.
    detail = json.loads(file.read_text("utf-8-sig")) if file else order.published()
    deployment = Deployment.of(target)
    client = OrderClient(target, deployment)
    if commits := _commits(client, order.order_id):
        _check_same(order, commits[0])
        out.print(f"order {order.order_id} was placed before: this is a repetition, which must change nothing")
    _check_skus(target, deployment, order)
    client.place([detail])
    lines = ", ".join(f"{quantity} {sku}" for sku, quantity in order.quantities().items())
    out.print(f"order {order.order_id} sent to {deployment.buses[OrderPlaced.BUS]}: {lines}", markup=False)
    if wait:
        _print_outcome(client.wait([order.order_id], _WAIT_SECONDS)[order.order_id])


def _commits(client: OrderClient, order_id: str) -> Sequence[Commit]:
    try:
        return client.histories([order_id])[order_id].commits
    except NoCommitError as error:
        raise UserError(f"order id {order_id} cannot be used, as {error}: nothing was sent") from error


def _from_file(file: Path) -> OrderPlaced:
    """Check the detail of an `OrderPlaced`, metadata and all."""
    load_json(file, _DETAILS)
    return load_json(file, _ORDERS)


def _from_items(order_id: str | None, customer_id: str | None, items: Sequence[str]) -> OrderPlaced:
    if not items:
        raise UserError("the order is empty: give --item SKU=QUANTITY, as often as you like, or --file FILE")
    lines = [sku_and_quantity("--item", item) for item in items]
    try:
        return OrderPlaced.model_validate(
            {
                "orderId": order_id or f"order-{uuid4().hex[:12]}",
                "customerId": customer_id or "customer-001",
                "items": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
            }
        )
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in causes(error)]
        raise UserError("the order is not valid: " + "; ".join(problems)) from error


def _check_same(order: OrderPlaced, existing: Commit) -> None:
    if content_hash(existing) != PlacedOrder.of(order, allow_forced_payment_result=True).content_hash:
        raise UserError(f"order id {order.order_id} is taken by an order with other content: nothing was sent")


def _check_skus(target: Target, deployment: Deployment, order: OrderPlaced) -> None:
    skus = {item.sku for item in order.items}
    found = InventoryTable(target.client("dynamodb"), deployment.tables.inventory).read(skus)
    unknown = sorted(skus - found.keys())
    if unknown:
        inventory = read_inventory(target.client("dynamodb"), deployment)
        known = [item.sku for item in inventory if not item.sku.startswith(_OF_TESTS)]
        raise UserError(
            f"unknown SKU {', '.join(unknown)}: nothing was sent. There are "
            f"{', '.join(known[:_SKUS_SHOWN]) or 'none, fill the shelves with `invoke seed-inventory`'}"
        )
    currencies = sorted({item.product.currency for item in found.values()})
    if len(currencies) > 1:
        raise UserError(f"the SKUs are priced in {', '.join(currencies)}, and an order has one: nothing was sent")


def _print_outcome(history: History) -> None:
    if history.concluded is None:
        raise UserError(
            f"order {history.order_id} is neither confirmed nor cancelled after {_WAIT_SECONDS} s"
            f" (so far: {', '.join(history.events) or 'nothing'}); `invoke dlq-list` may say why; "
            "during `invoke pause` it waits for `invoke resume`"
        )
    for commit in history.commits:
        out.print(f"  {commit.cause.occurred_at}  version {commit.version}  {events_text(commit)}")

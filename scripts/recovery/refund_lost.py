"""Refund the charges of orders that the event store has lost, or that were refused when they came again."""

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.cli.money import money
from scripts.cli.progress import progress_display, show_progress
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.deploy.turns import one_at_a_time
from scripts.ledger.audit.charges import charges_without_orders
from scripts.ledger.gateway_ledger import UNREADABLE, GatewayEntry, read_gateway
from scripts.ledger.log_reader import scan
from scripts.recovery.log_summary import summarise
from services.payment_service.simulated_gateway import SimulatedGateway

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_ENTRIES_AT_ONCE = 1000


@one_at_a_time
def refund_lost_orders(target: Target, *, dry_run: bool) -> None:
    """Call the charges off, or only list them; raise UserError where the event store cannot tell which they are.

    A payment is taken only for an order whose version 1 is committed, so no order under way is among them. A refund
    that the lost order had is not made a second time: calling a charge off gives back the rest of it.
    """
    deployment, client = Deployment.of(target), target.client("dynamodb")
    entries, lost, unreadable = read_gateway(client, deployment), list[GatewayEntry](), list[str]()
    while some := list(islice(entries, _ENTRIES_AT_ONCE)):
        lost += charges_without_orders(client, deployment, some)
        unreadable += [entry.order_id for entry in some if entry.status == UNREADABLE]
    if lost:
        _refund(client, deployment, lost, dry_run=dry_run)
    else:
        out.print("every charge is of an order that was accepted")
    if unreadable:
        raise UserError(f"entries of the gateway's ledger that cannot be read, and were left: {', '.join(unreadable)}")


def _refund(client: "DynamoDBClient", deployment: Deployment, lost: Sequence[GatewayEntry], *, dry_run: bool) -> None:
    if not dry_run:
        _check_log(client, deployment)
    # The success rate decides new charges only.
    gateway = SimulatedGateway(client, deployment.tables.simulated_gateway, success_rate=0)
    for entry in lost:
        if not dry_run:
            gateway.call_off(entry.order_id)
        amount = money(entry.kept_minor, entry.currency)
        if entry.refunded_minor:
            amount += f", the rest of {money(entry.amount_minor, entry.currency)}"
        done = "not given back yet" if dry_run else "given back"
        out.print(f"{entry.order_id}  {entry.charge_id}  {amount}  {done}", markup=False, soft_wrap=True)


def _check_log(client: "DynamoDBClient", deployment: Deployment) -> None:
    """A damaged log may have lost good orders too."""
    with progress_display() as shown:
        summary = summarise(show_progress(shown, "commits checked", scan(client, deployment.tables.event_store)))
    if not summary.commits or summary.damage:
        raise UserError(
            "nothing was given back: the event store is empty or damaged; `invoke restore` first\n"
            f"{summary.damage or 'it holds no commit'}\n"
            "if orders were written meanwhile: `invoke pause`, `invoke recover.refund-lost`, `invoke resume`"
        )

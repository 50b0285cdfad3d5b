"""Give back what was charged for orders that the event store has lost, or that were refused when they came again."""

from itertools import islice
from typing import TYPE_CHECKING

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.cli.progress import progress_display, show_progress
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.audit.charges import charges_without_orders
from scripts.ledger.log_reader import read_gateway, scan
from scripts.recovery.log_survey import survey
from services.payment_service.simulated_gateway import SimulatedGateway
from services.shared.json_types import JsonObject, integer

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_ENTRIES_AT_ONCE = 1000


def refund_lost_orders(target: Target, *, dry_run: bool) -> None:
    """Call the charges off, or only list them; raise UserError where the event store cannot tell which they are.

    A payment is taken only for an order whose version 1 is committed, so none of an order under way is among them.
    """
    deployment, client = Deployment.of(target), target.client("dynamodb")
    entries, lost = read_gateway(client, deployment), []
    while some := list(islice(entries, _ENTRIES_AT_ONCE)):
        lost += charges_without_orders(client, deployment, some)
    if not lost:
        out.print("every charge is of an order that was accepted")
        return
    if not dry_run:
        _check_log(client, deployment)
    # What a charge is decided by says nothing of its being called off.
    gateway = SimulatedGateway(client, deployment.tables.simulated_gateway, success_rate=0)
    for entry in lost:
        if not dry_run:
            gateway.call_off(str(entry["order_id"]))
        _print(entry, "not given back yet" if dry_run else "given back")


def _check_log(client: "DynamoDBClient", deployment: Deployment) -> None:
    """To a log that is damaged good orders are unknown too."""
    with progress_display() as shown:
        found = survey(show_progress(shown, "commits checked", scan(client, deployment.tables.event_store)))
    if not found.commits or found.damage:
        raise UserError(
            "nothing was given back: the event store is empty or damaged; `invoke restore` first\n"
            f"{found.damage or 'it holds no commit'}\n"
            "if orders were written meanwhile: `invoke pause`, `invoke recover.refund-lost`, `invoke resume`"
        )


def _print(entry: JsonObject, done: str) -> None:
    amount = f"{integer(entry, 'amount_minor') / 100:.2f} {entry['currency']}"
    out.print(f"{entry['order_id']}  {entry['charge_id']}  {amount}  {done}", markup=False, soft_wrap=True)

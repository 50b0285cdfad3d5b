"""Give back what was charged for orders that the event store has lost, or that were refused when they came again."""

from itertools import islice

from scripts.audit import charges_without_orders
from scripts.console import out, table
from scripts.deployment import Deployment
from scripts.ledger import read_gateway
from scripts.target import Target
from services.payment_service.simulated_gateway import SimulatedGateway
from services.shared.json_types import integer

_ENTRIES_AT_ONCE = 1000


def run(target: Target, *, dry_run: bool) -> None:
    """Call the charges off, or only list them.

    A payment is taken only for an order whose version 1 is committed, so none of an order under way is among them.
    """
    deployment, client = Deployment.of(target), target.client("dynamodb")
    entries, lost = read_gateway(client, deployment), []
    while some := list(islice(entries, _ENTRIES_AT_ONCE)):
        lost += charges_without_orders(client, deployment, some)
    # What a charge is decided by says nothing of its being called off.
    gateway = SimulatedGateway(client, deployment.simulated_gateway_table_name, success_rate=0)
    shown = table("order", "charge", "amount", "", numbers={"amount"})
    for entry in lost:
        if not dry_run:
            gateway.call_off(str(entry["order_id"]))
        amount = f"{integer(entry, 'amount_minor') / 100:.2f} {entry['currency']}"
        shown.add_row(str(entry["order_id"]), str(entry["charge_id"]), amount, "" if dry_run else "given back")
    if lost:
        out.print(shown)
    else:
        out.print("every charge is of an order that was accepted")

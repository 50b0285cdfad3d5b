"""Compare the gateway's charges with the orders that were accepted."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from scripts.deploy.deployment import Deployment
from scripts.ledger.audit.findings import Difference
from scripts.ledger.log_reader import UNREADABLE, NoCommitError, gateway_entry, read_commit, read_orders
from services.libs.store.dynamodb_items import Item, batch_get, to_item
from services.shared.commits import order_stream
from services.shared.events.payment import PaymentRequested
from services.shared.json_types import JsonObject
from services.shared.order_lifecycle import DECISION

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def charges_of(client: "DynamoDBClient", deployment: Deployment, order_ids: Iterable[str]) -> dict[str, JsonObject]:
    """Read the gateway's entries of these orders, by the order's id."""
    keys = [to_item({"order_id": order_id}) for order_id in order_ids]
    items = batch_get(client, deployment.tables.simulated_gateway, keys)
    return {str(entry["order_id"]): entry for entry in map(gateway_entry, items)}


def charge_differences(
    client: "DynamoDBClient", deployment: Deployment, entries: Sequence[JsonObject]
) -> Iterator[Difference]:
    for entry in entries:
        if entry["status"] == UNREADABLE:
            yield Difference("money", str(entry["order_id"]), "an entry of the gateway's ledger", UNREADABLE)
    for entry in charges_without_orders(client, deployment, entries):
        yield Difference("money", str(entry["order_id"]), "no charge: no such order was accepted", "charged")


def charges_without_orders(
    client: "DynamoDBClient", deployment: Deployment, entries: Iterable[JsonObject]
) -> list[JsonObject]:
    """Find the entries that took money for an order that was refused, or that the event store does not know.

    Only an order that was accepted has a later version, so one that has lost its first is still known. What cannot be
    read may be of an order that was accepted.
    """
    charged = {order_stream(str(entry["order_id"])): entry for entry in entries if entry["status"] == "charged"}
    accepted = {item["stream_id"]["S"] for item in read_orders(client, deployment, charged) if _may_be_accepted(item)}
    return [entry for stream_id, entry in charged.items() if stream_id not in accepted]


def _may_be_accepted(item: Item) -> bool:
    try:
        commit = read_commit(item)
    except NoCommitError:
        return True
    return commit.version > DECISION or commit.find(PaymentRequested) is not None

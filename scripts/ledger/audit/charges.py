"""Compare the gateway's charges with the orders that were accepted."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from scripts.deploy.deployment import Deployment
from scripts.ledger.audit.findings import Difference
from scripts.ledger.gateway_ledger import CHARGED, UNREADABLE, GatewayEntry
from scripts.ledger.log_reader import NoCommitError, read_beginnings, read_commit
from services.libs.store.dynamodb_items import Item
from services.shared.commits import order_stream
from services.shared.events.payment import PaymentRequested
from services.shared.order_lifecycle import DECISION

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def charge_differences(
    client: "DynamoDBClient", deployment: Deployment, entries: Sequence[GatewayEntry]
) -> Iterator[Difference]:
    for entry in entries:
        if entry.status == UNREADABLE:
            yield Difference("money", entry.order_id, "an entry of the gateway's ledger", UNREADABLE)
    for entry in charges_without_orders(client, deployment, entries):
        yield Difference("money", entry.order_id, "no charge: no such order was accepted", entry.outcome)


def charges_without_orders(
    client: "DynamoDBClient", deployment: Deployment, entries: Iterable[GatewayEntry]
) -> list[GatewayEntry]:
    """Find the charges of orders that were refused, or that the event store does not know.

    Only an accepted order has a second version, so an order that lost its first is still known. An item that is no
    commit may be of an accepted order.
    """
    charged = {order_stream(entry.order_id): entry for entry in entries if entry.status == CHARGED}
    items = read_beginnings(client, deployment, charged)
    accepted = {item["stream_id"]["S"] for item in items if _may_be_accepted(item)}
    return [entry for stream_id, entry in charged.items() if stream_id not in accepted]


def _may_be_accepted(item: Item) -> bool:
    try:
        commit = read_commit(item)
    except NoCommitError:
        return True
    return commit.version > DECISION or commit.find(PaymentRequested) is not None

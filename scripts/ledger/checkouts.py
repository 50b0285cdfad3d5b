"""The orders that carts placed: a checkout's commit is in its cart's stream, its order's decision in the order's."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from scripts.deploy.deployment import Deployment
from scripts.ledger.log_reader import readable_commits
from services.libs.store.dynamodb_items import batch_get, to_item
from services.libs.store.event_store import EventStore
from services.shared.cart_lifecycle import CART_PREFIX, checkout_version
from services.shared.commits import Commit, order_stream
from services.shared.events.cart import CartCheckoutInitiated
from services.shared.order_lifecycle import DECISION

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

USUALLY_DECIDED_AFTER = timedelta(minutes=20)
"""The relay and the order queue take up to so long."""
WHERE_IT_IS = "it waits in the order queue or is among its dead letters: `invoke dlq-list`, then `invoke redrive`"

_ORDERS_AT_ONCE = 100


class Checkout(NamedTuple):
    """The commit of a cart that placed an order."""

    order_id: str
    stream_id: str
    version: int
    at: datetime


def checkouts_in(history: Iterable[Commit]) -> Iterator[Checkout]:
    for commit in history:
        if placed := commit.find(CartCheckoutInitiated):
            yield Checkout(placed.order_id, commit.stream_id, commit.version, commit.cause.at)


def undecided(store: EventStore, checkouts: Iterable[Checkout]) -> Iterator[Checkout]:
    """Those whose order has no commit yet, as of now."""
    left = iter(checkouts)
    while some := {order_stream(one.order_id): one for one in islice(left, _ORDERS_AT_ONCE)}:
        yield from (some[stream] for stream in store.without_version(list(some), DECISION))


def commits_of(client: "DynamoDBClient", deployment: Deployment, checkouts: Iterable[Checkout]) -> list[Commit]:
    """The commits of these checkouts, as far as they can be read."""
    keys = [to_item({"stream_id": one.stream_id, "version": one.version}) for one in checkouts]
    return list(readable_commits(batch_get(client, deployment.tables.event_store, keys), []))


def checkout_of(
    client: "DynamoDBClient", deployment: Deployment, order_id: str, history: Sequence[Commit]
) -> Commit | None:
    """The checkout that placed the order; None for an order that came by an event from outside.

    The decision names the checkout as its cause. Before it, the whole event store is searched.
    """
    if history:
        stream_id, _, rest = history[0].cause.event_id.partition("/")
        version = rest.partition("/")[0]
        if not stream_id.startswith(CART_PREFIX) or not version.isdecimal():
            return None
        keys = [to_item({"stream_id": stream_id, "version": int(version)})]
        items = batch_get(client, deployment.tables.event_store, keys)
    elif checkout_version(order_id):
        pages = client.get_paginator("scan").paginate(
            TableName=deployment.tables.event_store,
            FilterExpression="begins_with(stream_id, :cart) AND body.orderId = :order_id",
            ExpressionAttributeValues=to_item({":cart": CART_PREFIX, ":order_id": order_id}),
            ConsistentRead=True,
        )
        items = (item for page in pages for item in page["Items"])
    else:
        return None
    return next((commit for commit in readable_commits(items, []) if commit.find(CartCheckoutInitiated)), None)

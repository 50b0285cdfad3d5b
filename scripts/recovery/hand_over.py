"""Hand confirmed orders over to the fulfilment service that never heard of them, by their own event."""

from collections.abc import Iterator, Sequence

from scripts.cli.console import out
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.log_reader import readable_commits
from scripts.operate.relay_catchup import publisher_of
from services.libs.store.dynamodb_items import batch_get, to_item
from services.shared.commits import order_id_of
from services.shared.events.order import OrderConfirmed
from services.shared.order_lifecycle import CONFIRMATION

_ORDERS_AT_ONCE = 100


def hand_over(target: Target, deployment: Deployment, streams: Sequence[str]) -> Iterator[str]:
    """Publish each order's OrderConfirmed again and print a line for it; give the orders that could not be.

    The event has the id that it had, so a fulfilment that has begun after all ignores it. While the services pause, the
    fulfilment queue keeps it.
    """
    if not streams:
        return
    client, publisher = target.client("dynamodb"), publisher_of(target, deployment)
    for start in range(0, len(streams), _ORDERS_AT_ONCE):
        keys = [
            to_item({"stream_id": stream, "version": CONFIRMATION})
            for stream in streams[start : start + _ORDERS_AT_ONCE]
        ]
        items = batch_get(client, deployment.tables.event_store, keys)
        confirmed = [commit for commit in readable_commits(items, []) if commit.find(OrderConfirmed)]
        refused = publisher.publish(sorted(confirmed, key=lambda commit: commit.stream_id))
        for commit in confirmed:
            order_id = order_id_of(commit.stream_id)
            if commit in refused:
                yield f"{order_id}: EventBridge refused its OrderConfirmed; run this again"
            else:
                out.print(f"{order_id}: confirmed {commit.cause.occurred_at}, handed over to fulfilment", markup=False)

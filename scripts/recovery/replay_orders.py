"""Place orders again that the event store has lost: the order bus's archive keeps them as they were placed.

A lost order begins anew, however far it had come; its checkout is committed again. Its charge and its parcels' labels
are the ones that it had, as the gateway and the carrier know its ids; what customer and staff asked for later is lost
with its commits. So an order of which money was given back, because it was cancelled, lost on its way or returned, is
left: it would be sent again.

Live rules ignore replayed events, so a rule and a queue of this run's own catch them, and are removed afterwards.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.cli.progress import progress_display, show_progress
from scripts.cli.times import parse_past
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.deploy.turns import one_at_a_time
from scripts.ledger.gateway_ledger import read_entries
from scripts.operate.order_client import OrderClient
from scripts.recovery.lost_checkouts import commit_again
from services.libs.messaging.incoming_events import event_in, parse_message
from services.libs.store.event_store import EventStore
from services.order_service.domain import PlacedOrder
from services.shared.causes import timestamp
from services.shared.commits import order_stream
from services.shared.events.order import OrderPlaced
from services.shared.order_lifecycle import DECISION
from services.shared.rejections import RejectedError

if TYPE_CHECKING:
    from types_boto3_events.type_defs import TargetTypeDef
    from types_boto3_sqs.type_defs import DeleteMessageBatchRequestEntryTypeDef

_POLL_SECONDS = 1.0
# A new rule takes some time to be followed: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
_RULE_SECONDS = 60
# Of SQS.
_MESSAGES_PER_CALL = 10
_LONG_POLL_SECONDS = 5
_EMPTY_POLLS = 2


@dataclass(frozen=True, slots=True)
class _Placed:
    at: datetime
    detail: Mapping[str, object]
    """As it was sent."""
    order: PlacedOrder
    """What it asks for."""

    @classmethod
    def of(cls, body: str) -> "_Placed":
        """Raise RejectedError for an event that was rejected when it came, and would be again."""
        message = parse_message(body, datetime.now(UTC))
        order = PlacedOrder.of(event_in(message, OrderPlaced), allow_forced_payment_result=False)
        return cls(datetime.fromisoformat(json.loads(body)["time"]), message.detail, order)


@dataclass(slots=True)
class _Orders:
    """The orders of the archive that were read so far."""

    seen: set[str] = field(default_factory=set)
    lost: dict[str, _Placed] = field(default_factory=dict)
    """The earliest event of each order that the event store lacks: the one that the order service would have taken."""
    differing: set[str] = field(default_factory=set)
    """The lost orders that came with more than one content."""
    rejected: int = 0

    def add(self, bodies: Iterable[str], store: EventStore) -> None:
        placed = list(self._valid(bodies))
        new = {one.order.order_id for one in placed} - self.seen
        self.seen |= new
        missing = set(store.without_version([order_stream(order_id) for order_id in new], DECISION))
        for one in placed:
            if one.order.order_id in self.lost or order_stream(one.order.order_id) in missing:
                self._keep(one)

    def _valid(self, bodies: Iterable[str]) -> Iterator[_Placed]:
        for body in bodies:
            try:
                yield _Placed.of(body)
            except RejectedError:
                self.rejected += 1

    def _keep(self, placed: _Placed) -> None:
        order_id = placed.order.order_id
        first = self.lost.setdefault(order_id, placed)
        if placed.order.content_hash != first.order.content_hash:
            self.differing.add(order_id)
        if placed.at < first.at:
            self.lost[order_id] = placed


class OrderArchive:
    """The archive of the order bus."""

    def __init__(self, target: Target, deployment: Deployment) -> None:
        self._events = target.client("events")
        self._sqs = target.client("sqs")
        self._bus = deployment.buses[OrderPlaced.BUS]
        self._name = f"{target.environment}-replay-orders-{uuid4().hex[:8]}"
        self._rule_seconds = 0 if target.is_local else _RULE_SECONDS

    def placed(self, since: datetime, until: datetime) -> Iterator[list[str]]:
        """Give the events of orders that were placed then, some at a time, in no order, and some twice."""
        bus_arn = self._events.describe_event_bus(Name=self._bus)["Arn"]
        archives = self._events.list_archives(EventSourceArn=bus_arn)["Archives"]
        if not archives:
            raise UserError(f"{self._bus} has no archive")
        archive = self._events.describe_archive(ArchiveName=archives[0]["ArchiveName"])["ArchiveArn"]
        with self._caught() as (queue_url, rule_arn):
            self._events.start_replay(
                ReplayName=self._name,
                EventSourceArn=archive,
                EventStartTime=since,
                EventEndTime=until,
                Destination={"Arn": bus_arn, "FilterArns": [rule_arn]},
            )
            with out.status("replaying the archive"):
                self._wait()
            yield from self._received(queue_url)

    @contextmanager
    def _caught(self) -> Iterator[tuple[str, str]]:
        """Give the queue's URL and the rule's ARN; neither is left."""
        with ExitStack() as stack:
            url = self._sqs.create_queue(QueueName=self._name, Attributes={"SqsManagedSseEnabled": "true"})["QueueUrl"]
            stack.callback(self._sqs.delete_queue, QueueUrl=url)
            arn = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            pattern = json.dumps(
                {
                    "source": [OrderPlaced.BUS.source],
                    "detail-type": [OrderPlaced.type_name()],
                    "replay-name": [self._name],
                }
            )
            rule = self._events.put_rule(Name=self._name, EventBusName=self._bus, EventPattern=pattern)["RuleArn"]
            stack.callback(self._events.delete_rule, Name=self._name, EventBusName=self._bus)
            self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(_policy(arn, rule))})
            targets: list[TargetTypeDef] = [{"Id": "queue", "Arn": arn}]
            self._events.put_targets(Rule=self._name, EventBusName=self._bus, Targets=targets)
            stack.callback(self._events.remove_targets, Rule=self._name, EventBusName=self._bus, Ids=["queue"])
            time.sleep(self._rule_seconds)
            yield url, rule

    def _wait(self) -> None:
        while (replay := self._events.describe_replay(ReplayName=self._name))["State"] != "COMPLETED":
            if replay["State"] in ("CANCELLED", "FAILED"):
                raise UserError(f"the replay {self._name} {replay['State'].lower()}: {replay.get('StateReason')}")
            time.sleep(_POLL_SECONDS)

    def _received(self, queue_url: str) -> Iterator[list[str]]:
        empty = 0
        while empty < _EMPTY_POLLS:
            response = self._sqs.receive_message(
                QueueUrl=queue_url, MaxNumberOfMessages=_MESSAGES_PER_CALL, WaitTimeSeconds=_LONG_POLL_SECONDS
            )
            messages = response.get("Messages", [])
            empty = 0 if messages else empty + 1
            yield [message["Body"] for message in messages]
            done: list[DeleteMessageBatchRequestEntryTypeDef] = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages)
            ]
            if done:
                # A message that stays comes again, and is ignored then.
                self._sqs.delete_message_batch(QueueUrl=queue_url, Entries=done)


def _policy(queue_arn: str, rule_arn: str) -> dict[str, object]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


@one_at_a_time
def replay_lost_orders(target: Target, since: str, *, dry_run: bool) -> None:
    """Place each order again that the event store does not have, or only count them."""
    now = datetime.now(UTC)
    start = parse_past("--since", since, now)
    deployment = Deployment.of(target)
    store, client = EventStore(target.client("dynamodb"), deployment.store_tables), OrderClient(target, deployment)
    orders, gave_back = _Orders(), list[str]()
    with progress_display() as shown:
        for bodies in show_progress(shown, "batches read", OrderArchive(target, deployment).placed(start, now)):
            orders.add(bodies, store)
    for order_id, entry in read_entries(target.client("dynamodb"), deployment, orders.lost).items():
        if entry.refunded_minor:
            del orders.lost[order_id]
            gave_back.append(order_id)
    carts_left = list[str]()
    if not dry_run:
        carts_left = commit_again(store, (OrderPlaced.of(placed.detail) for placed in orders.lost.values()))
        client.place([placed.detail for placed in orders.lost.values()])
    done = "are not in the event store" if dry_run else "were not in the event store and are placed again"
    out.print(
        f"{len(orders.seen):,} orders were placed since {timestamp(start)}, and {len(orders.lost):,} of them {done}"
    )
    if gave_back:
        named = ", ".join(sorted(gave_back))
        out.print(
            f"not in the event store, and left, as money of them was given back: {named}\n"
            "`invoke recover.refund-lost` gives back the rest of it",
            markup=False,
        )
    if carts_left:
        out.print(f"placed again, while their carts may hold the same goods: {', '.join(carts_left)}", markup=False)
    if orders.rejected:
        out.print(f"{orders.rejected:,} more messages are no valid orders, and are left: they would be rejected again")
    if orders.differing:
        named = ", ".join(sorted(orders.differing))
        out.print(f"came with more than one content, of which the earliest counts: {named}", markup=False)
    out.print("orders of the last ten minutes may not be in the archive yet: run this again later")

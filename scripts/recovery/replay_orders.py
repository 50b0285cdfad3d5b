"""Place orders again that the event store has lost: the order bus's archive has kept them as they were placed.

Live rules let replayed events pass, so a rule and a queue of this run's own catch them, and are removed afterwards.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from scripts.console import out
from scripts.deployment import Deployment
from scripts.errors import UserError
from scripts.order_client import OrderClient
from scripts.recovery.counting import counted, counts
from scripts.target import Target
from scripts.times import parse_past
from services.libs.event_store import EventStore
from services.shared.commits import order_stream, timestamp
from services.shared.events import CATALOGUE, EventType

if TYPE_CHECKING:
    from types_boto3_events.type_defs import TargetTypeDef
    from types_boto3_sqs.type_defs import DeleteMessageBatchRequestEntryTypeDef

_POLL_SECONDS = 1.0
# A new rule takes some time to be followed: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
_RULE_SECONDS = 60
# Of SQS.
_MESSAGES_A_CALL = 10
_LONG_POLL_SECONDS = 5
_EMPTY_POLLS = 2
_PLACED = EventType.ORDER_PLACED
_BUS = CATALOGUE[_PLACED].bus
_Order = Mapping[str, Any]
"""A detail as it was sent, which may be anything."""


class OrderArchive:
    """What the order bus's archive holds."""

    def __init__(self, target: Target, deployment: Deployment) -> None:
        self._events = target.client("events")
        self._sqs = target.client("sqs")
        self._bus = deployment.order_bus_name
        self._name = f"{target.environment}-replay-orders-{uuid4().hex[:8]}"
        self._rule_seconds = 0 if target.is_local else _RULE_SECONDS

    def placed(self, since: datetime, until: datetime) -> Iterator[list[_Order]]:
        """Give the orders that were placed then, some at a time, in no order, and some twice."""
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
            pattern = json.dumps({"source": [_BUS.source], "detail-type": [_PLACED], "replay-name": [self._name]})
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

    def _received(self, queue_url: str) -> Iterator[list[_Order]]:
        empty = 0
        while empty < _EMPTY_POLLS:
            response = self._sqs.receive_message(
                QueueUrl=queue_url, MaxNumberOfMessages=_MESSAGES_A_CALL, WaitTimeSeconds=_LONG_POLL_SECONDS
            )
            messages = response.get("Messages", [])
            empty = 0 if messages else empty + 1
            yield [json.loads(message["Body"])["detail"] for message in messages]
            done: list[DeleteMessageBatchRequestEntryTypeDef] = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages)
            ]
            if done:
                self._sqs.delete_message_batch(QueueUrl=queue_url, Entries=done)  # what stays comes again, and is known


def _policy(queue_arn: str, rule_arn: str) -> dict[str, object]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def run(target: Target, since: str, *, dry_run: bool) -> None:
    """Place each again that the event store does not know, or only count them."""
    now = datetime.now(UTC)
    start = parse_past("--since", since, now)
    deployment = Deployment.of(target)
    store, client = EventStore(target.client("dynamodb"), deployment.tables), OrderClient(target, deployment)
    seen: set[str] = set()
    lost = 0
    with counts() as shown:
        for orders in counted(shown, "batches read", OrderArchive(target, deployment).placed(start, now)):
            new = {order["orderId"]: order for order in orders if _is_order(order) and order["orderId"] not in seen}
            seen |= new.keys()
            missing = store.without_version([order_stream(order_id) for order_id in new], 1)
            lost += len(missing)
            if not dry_run:
                client.place([order for order_id, order in new.items() if order_stream(order_id) in missing])
    done = "are not in the event store" if dry_run else "were not in the event store and are placed again"
    out.print(f"{len(seen):,} orders were placed since {timestamp(start)}, and {lost:,} of them {done}")
    out.print("what was placed in the last ten minutes may not be in the archive yet: then run this again")


def _is_order(order: _Order) -> bool:
    """What is none was rejected when it came, and would be again."""
    return isinstance(order.get("orderId"), str)

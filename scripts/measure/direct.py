"""The functions invoked with batches of any size: the emulator's own mappings deliver ten records at most."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic, time
from typing import TypeAlias
from uuid import uuid4

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.measure.usage import CONSUMERS, RELAY, SERVICES, Meter, Usage
from scripts.operate.mappings import Mappings
from services.libs.messaging.event_publisher import event_detail
from services.libs.runtime.lambda_types import SqsRecord, StreamImage, StreamRecord
from services.libs.store.commit_items import commit_from_item
from services.libs.store.dynamodb_items import Item, batch_get, to_item
from services.shared.commits import order_stream
from services.shared.deadlines import DEADLINES_PASSED, MAX_STREAMS_PER_MESSAGE
from services.shared.events.event import Event
from services.shared.events.order import OrderPlaced

Record: TypeAlias = SqsRecord | StreamRecord
Order = Mapping[str, object]


@dataclass(frozen=True)
class Step:
    """One step of some orders, which one function takes."""

    name: str
    seconds: float
    usage: Usage


class DirectRun:
    """Takes orders from OrderPlaced to OrderConfirmed by invoking each function in turn, one batch after the other."""

    def __init__(self, target: Target, deployment: Deployment, meter: Meter) -> None:
        self._client = target.client("lambda")
        self._dynamodb = target.client("dynamodb")
        self._deployment = deployment
        self._mappings = Mappings(target, deployment, SERVICES)
        self._meter = meter
        self._region = target.region
        account = self._client.get_function_configuration(FunctionName=deployment.functions[RELAY].name)
        self._account = account["FunctionArn"].split(":")[4]
        table = self._dynamodb.describe_table(TableName=deployment.tables.event_store)["Table"]
        self._stream_arn = table["LatestStreamArn"]

    @contextmanager
    def mappings_disabled(self) -> Iterator[None]:
        """Keep published events in their queues, so that only this run takes them."""
        self._mappings.switch(enabled=False)
        try:
            yield
        finally:
            self._mappings.switch(enabled=True)

    def run(self, orders: Sequence[Order], batch: int) -> list[Step]:
        """Take all orders through one step before the next, `batch` at a time."""
        streams = [order_stream(str(order["orderId"])) for order in orders]
        first = self.reserve(orders, batch)
        first.usage.place(orders)
        return [
            first,
            self.relay(streams, 1, batch),
            self.consume("payment", "payment-service", streams, 1, batch),
            self.relay(streams, 2, batch),
            self.consume("settlement", "order-service", streams, 2, batch),
            self.relay(streams, 3, batch),
        ]

    def reserve(self, orders: Sequence[Order], batch: int) -> Step:
        records = [self._message(OrderPlaced, order, "order-service") for order in orders]
        return self._step("reserve", "order-service", records, batch)

    def consume(self, name: str, service: str, streams: Sequence[str], version: int, batch: int) -> Step:
        """Give the service the events of this version of the streams that it listens to."""
        return self._step(name, service, self._published(streams, version, service), batch)

    def relay(self, streams: Sequence[str], version: int, batch: int) -> Step:
        """Publish this version of the streams."""
        records = [self._stream_record(item) for item in self._commits(streams, version)]
        return self._step(f"relay {version}", RELAY, records, batch)

    def tell(self, name: str, service: str, streams: Sequence[str], batch: int) -> Step:
        """Tell the service that a deadline of each stream has passed, as the sweeper does."""
        groups = (
            streams[start : start + MAX_STREAMS_PER_MESSAGE]
            for start in range(0, len(streams), MAX_STREAMS_PER_MESSAGE)
        )
        records = [self._record(DEADLINES_PASSED, {"streamIds": group}, service) for group in groups]
        return self._step(name, service, records, batch)

    def _published(self, streams: Sequence[str], version: int, service: str) -> list[Record]:
        """Messages of those commits' events that the rules put on the service's queue."""
        commits = map(commit_from_item, self._commits(streams, version))
        return [
            self._message(type(event), event_detail(commit, index), service)
            for commit in commits
            for index, event in enumerate(commit.events)
            if type(event) in CONSUMERS[service]
        ]

    def _commits(self, streams: Sequence[str], version: int) -> list[Item]:
        """Read the commits, in the order of the streams: DynamoDB returns items in any order."""
        keys = [to_item({"stream_id": stream, "version": version}) for stream in streams]
        found = batch_get(self._dynamodb, self._deployment.tables.event_store, keys)
        items = {item["stream_id"]["S"]: item for item in found}
        missing = [stream for stream in streams if stream not in items]
        if missing:
            raise UserError(f"{len(missing)} streams have no version {version}, such as {missing[0]}")
        return [items[stream] for stream in streams]

    def _step(self, name: str, service: str, records: Sequence[Record], batch: int) -> Step:
        self._meter.start()
        began = monotonic()
        for start in range(0, len(records), batch):
            self._invoke(service, records[start : start + batch])
        seconds = monotonic() - began
        return Step(name, seconds, self._meter.read())

    def _invoke(self, service: str, records: Sequence[Record]) -> None:
        response = self._client.invoke(
            FunctionName=self._deployment.functions[service].name, Payload=json.dumps({"Records": records}).encode()
        )
        payload = json.loads(response["Payload"].read())
        failed = payload.get("batchItemFailures", []) if isinstance(payload, dict) else [payload]
        if "FunctionError" in response or failed:
            raise UserError(f"{service} failed with a batch of {len(records)}: {json.dumps(payload)[:500]}")

    def _message(self, event: type[Event], detail: Mapping[str, object], service: str) -> SqsRecord:
        return self._record(event.type_name(), detail, service, event.BUS.source)

    def _record(
        self, detail_type: str, detail: Mapping[str, object], service: str, source: str = "deadlines"
    ) -> SqsRecord:
        """A record of SQS, with an event of EventBridge as its body."""
        (queue,) = [queue for queue in self._deployment.queues.values() if queue.service == service]
        body = {
            "id": str(uuid4()),
            "detail-type": detail_type,
            "source": source,
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "detail": detail,
        }
        arn = f"arn:aws:sqs:{self._region}:{self._account}:{queue.name}"
        return {"messageId": str(uuid4()), "body": json.dumps(body), "eventSourceARN": arn}

    def _stream_record(self, item: Item) -> StreamRecord:
        number = f"{uuid4().int % 10**21:021d}"
        image: StreamImage = {"ApproximateCreationDateTime": time(), "SequenceNumber": number, "NewImage": item}
        return {"dynamodb": image, "eventSourceARN": self._stream_arn}


def total(steps: Iterable[Step]) -> Usage:
    return sum((step.usage for step in steps), Usage())

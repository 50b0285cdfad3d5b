"""The use of AWS of a benchmark run, read from its requests and its functions' logs."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from http import HTTPStatus
from math import ceil
from time import time
from typing import Self

from scripts.check.event_documents.traffic import declared_consumers
from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.measure.calls import Call, CountingProxy, access_key, owner
from scripts.measure.units import Key, UnitRules, Units, item_bytes
from services.shared.events.event import Bus

CONSUMERS = {
    service: events
    for service, events in declared_consumers().items()
    if any(event.BUS is not Bus.SHOP for event in events)
}
"""The events that each function takes from its queue, of those that work for orders: no shop events alone."""
RELAY = "event-relay"
SERVICES = (*CONSUMERS, RELAY)
"""The functions that an order passes in its life. Others, such as the sweeper, are no part of its cost."""
TO_CONFIRMATION = ("order-service", "payment-service", RELAY)
"""The functions that an order passes until it is confirmed or cancelled."""
GATEWAY = "gateway"

_REPORT = re.compile(r"^REPORT .*?\tDuration: (?P<ms>[\d.]+) ms.*?Memory Size: (?P<mb>\d+) MB", re.DOTALL)
# CloudWatch Logs charges for the text of each line and 26 bytes.
_LINE_BYTES = 26
_RECORDS_PER_REQUEST = 10


@dataclass
class Usage:
    """Sums over the metered functions, and the calls to the simulated gateway."""

    calls: Counter[str] = field(default_factory=Counter)
    """By caller and operation, such as `order-service dynamodb:TransactWriteItems`."""
    units: Units = field(default_factory=Units)
    invocations: Counter[str] = field(default_factory=Counter)
    busy_ms: Counter[str] = field(default_factory=Counter)
    """Duration of the invocations, by function."""
    gb_seconds: float = 0
    log_bytes: int = 0
    events: int = 0
    event_bytes: int = 0
    messages: int = 0
    """Messages that EventBridge put on queues."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    @property
    def own_calls(self) -> int:
        """API calls without the simulated gateway's: a real provider is not DynamoDB."""
        return self.calls.total() - self.gateway_calls

    @property
    def gateway_calls(self) -> int:
        return sum(count for name, count in self.calls.items() if name.split()[0] == GATEWAY)

    @property
    def batch(self) -> float:
        """Messages per invocation, on average."""
        return self.messages / self._queue_invocations if self._queue_invocations else 1

    @property
    def sqs_requests(self) -> int:
        """EventBridge sends message by message. Lambda receives and deletes up to ten messages per request."""
        polls = max(self._queue_invocations, ceil(self.messages / _RECORDS_PER_REQUEST))
        sent = sum(count for name, count in self.calls.items() if " sqs:" in name)
        return self.messages + 2 * polls + sent

    @property
    def _queue_invocations(self) -> int:
        return sum(self.invocations[service] for service in CONSUMERS)

    def place(self, details: Sequence[Mapping[str, object]]) -> Self:
        """Add the events and messages of the producer's own OrderPlaced events."""
        self.events += len(details)
        self.messages += len(details)
        self.event_bytes += sum(len(json.dumps(detail)) for detail in details)
        return self


class Meter:
    """Reads the use that these services make of a deployment whose functions call AWS through the proxy."""

    def __init__(
        self,
        target: Target,
        deployment: Deployment,
        proxy: CountingProxy,
        services: Sequence[str] = TO_CONFIRMATION,
    ) -> None:
        self._services = services
        self._proxy = proxy
        self._deployment = deployment
        self._logs = target.client("logs")
        self._dynamodb = target.client("dynamodb")
        client = target.client("lambda")
        configurations = {
            service: client.get_function_configuration(FunctionName=function.name)
            for service, function in deployment.functions.items()
        }
        self._callers = {
            access_key(configuration["FunctionArn"], configuration["Role"]): service
            for service, configuration in configurations.items()
        }
        self._sizes: dict[str, int] = {}
        self._since_ms = 0
        self.start()

    def start(self) -> None:
        """Forget all earlier use."""
        self._proxy.counting = True
        self._sizes.clear()
        self._proxy.take(self._callers)
        self._since_ms = int(time() * 1000)

    def read(self) -> Usage:
        """Give the use since `start`; raise UserError for a call of an unknown caller."""
        calls = self._proxy.take(self._callers)
        unknown = {call.name for call in calls if call.caller == "unknown"}
        if unknown:
            names = ", ".join(sorted(unknown))
            raise UserError(f"the caller of {names} is unknown: see access_key in scripts/measure/calls.py")
        owned = metered(calls, self._deployment.tables.simulated_gateway, self._services)
        mine = [call for by, call in owned if by != GATEWAY]
        usage = Usage(calls=Counter(f"{by} {call.name}" for by, call in owned))
        rules = UnitRules(self._size_of)
        usage.units = sum(map(rules.units, mine), Units())
        add_events(usage, mine, self._services)
        for service in self._services:
            self._add_logs(usage, service)
        return usage

    def _size_of(self, table: str, key: Key) -> int:
        """Bytes of an item as it is now: the updates counted here change its size by a digit at most."""
        name = f"{table} {json.dumps(key, sort_keys=True)}"
        if name not in self._sizes:
            found = self._dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)
            self._sizes[name] = item_bytes(found.get("Item", {}))
        return self._sizes[name]

    def _add_logs(self, usage: Usage, service: str) -> None:
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=self._deployment.functions[service].log_group, startTime=self._since_ms
        )
        add_logs(usage, service, (line["message"] for page in pages for line in page["events"]))


def metered(calls: Iterable[Call], gateway_table: str, services: Sequence[str]) -> list[tuple[str, Call]]:
    """The calls of these services and to the simulated gateway, each with its owner."""
    owned = ((owner(call, gateway_table), call) for call in calls)
    return [(by, call) for by, call in owned if by in services or by == GATEWAY]


def add_logs(usage: Usage, service: str, lines: Iterable[str]) -> None:
    for line in lines:
        usage.log_bytes += len(line.encode()) + _LINE_BYTES
        if report := _REPORT.match(line):
            usage.invocations[service] += 1
            usage.busy_ms[service] += round(float(report["ms"]))
            usage.gb_seconds += float(report["ms"]) / 1000 * int(report["mb"]) / 1024


def add_events(usage: Usage, calls: Sequence[Call], services: Sequence[str] = SERVICES) -> None:
    """Add the events that these calls published, and the messages that they became on the queues of the services."""
    queued = Counter(event.type_name() for service in services for event in CONSUMERS.get(service, ()))
    put = (call for call in calls if call.name == "events:PutEvents" and call.status == HTTPStatus.OK)
    for call in put:
        for entry in call.request["Entries"]:
            usage.events += 1
            usage.event_bytes += len(entry["Detail"].encode())
            usage.messages += queued[entry["DetailType"]]

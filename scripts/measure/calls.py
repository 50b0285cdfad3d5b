"""What the functions ask of AWS, counted from their real requests by a proxy in front of the embedded AWS."""

import hashlib
import json
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.local.proxy import Proxy, headers_of

Document = Mapping[str, Any]  # JSON, as AWS's protocols have it

_SERVICES = {"DynamoDB": "dynamodb", "AWSEvents": "events", "AmazonSQS": "sqs", "AmazonSSM": "ssm"}
_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d+/[^/]+/(?P<service>[^/]+)/")


@dataclass(frozen=True, slots=True)
class Call:
    """One request and its answer; `caller` is the service that made it, such as order-service."""

    caller: str
    service: str
    action: str
    status: int
    request: Document = field(default_factory=dict)
    response: Document = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.service}:{self.action}"

    @property
    def tables(self) -> set[str]:
        """The DynamoDB tables that it names."""
        named = {self.request["TableName"]} if "TableName" in self.request else set()
        named |= set(self.request.get("RequestItems", {}))
        items = [*self.request.get("TransactItems", ()), *self.request.get("Statements", ())]
        named |= {operation["TableName"] for item in items for operation in _operations(item)}
        texts = (item.get("Statement", "") for item in (*items, *self.request.get("TransactStatements", ())))
        return named | {found[1] for text in texts if (found := _TABLE_OF_STATEMENT.search(text))}


_TABLE_OF_STATEMENT = re.compile(r'(?:INTO|FROM|UPDATE)\s+"([^"]+)"', re.IGNORECASE)


def _operations(item: Document) -> Iterable[Document]:
    return (value for value in item.values() if isinstance(value, dict) and "TableName" in value)


class CountingProxy(Proxy):
    """Keeps what passes while `counting`; it is read later, as reading it at once would slow the functions down."""

    def __init__(self) -> None:
        super().__init__()
        self.counting = False
        self._lock = threading.Lock()
        self._seen: list[tuple[bytes, bytes]] = []

    async def answer(self, request: bytes) -> bytes | None:
        reply = await self.forward(request)
        if self.counting:
            with self._lock:
                self._seen.append((request, reply))
        return reply

    def take(self, callers: Mapping[str, str]) -> list[Call]:
        """Give what has passed since the last time; `callers` knows a function by its access key."""
        with self._lock:
            seen, self._seen = self._seen, []
        return [parse_call(request, reply, callers) for request, reply in seen]


def parse_call(request: bytes, reply: bytes, callers: Mapping[str, str]) -> Call:
    headers = headers_of(request)
    signed = _CREDENTIAL.search(headers.get("authorization", ""))
    prefix, _, action = headers.get("x-amz-target", "").partition(".")
    service = _SERVICES.get(prefix.partition("_")[0], signed["service"] if signed else "unknown")
    return Call(
        caller=callers.get(signed["key"], "unknown") if signed else "unknown",
        service=service,
        action=action or "other",
        status=int(reply.split(b" ", 2)[1]),
        request=_json(request),
        response=_json(reply),
    )


def _json(message: bytes) -> Document:
    try:
        body = json.loads(message.partition(b"\r\n\r\n")[2] or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def access_key(function_arn: str, role_arn: str) -> str:
    """The access key that the embedded AWS gives to a function's workers; on AWS it would be CloudTrail that knows.

    As ministack.core.lambda_runtime.execution_credentials makes it. Should that change, every caller becomes
    `unknown`, which the benchmark refuses.
    """
    digest = hashlib.sha256(f"{function_arn}:{role_arn}".encode()).hexdigest()
    return f"ASIA{digest[:16].upper()}"


def owner(call: Call, gateway_table: str) -> str:
    """Who an order's cost is put down to: the simulated gateway is one of its own, as a real one has no such calls."""
    return "gateway" if gateway_table in call.tables else call.caller

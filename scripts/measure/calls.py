"""The functions' requests to AWS, recorded by a proxy in front of the embedded AWS."""

import hashlib
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.local.proxy import Proxy, headers_of

Document = Mapping[str, Any]
"""The JSON body of a request or an answer."""

_SERVICES = {"DynamoDB": "dynamodb", "AWSEvents": "events", "AmazonSQS": "sqs", "AmazonSSM": "ssm"}
_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d+/[^/]+/(?P<service>[^/]+)/")


@dataclass(frozen=True, slots=True)
class Call:
    """One request and its answer; `caller` is the service that made the request, such as order-service."""

    caller: str
    service: str
    action: str
    status: int
    request: Document = field(default_factory=dict)
    response: Document = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.service}:{self.action}"


class CountingProxy(Proxy):
    """Keeps each request and answer while `counting`; they are parsed later, so that parsing slows no function down."""

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
        """Give the calls since the last time; `callers` has the name of each function by its access key."""
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
    """The access key that the embedded AWS gives to a function's workers.

    It is computed as by ministack.core.lambda_runtime.execution_credentials. Should that change, each caller becomes
    `unknown`, and the benchmark refuses such calls.
    """
    digest = hashlib.sha256(f"{function_arn}:{role_arn}".encode()).hexdigest()
    return f"ASIA{digest[:16].upper()}"


def owner(call: Call, gateway_table: str) -> str:
    """The caller, or `gateway` for a call to the simulated gateway's table: a real gateway has no such calls."""
    return "gateway" if gateway_table in json.dumps(call.request) else call.caller

"""A proxy that does to the functions' calls what networks and busy services do to them."""

import asyncio
import json
import random
import threading
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from scripts.local.proxy import Proxy, headers_of

# Longer than the functions' clients wait for an answer: services/libs/aws_clients.py.
_HANG_SECONDS = 3.5
# The SDK repeats a failed call twice and so hides most faults from the functions: this share outlasts it.
_OUTLASTING_SHARE = 0.5


class Fault(StrEnum):
    INTERNAL_ERROR = "answered 500"
    THROTTLING = "throttled"
    HANG = "hung, done late"
    LOST_RESPONSE = "done, answer lost"


class FaultProxy(Proxy):
    """Spoils calls while `faulty` is set."""

    def __init__(self, rates: Mapping[Fault, float], seed: int) -> None:
        super().__init__()
        self.faulty = threading.Event()
        self.calls = 0
        self.counts: Counter[tuple[Fault, str]] = Counter()
        """Spoilt calls, repetitions by the SDK included, by fault and by action such as `AWSEvents.PutEvents`."""
        self.hanging = 0
        """Calls that will still have their effect, although nobody waits for them any more."""
        self._rates = rates
        self._dice = random.Random(seed)  # noqa: S311 - no secret
        self._outlasting: dict[str, Fault] = {}

    async def answer(self, request: bytes) -> bytes | None:
        headers = headers_of(request)
        action = headers.get("x-amz-target", "")
        self.calls += 1
        match self._draw(headers.get("amz-sdk-invocation-id", ""), action):
            case Fault.INTERNAL_ERROR:
                return _error(500, "InternalServerError")
            case Fault.THROTTLING if action.startswith("DynamoDB"):
                return _error(400, "ProvisionedThroughputExceededException")
            case Fault.THROTTLING:
                return _error(400, "ThrottlingException")
            case Fault.HANG:
                await self._forward_late(request)
                return None
            case Fault.LOST_RESPONSE:
                await self.forward(request)
                return None
            case None:
                return await self.forward(request)

    def _draw(self, call: str, action: str) -> Fault | None:
        if not self.faulty.is_set():
            return None
        fault = self._outlasting.get(call) or self._chance()
        if fault:
            self.counts[fault, action] += 1
            if self._dice.random() < _OUTLASTING_SHARE:
                self._outlasting[call] = fault
        return fault

    def _chance(self) -> Fault | None:
        left = self._dice.random()
        for fault, rate in self._rates.items():
            left -= rate
            if left < 0:
                return fault
        return None

    async def _forward_late(self, request: bytes) -> None:
        self.hanging += 1
        try:
            await asyncio.sleep(_HANG_SECONDS)
            await self.forward(request)
        finally:
            self.hanging -= 1


def _error(status: int, code: str) -> bytes:
    body = json.dumps({"__type": code, "message": "injected by the fault suite"}).encode()
    head = f"HTTP/1.1 {status} Fault\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body

"""A proxy that does to the functions' calls what networks and busy services do to them."""

import asyncio
import json
import random
import threading
from collections import Counter
from enum import StrEnum
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from scripts.local.proxy import Proxy, headers_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from types_boto3_events.type_defs import PutEventsRequestEntryTypeDef

# Longer than the functions' clients wait for an answer: services/libs/runtime/aws_clients.py.
_HANG_SECONDS = 3.5
# The SDK repeats a failed call twice and so hides most faults from the functions: this share outlasts it.
_OUTLASTING_SHARE = 0.5


class Fault(StrEnum):
    INTERNAL_ERROR = "answered 500"
    THROTTLING = "throttled"
    HANG = "hung, done late"
    LOST_RESPONSE = "done, answer lost"


# Dealt like cards, so that a few dozen faults have each kind among them.
_DECK = Counter({Fault.INTERNAL_ERROR: 7, Fault.THROTTLING: 6, Fault.LOST_RESPONSE: 6, Fault.HANG: 1})


class FaultProxy(Proxy):
    """Spoils a share of the calls while `faulty` is set."""

    def __init__(self, rate: float, seed: int) -> None:
        super().__init__()
        self.faulty = threading.Event()
        self.calls = 0
        self.counts: Counter[tuple[Fault, str]] = Counter()
        """Spoilt calls, repetitions by the SDK included, by fault and by action such as `AWSEvents.PutEvents`."""
        self.hanging = 0
        """Calls that will still have their effect, although nobody waits for them any more."""
        self.published: SimpleQueue[PutEventsRequestEntryTypeDef] = SimpleQueue()
        """What the functions put on a bus and the bus took, whether they were told so or not."""
        self.answer_instead: Callable[[bytes], Awaitable[bytes | None]] | None = None
        """Set by another suite on this deployment, for as long as it runs."""
        self._rate = rate
        self._deck: list[Fault] = []
        self._dice = random.Random(seed)  # noqa: S311 - no secret
        self._outlasting: dict[str, Fault] = {}

    async def answer(self, request: bytes) -> bytes | None:
        return await (self.answer_instead or self._answer_or_spoil)(request)

    async def _answer_or_spoil(self, request: bytes) -> bytes | None:
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
                await self._carry_out_late(request, action)
                return None
            case Fault.LOST_RESPONSE:
                await self._carry_out(request, action)
                return None
            case None:
                return await self._carry_out(request, action)

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
        if self._dice.random() >= self._rate:
            return None
        if not self._deck:
            self._deck = list(_DECK.elements())
            self._dice.shuffle(self._deck)
        return self._deck.pop()

    async def _carry_out(self, request: bytes, action: str) -> bytes:
        reply = await self.forward(request)
        if action == "AWSEvents.PutEvents":
            for entry, result in zip(_body(request)["Entries"], _body(reply).get("Entries", []), strict=False):
                if "EventId" in result:
                    self.published.put(entry)
        return reply

    async def _carry_out_late(self, request: bytes, action: str) -> None:
        self.hanging += 1
        try:
            await asyncio.sleep(_HANG_SECONDS)
            await self._carry_out(request, action)
        finally:
            self.hanging -= 1


def _body(message: bytes) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(message.partition(b"\r\n\r\n")[2])
    return body


def _error(status: int, code: str) -> bytes:
    body = json.dumps({"__type": code, "message": "injected by the fault suite"}).encode()
    head = f"HTTP/1.1 {status} Fault\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body

"""A proxy between the functions and the embedded AWS: it does to their calls what networks and busy services do."""

import asyncio
import json
import random
import socket
import threading
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum

# Longer than the functions' clients wait for an answer: services/libs/aws_clients.py.
_HANG_SECONDS = 3.5
# The SDK repeats a failed call twice and so hides most faults from the functions: this share outlasts it.
_OUTLASTING_SHARE = 0.5


class Fault(StrEnum):
    INTERNAL_ERROR = "answered 500"
    THROTTLING = "throttled"
    HANG = "hung, done late"
    LOST_RESPONSE = "done, answer lost"


class FaultProxy:
    """Answers on `url` for the embedded AWS that it forwards to, and spoils calls while `faulty` is set.

    What it passes on, it passes on to the byte: the host is signed too.
    """

    def __init__(self, rates: Mapping[Fault, float], seed: int) -> None:
        self._upstream_port = 0
        self.faulty = threading.Event()
        self.calls = 0
        self.counts: Counter[tuple[Fault, str]] = Counter()
        """Spoilt calls, repetitions by the SDK included, by fault and by action such as `AWSEvents.PutEvents`."""
        self.hanging = 0
        """Calls that will still have their effect, although nobody waits for them any more."""
        self._rates = rates
        self._dice = random.Random(seed)  # noqa: S311 - no secret
        self._outlasting: dict[str, Fault] = {}
        self._connections: set[asyncio.Task[None] | None] = set()
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def forward_to(self, port: int) -> None:
        self._upstream_port = port

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="fault-proxy")
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()

    async def _serve(self) -> None:
        async with await asyncio.start_server(self._connection, sock=self._listener):
            while not self._stopped.is_set():  # noqa: ASYNC110 - it is set by another thread
                await asyncio.sleep(0.1)

    async def _connection(self, reader: StreamReader, writer: StreamWriter) -> None:
        # asyncio itself keeps only weak references to its tasks.
        task = asyncio.current_task()
        self._connections.add(task)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while reply := await self._answer(await _read_message(reader)):
                writer.write(reply)
                await writer.drain()
        writer.close()
        self._connections.discard(task)

    async def _answer(self, request: bytes) -> bytes | None:
        """Give the reply, or None for a connection that is closed instead."""
        headers = _headers(request)
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
                await self._forward(request)
                return None
            case None:
                return await self._forward(request)

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
            await self._forward(request)
        finally:
            self.hanging -= 1

    async def _forward(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        try:
            writer.write(request)
            return await _read_message(reader)
        finally:
            writer.close()


async def _read_message(reader: StreamReader) -> bytes:
    """Read one HTTP message, head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    return head + await reader.readexactly(int(_headers(head).get("content-length", 0)))


def _headers(message: bytes) -> dict[str, str]:
    head = message.partition(b"\r\n\r\n")[0].decode("latin-1")
    fields = (line.partition(":") for line in head.split("\r\n")[1:])
    return {name.lower(): value.strip() for name, _, value in fields}


def _error(status: int, code: str) -> bytes:
    body = json.dumps({"__type": code, "message": "injected by the fault suite"}).encode()
    head = f"HTTP/1.1 {status} Fault\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body

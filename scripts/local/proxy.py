"""A proxy between the functions and the embedded AWS: functions call the URL in PULSEQUEUE_WORKER_ENDPOINT as AWS."""

import asyncio
import socket
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

client_port: ContextVar[int] = ContextVar("client_port")
"""The port from which the request that is answered now was sent."""


class Proxy:
    """Forward requests to the embedded AWS, unchanged to the byte: the host is signed too.

    A subclass overrides `answer`.
    """

    def __init__(self) -> None:
        self._upstream_port = 0
        self._idle: list[tuple[StreamReader, StreamWriter]] = []
        self._connections: set[asyncio.Task[None] | None] = set()
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def forward_to(self, port: int) -> None:
        self._upstream_port = port

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="proxy")
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()

    async def answer(self, request: bytes) -> bytes | None:
        """Return the reply, or None to close the connection."""
        return await self.forward(request)

    async def forward(self, request: bytes) -> bytes:
        reader, writer = await self._upstream()
        try:
            writer.write(request)
            reply = await read_message(reader)
        except BaseException:
            writer.close()
            raise
        self._idle.append((reader, writer))
        return reply

    async def _upstream(self) -> tuple[StreamReader, StreamWriter]:
        """Reuse an open connection if there is one, as the clients of functions do."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self._upstream_port)

    async def _serve(self) -> None:
        async with await asyncio.start_server(self._connection, sock=self._listener):
            while not self._stopped.is_set():  # noqa: ASYNC110 - it is set by another thread
                await asyncio.sleep(0.1)
        for _, writer in self._idle:
            writer.close()

    async def _connection(self, reader: StreamReader, writer: StreamWriter) -> None:
        # asyncio itself keeps only weak references to its tasks.
        task = asyncio.current_task()
        self._connections.add(task)
        client_port.set(writer.get_extra_info("peername")[1])
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while reply := await self.answer(await read_message(reader)):
                writer.write(reply)
                await writer.drain()
        writer.close()
        self._connections.discard(task)


async def read_message(reader: StreamReader) -> bytes:
    """Read the head and the body of one HTTP message."""
    head = await reader.readuntil(b"\r\n\r\n")
    return head + await reader.readexactly(int(headers_of(head).get("content-length", 0)))


def headers_of(message: bytes) -> dict[str, str]:
    """Return the headers of an HTTP message, with names in lower case."""
    head = message.partition(b"\r\n\r\n")[0].decode("latin-1")
    fields = (line.partition(":") for line in head.split("\r\n")[1:])
    return {name.lower(): value.strip() for name, _, value in fields}

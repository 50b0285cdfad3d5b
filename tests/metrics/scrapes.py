"""Scrapes that are under way at once, made sure of: a proxy holds the metrics service's calls in their middle."""

import asyncio
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from scripts.local.proxy import Proxy, headers_of

# Of the functions only the metrics service scans, and that it does for each page.
_HELD = "DynamoDB_20120810.Scan"
_PORT: ContextVar[int] = ContextVar("port")


class HoldingProxy(Proxy):
    def __init__(self) -> None:
        super().__init__()
        self.held: set[int] = set()
        """The callers' ports of the calls that are held now."""
        self._holding = threading.Event()

    @contextmanager
    def holding(self) -> Iterator[None]:
        self._holding.set()
        try:
            yield
        finally:
            self._holding.clear()

    async def answer(self, request: bytes) -> bytes | None:
        if self._holding.is_set() and headers_of(request).get("x-amz-target") == _HELD:
            self.held.add(_PORT.get())
            while self._holding.is_set():  # noqa: ASYNC110 - it is cleared by another thread
                await asyncio.sleep(0.01)
            self.held.discard(_PORT.get())
        return await self.forward(request)

    async def _connection(self, reader: StreamReader, writer: StreamWriter) -> None:
        _PORT.set(writer.get_extra_info("peername")[1])
        await super()._connection(reader, writer)


def callers(pids: Iterable[int], ports: Collection[int]) -> list[int]:
    """The processes that own a connection from one of these ports.

    https://man7.org/linux/man-pages/man5/proc_pid_net.5.html
    """
    rows = (line.split() for line in Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:])
    sockets = {f"socket:[{row[9]}]" for row in rows if int(row[1].partition(":")[2], 16) in ports}
    return [pid for pid in pids if not sockets.isdisjoint(_open_files(pid))]


def _open_files(pid: int) -> set[str]:
    with suppress(OSError):  # it has ended
        return {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    return set()

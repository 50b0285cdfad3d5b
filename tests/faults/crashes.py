"""Workers that die at a chosen call: before their commit, right after it and before the answer, or while they read."""

import random
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from urllib.parse import urlsplit

from scripts.deploy.target import Target
from scripts.local.proxy import client_port, headers_of
from scripts.local.workers import Worker, worker_at, workers
from tests.faults.chaos import Killer
from tests.faults.proxy import FaultProxy

_COMMIT = "DynamoDB_20120810.TransactWriteItems"
# Dealt like cards, so that a short run has each kind too: of the commits, and of the other calls.
_COMMITS_PER_DECK = 12
_OTHERS_PER_DECK = 80


class Moment(StrEnum):
    BEFORE_COMMIT = "before its commit"
    AFTER_COMMIT = "after its commit, before the answer"
    OTHER_CALL = "at another call"


_DECKS = {
    True: [Moment.BEFORE_COMMIT, Moment.AFTER_COMMIT, *[None] * (_COMMITS_PER_DECK - 2)],
    False: [Moment.OTHER_CALL, *[None] * (_OTHERS_PER_DECK - 1)],
}


class Crashes:
    """Kills the worker of one of these functions that makes a call, as often as the decks say."""

    def __init__(self, target: Target, proxy: FaultProxy, functions: Sequence[str], dice: random.Random) -> None:
        self.counts: Counter[Moment] = Counter()
        self._killer = Killer(target, dice)
        self._emulator = target.emulator
        self._functions = functions
        self._proxy = proxy
        self._proxy_port = urlsplit(proxy.url).port or 0
        self._dice = dice
        self._are_ours: dict[str, bool] = {}
        """By access key: each function has its own."""
        self._left: dict[bool, list[Moment | None]] = {True: [], False: []}

    async def answer(self, request: bytes) -> bytes | None:
        """Forward the request, unless its worker dies of it."""
        headers = headers_of(request)
        role = headers.get("authorization", "").partition("Credential=")[2].partition("/")[0]
        if role not in self._are_ours:
            self._are_ours[role] = self._sender() is not None
        moment = self._draw(is_commit=headers.get("x-amz-target") == _COMMIT) if self._are_ours[role] else None
        worker = self._sender() if moment else None
        if moment is None or worker is None:
            return await self._proxy.forward(request)
        if moment is Moment.AFTER_COMMIT:
            await self._proxy.forward(request)
        self._killer.kill_one(worker)
        self.counts[moment] += 1
        return None

    def _draw(self, *, is_commit: bool) -> Moment | None:
        deck = self._left[is_commit]
        if not deck:
            deck += _DECKS[is_commit]
            self._dice.shuffle(deck)
        return deck.pop()

    def _sender(self) -> Worker | None:
        candidates = [worker for name in self._functions for worker in workers(self._emulator, name)]
        return worker_at(client_port.get(), self._proxy_port, candidates)

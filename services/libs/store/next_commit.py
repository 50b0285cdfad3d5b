"""Write the next commit of a stream: read, decide, append, and again where another writer was faster."""

from collections.abc import Callable

from services.libs.store.event_store import ContentionError, EventStore, VersionTakenError
from services.shared.commands import find_repeat
from services.shared.commits import Command, Commit

History = tuple[Commit, ...]
Decide = Callable[[History], Commit | None]
"""Decide the next commit from all that was read; None if there is nothing to write. It has no side effects."""

# Payments, parcels, customers and staff write to the same order.
_ATTEMPTS = 8


def write_next(
    store: EventStore, read: Callable[[], History], decide: Decide, known: History | None = None
) -> tuple[History, Commit | None]:
    """Return the history that the last decision was made from, and the commit that was written, if one was.

    `known` spares the first read. Raises ContentionError if others wrote to the stream in each attempt, and what
    `decide` raises.
    """
    history = read() if known is None else known
    for _ in range(_ATTEMPTS):
        commit = decide(history)
        if commit is None:
            return history, None
        try:
            store.append(commit)
        except VersionTakenError:
            history = read()
            continue
        return history, commit
    raise ContentionError(f"others wrote to the stream in each of {_ATTEMPTS} attempts")


def write_command(
    store: EventStore,
    read: Callable[[], History],
    command: Command | None,
    decide: Decide,
    known: History | None = None,
) -> tuple[History, Commit | None]:
    """Like `write_next`, for a request: the commit is the one that it led to, now or before.

    `command` is None for a request without a key. Raises RefusedError (KEY_REUSED) too.
    """
    if command is None:
        return write_next(store, read, decide, known)
    history, commit = write_next(
        store, read, lambda history: None if find_repeat(history, command) else decide(history), known
    )
    return history, commit or find_repeat(history, command)

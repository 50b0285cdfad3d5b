"""Compare each stream with its lifecycle and its deadline, and each order with its charge."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from scripts.ledger.audit.findings import Difference
from scripts.ledger.gateway_ledger import GatewayEntry
from scripts.ledger.lifecycles import lifecycle_of
from scripts.ledger.order_history import Mismatch, money_mismatches, overdue, state_of
from services.shared.commits import ORDER_PREFIX, Commit, order_id_of
from services.shared.lifecycle import State


@dataclass(slots=True)
class StreamCheck:
    """The result for one stream."""

    stream_id: str
    differences: list[Difference] = field(default_factory=list)
    is_final: bool = False
    """Whether its life is over, so that no commit follows."""
    due_at: datetime | None = None
    """The deadline that it waits for."""
    is_overdue: bool = False


def is_order(stream_id: str) -> bool:
    return stream_id.startswith(ORDER_PREFIX)


def check_stream(history: Sequence[Commit], entry: GatewayEntry | None, now: datetime) -> StreamCheck:
    """Check the whole history of one stream; `entry` is the gateway's for an order, if it has one."""
    check = StreamCheck(history[0].stream_id)
    check.differences += _differences(check, history, entry, now)
    return check


def _differences(
    check: StreamCheck, history: Sequence[Commit], entry: GatewayEntry | None, now: datetime
) -> Iterator[Difference]:
    stream_id, versions = check.stream_id, [commit.version for commit in history]
    if versions != list(range(1, len(history) + 1)):
        yield Difference("gap in versions", stream_id, f"1 to {versions[-1]}", f"{versions}")
        return
    kind, subject = ("order", order_id_of(stream_id)) if is_order(stream_id) else ("stream", stream_id)
    if mismatch := _lifecycle_mismatch(check, history, now):
        yield Difference(kind, subject, mismatch.expected, mismatch.found)
    if kind == "order":
        for mismatch in money_mismatches(history, entry or GatewayEntry(subject)):
            yield Difference("money", subject, mismatch.expected, mismatch.found)


def _lifecycle_mismatch(check: StreamCheck, history: Sequence[Commit], now: datetime) -> Mismatch | None:
    lifecycle = lifecycle_of(check.stream_id)
    if lifecycle is None:
        return Mismatch("a stream of a known kind", "an unknown kind")
    state = state_of(lifecycle, history)
    if not isinstance(state, State):
        return state
    late = overdue(state, now)
    check.is_final, check.due_at, check.is_overdue = state.is_final, state.due_at, late is not None
    return late

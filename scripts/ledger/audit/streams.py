"""Compare each stream with its lifecycle, and each order with its charge and refunds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from scripts.ledger.audit.findings import Difference
from scripts.ledger.customers import CustomerFlaw
from scripts.ledger.deadlines import Deadline, deadlines_of, is_renewed
from scripts.ledger.gateway_ledger import GatewayEntry
from scripts.ledger.lifecycles import lifecycle_of
from scripts.ledger.order_history import Mismatch, overdue, state_of
from scripts.ledger.order_money import money_mismatches
from services.shared.commits import ORDER_PREFIX, Commit, order_id_of
from services.shared.lifecycle import State
from services.shared.order_lifecycle import CONFIRMED


@dataclass(slots=True)
class StreamCheck:
    """The result for one stream."""

    stream_id: str
    differences: list[Difference] = field(default_factory=list)
    state: State | None = None
    """None where the lifecycle forbids one of its commits, or a commit is missing."""
    due: list[Deadline] = field(default_factory=list)
    """The deadlines that a service is still to be told of."""
    overdue: list[Deadline] = field(default_factory=list)
    """The deadlines that a service should have acted on long ago."""
    waits_for_fulfilment: bool = False
    """Whether it was confirmed so long ago that nobody will take it over."""
    flaw: CustomerFlaw | None = None
    """What is to be mended of its customer's erasure or key."""


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
    check.state = state
    late = [waiting for waiting in state.waits if now > waiting.late_after]
    long_past = set() if is_renewed(check.stream_id) else {waiting.due_at for waiting in late}
    for deadline in deadlines_of(check.stream_id, state):
        (check.overdue if deadline.due_at in long_past else check.due).append(deadline)
    check.waits_for_fulfilment = bool(late) and is_order(check.stream_id) and state.phase == CONFIRMED
    return overdue(state, now)

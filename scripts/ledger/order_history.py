"""Check the history of a stream against its lifecycle, and that of an order against the gateway's ledger."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from scripts.cli.money import money
from scripts.ledger.gateway_ledger import CALLED_OFF, CHARGED, DECLINED, REFUNDED, GatewayEntry
from scripts.ledger.lifecycles import lifecycle_of
from services.shared.causes import timestamp
from services.shared.commits import Commit
from services.shared.events.order import OrderCancelled
from services.shared.events.payment import (
    PaymentFailed,
    PaymentProcessed,
    RefundProcessed,
    RefundRequested,
)
from services.shared.lifecycle import ImpossibleCommitError, Lifecycle, State


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An expectation and the finding that contradicts it, both in words."""

    expected: str
    found: str


def state_of(lifecycle: Lifecycle, history: Sequence[Commit]) -> State | Mismatch:
    """Fold the history to the stream's state; a mismatch where the lifecycle forbids one of the commits."""
    try:
        return lifecycle.fold(history)
    except ImpossibleCommitError as error:
        return Mismatch("a commit that may be there", str(error))


def is_final(history: Sequence[Commit]) -> bool:
    """Whether the life of the stream is over, so that no commit follows."""
    lifecycle = lifecycle_of(history[0].stream_id)
    state = state_of(lifecycle, history) if lifecycle else None
    return isinstance(state, State) and state.is_final


def overdue(state: State, now: datetime) -> Mismatch | None:
    """Tell which step the stream has waited for longer than is normal."""
    late = state.late(now)
    if late is None:
        return None
    due = f"as it was due {timestamp(state.due_at)}" if state.due_at else f"by {timestamp(late.late_after)}"
    return Mismatch(f"an end, {due}", late.waits_for)


def events_text(commit: Commit) -> str:
    """Name the commit's events, and the reason that they give."""
    names = " + ".join(event.type_name() for event in commit.events)
    reason = reason_of(commit)
    return f"{names} ({reason})" if reason else names


def reason_of(commit: Commit) -> str | None:
    with_reason = OrderCancelled | PaymentFailed | RefundRequested
    return next((event.reason for event in commit.events if isinstance(event, with_reason)), None)


def money_mismatches(history: Sequence[Commit], entry: GatewayEntry) -> Iterator[Mismatch]:
    """Compare each settled payment and refund of an order with the gateway's entry.

    An order whose payment is open may have any entry. The entry of a refused order is checked with those of unknown
    orders.
    """
    expected: tuple[str, ...]
    for event in (event for commit in history for event in commit.events):
        match event:
            case PaymentProcessed():
                expected = (f"{CHARGED} {money(event.amount_minor, event.currency)}",)
            case PaymentFailed():
                # After a restore to before its end, the gateway declines a payment that it called off or gave back.
                expected = (DECLINED, CALLED_OFF, REFUNDED)
            case RefundProcessed(refunded_minor=0):
                expected = (CALLED_OFF, DECLINED)
            case RefundProcessed():
                expected = (f"{REFUNDED} {money(event.refunded_minor, event.currency)}",)
            case _:
                continue
        if entry.status not in expected and entry.outcome not in expected:
            yield Mismatch(" or ".join(expected), entry.outcome)

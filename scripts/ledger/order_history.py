"""Check the history of a stream against its lifecycle, and put commits into words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.shared.causes import timestamp
from services.shared.commits import Commit
from services.shared.events.fulfilment import ShipmentTracked
from services.shared.events.order import OrderCancelled, ParcelWrittenOff
from services.shared.events.payment import PaymentFailed, RefundRequested
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


def overdue(state: State, now: datetime) -> Mismatch | None:
    """Tell which steps the stream has waited for longer than is normal."""
    late = [waiting for waiting in state.waits if now > waiting.late_after]
    if not late:
        return None
    first = min(late, key=lambda waiting: waiting.late_after)
    due = f"as it was due {timestamp(first.due_at)}" if first.due_at else f"by {timestamp(first.late_after)}"
    return Mismatch(f"an end, {due}", "; ".join(dict.fromkeys(waiting.waits_for for waiting in late)))


def events_text(commit: Commit) -> str:
    """Name the commit's events, and the reason that they give."""
    names = " + ".join(event.type_name() for event in commit.events)
    reason = reason_of(commit)
    return f"{names} ({reason})" if reason else names


def reason_of(commit: Commit) -> str | None:
    """The reason that the commit's events give, such as `customer_request`, or how a parcel ended."""
    for event in commit.events:
        match event:
            case OrderCancelled() | PaymentFailed() | RefundRequested():
                return event.reason
            case ParcelWrittenOff():
                return event.outcome
            case ShipmentTracked():
                return event.status
            case _:
                pass
    return None

"""What is wrong with the history of an order, and what money must have moved for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.shared.causes import timestamp
from services.shared.commits import Commit
from services.shared.events.order import OrderCancelled
from services.shared.events.payment import (
    PaymentFailed,
    PaymentProcessed,
    RefundProcessed,
    RefundRequested,
)
from services.shared.json_types import JsonObject
from services.shared.lifecycle import ImpossibleCommitError, Lifecycle, State

_NOTHING_TAKEN = ("called_off", "refunded")


@dataclass(frozen=True, slots=True)
class Problem:
    expected: str
    found: str


def state_of(lifecycle: Lifecycle, history: Sequence[Commit]) -> State | Problem:
    """Where a stream stands, or why it cannot stand anywhere."""
    try:
        return lifecycle.fold(history)
    except ImpossibleCommitError as error:
        return Problem("a commit that may be there", str(error))


def lateness(state: State, now: datetime) -> Problem | None:
    """What the stream has waited for longer than is normal."""
    late = state.late(now)
    if late is None:
        return None
    due = f"as it was due {timestamp(state.due_at)}" if state.due_at else f"by {timestamp(late.late_after)}"
    return Problem(f"an end, {due}", late.waits_for)


def events_text(commit: Commit) -> str:
    """Name the commit's events, and the reason that they give."""
    names = " + ".join(event.type_name() for event in commit.events)
    reason = reason_of(commit)
    return f"{names} ({reason})" if reason else names


def reason_of(commit: Commit) -> str | None:
    with_reason = OrderCancelled | PaymentFailed | RefundRequested
    return next((event.reason for event in commit.events if isinstance(event, with_reason)), None)


def money_problems(history: Sequence[Commit], entry: JsonObject) -> Iterator[Problem]:
    """Compare with the gateway's entry, empty where it has none.

    An order whose payment is open may have any. That of one that was refused is judged with those of unknown orders.
    """
    status, amount = entry.get("status"), entry.get("amount_minor")
    for event in (event for commit in history for event in commit.events):
        match event:
            case PaymentProcessed():
                yield from _unless(f"charged {event.amount_minor}", f"{status} {amount}")
            case PaymentFailed():
                # After a restore to before its end, the gateway declines what it had called off or given back.
                if status not in ("declined", *_NOTHING_TAKEN):
                    yield Problem("declined", f"{status}")
            case RefundProcessed(refunded_minor=0):
                if status not in ("called_off", "declined"):
                    yield Problem("called_off or declined", f"{status}")
            case RefundProcessed():
                yield from _unless(f"refunded {event.refunded_minor}", f"{status} {amount}")
            case _:
                pass


def _unless(expected: str, found: str) -> Iterator[Problem]:
    if expected != found:
        yield Problem(expected, found)

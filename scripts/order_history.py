"""What the commits of one order may look like, and what money must have moved for them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.shared.commits import Commit, timestamp
from services.shared.events import EventType
from services.shared.json_types import JsonObject, integer

# A due order waits for the next sweep, and its last version for the relay and a queue.
_GRACE = timedelta(minutes=5)

_REFUSED = (EventType.ORDER_CANCELLED,)
_RESERVED = (EventType.ORDER_VALIDATED, EventType.PAYMENT_REQUESTED)
_PAID = (EventType.PAYMENT_PROCESSED,)
_DECLINED = (EventType.PAYMENT_FAILED,)
_EXPIRED = (EventType.ORDER_CANCELLED, EventType.REFUND_REQUESTED)

_NOTHING_TAKEN = ("called_off", "refunded")

_ENDS = {
    (_REFUSED,): True,
    (_RESERVED,): False,
    (_RESERVED, _PAID): False,
    (_RESERVED, _PAID, (EventType.ORDER_CONFIRMED,)): True,
    (_RESERVED, _DECLINED): False,
    (_RESERVED, _DECLINED, (EventType.ORDER_CANCELLED,)): True,
    (_RESERVED, _EXPIRED): False,
    (_RESERVED, _EXPIRED, (EventType.REFUND_PROCESSED,)): True,
}
"""Every history that an order can have, and whether it ends there."""


@dataclass(frozen=True, slots=True)
class Problem:
    expected: str
    found: str


def history_problems(history: Sequence[Commit], now: datetime) -> Iterator[Problem]:
    events = tuple(commit.events for commit in history)
    found = "; ".join(" + ".join(event.value for event in commit) for commit in events)
    ends = _ENDS.get(events)
    if ends is None:
        yield Problem("a history that an order can have", found)
    elif not ends and (due_at := history[0].due_at) and now > due_at + _GRACE:
        yield Problem(f"an end, as it was due {timestamp(due_at)}", found)


def is_open(history: Sequence[Commit]) -> bool:
    """Whether something is still to be done about the order: then its last events have work to set off."""
    return _ENDS.get(tuple(commit.events for commit in history)) is False


def money_problem(history: Sequence[Commit], entry: JsonObject) -> Problem | None:
    """Compare with the gateway's entry, empty where it has none.

    An order whose payment is open may have any. That of one that was refused is judged with those of unknown orders.
    """
    events = [event for commit in history for event in commit.events]
    status = entry.get("status")
    if EventType.PAYMENT_REQUESTED not in events:
        return None
    amount = _said(history, EventType.PAYMENT_REQUESTED, "amountMinor")
    if EventType.PAYMENT_PROCESSED in events:
        return _unless(f"charged {amount}", f"{status} {entry.get('amount_minor')}")
    if EventType.PAYMENT_FAILED in events:
        # After a restore to before its end, the gateway declines a payment that it had called off or given back.
        return None if status in ("declined", *_NOTHING_TAKEN) else Problem("declined", f"{status}")
    if EventType.REFUND_PROCESSED in events:
        refunded = _said(history, EventType.REFUND_PROCESSED, "refundedMinor")
        if refunded:
            return _unless(f"refunded {refunded}", f"{status} {entry.get('amount_minor')}")
        return None if status in ("called_off", "declined") else Problem("called_off or declined", f"{status}")
    return None


def _said(history: Sequence[Commit], event: EventType, field: str) -> int:
    """Of a history that no order can have too: its events may stand in any order."""
    return next(integer(commit.body, field) for commit in history if event in commit.events)


def _unless(expected: str, found: str) -> Problem | None:
    return None if expected == found else Problem(expected, found)

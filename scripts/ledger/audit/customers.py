"""Find what contradicts an erasure: in the streams of a customer, and between the log and the table of keys."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from scripts.ledger.audit.findings import Difference
from scripts.ledger.audit.streams import StreamCheck
from scripts.ledger.customers import USUALLY_ERASED_AFTER, CustomerFlaw, CustomerKeyStates, Flaw, erasure_of, flaw_of
from services.shared.cart_lifecycle import CART_PREFIX
from services.shared.causes import timestamp
from services.shared.commits import Commit
from services.shared.customer_lifecycle import CUSTOMER_PREFIX, LOGIN_PREFIX
from services.shared.events.cart import CartCleared
from services.shared.events.event import Event
from services.shared.events.support import SupportTicketClosed
from services.shared.support_lifecycle import FEEDBACK_PREFIX, TICKET_PREFIX

_PERSONAL = (CART_PREFIX, LOGIN_PREFIX, TICKET_PREFIX, FEEDBACK_PREFIX)
_FOLLOWING: tuple[type[Event], ...] = (CartCleared, SupportTicketClosed)
"""What an erasure leads to."""
_EXPECTED = {
    Flaw.NOT_COMMITTED: "CustomerErased, as the key was destroyed",
    Flaw.NO_TOMBSTONE: "a tombstone, as the customer was erased",
    Flaw.UNFINISHED: "no user in the pool, as the customer was erased",
    Flaw.KEY_LOST: "a key, as the customer is registered",
    Flaw.NOT_REGISTERED: "CustomerRegistered, as there is a key",
}


def customer_of(history: Sequence[Commit]) -> str | None:
    """The customer whose stream it is; None for a stream that is no customer's, as an order's."""
    stream_id = history[0].stream_id
    if stream_id.startswith(CUSTOMER_PREFIX):
        return stream_id.removeprefix(CUSTOMER_PREFIX)
    if not stream_id.startswith(_PERSONAL):
        return None
    events = (event for commit in history for event in commit.events)
    return next((one for event in events if isinstance(one := getattr(event, "customer_id", None), str)), None)


def check_customers(
    checks: Sequence[StreamCheck],
    streams: Sequence[Sequence[Commit]],
    keys: CustomerKeyStates,
    now: datetime,
    longest_request: timedelta,
) -> None:
    """Add to the checks of streams what their customers' items of the table of keys contradict.

    The items are read here, after the streams. A commit bears the time at which its request began, which may take so
    long.
    """
    customers = [customer_of(history) for history in streams]
    states = keys.of(filter(None, customers))
    for check, history, customer_id in zip(checks, streams, customers, strict=True):
        state = states.get(customer_id) if customer_id else None
        if customer_id and check.stream_id.startswith(CUSTOMER_PREFIX):
            check.flaw = flaw_of(customer_id, erasure_of(history), state)
            check.differences += [difference_of(check.flaw)] if check.flaw else []
        elif state and state.erased_at:
            check.differences += _commits_after(history, state.erased_at + longest_request)
            if _is_open(check) and state.erased_at + USUALLY_ERASED_AFTER < now:
                check.flaw = CustomerFlaw(Flaw.UNFINISHED, state.customer_id, state.erased_at)
                expected = f"closed, as its customer was erased {timestamp(state.erased_at)}"
                check.differences.append(Difference("erasure", check.stream_id, expected, "open"))


def _is_open(check: StreamCheck) -> bool:
    return check.state is not None and not check.state.is_final


def _commits_after(history: Sequence[Commit], time: datetime) -> Iterator[Difference]:
    """The customer's own commits, of which there can be none after their erasure."""
    for commit in history:
        follows = any(commit.find(event) for event in _FOLLOWING)
        if commit.cause.at > time and not follows:
            events = " + ".join(event.type_name() for event in commit.events)
            subject = f"{commit.stream_id} version {commit.version}"
            yield Difference("erasure", subject, "nothing after its customer was erased", events)


def difference_of(flaw: CustomerFlaw) -> Difference:
    at = f" {timestamp(flaw.erased_at)}" if flaw.erased_at else ""
    return Difference("customer", flaw.customer_id, f"{_EXPECTED[flaw.flaw]}{at}", flaw.flaw.value)

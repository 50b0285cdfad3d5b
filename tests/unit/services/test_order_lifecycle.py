"""The life of an order after its sale: which commit may come when, and what its refunds and returns leave open."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from services.shared.commits import Commit
from services.shared.events.order import ReturnReceived, ReturnRequested
from services.shared.events.payment import RefundFailed, RefundMode, RefundProcessed, RefundRequested
from services.shared.inventory import NO_MOVE
from services.shared.lifecycle import ImpossibleCommitError
from services.shared.order_lifecycle import FIRST_RETURN, ORDER
from tests.factories import CAUSE
from tests.unit.services.every_commit import ACCEPTED, COMMITS, HISTORIES
from tests.unit.services.every_commit import PAID as PAID_COMMIT

_CONFIRMED = HISTORIES["delivered"][:3]
_STARTED = HISTORIES["delivered"][:4]
_DELIVERED = HISTORIES["delivered"]
_FAILED = HISTORIES["refund_asked_again"][:5]
_ASKED_AGAIN = HISTORIES["refund_asked_again"][:6]


def _next(history: Sequence[Commit], commit: Commit) -> list[Commit]:
    """The history with the commit as its next version."""
    return [*history, replace(commit, version=len(history) + 1)]


def _with_mode(commit: Commit, mode: RefundMode) -> Commit:
    events = [
        event.model_copy(update={"mode": mode}) if isinstance(event, RefundRequested) else event
        for event in commit.events
    ]
    return replace(commit, events=tuple(events))


@pytest.mark.parametrize(
    ("history", "commit"),
    [
        (_STARTED, COMMITS["cancelled_by_customer"]),
        (HISTORIES["refund_asked_again"][:4], COMMITS["started"]),
        (HISTORIES["called_off"][:2], COMMITS["paid"]),
        ((ACCEPTED, PAID_COMMIT), COMMITS["started"]),
        (_CONFIRMED, COMMITS["shipped"]),
        (_STARTED, COMMITS["delivered"]),
        (_DELIVERED, COMMITS["sent_back"]),
        (_DELIVERED, COMMITS["cancelled_by_customer"]),
        (_STARTED, COMMITS["returning"]),
        (_DELIVERED, COMMITS["received"]),
    ],
    ids=[
        "cancelled in fulfilment",
        "started after a cancellation",
        "paid after a call-off",
        "started before it is confirmed",
        "shipped before it is started",
        "delivered before it is shipped",
        "a parcel that came back of a delivered order",
        "cancelled after it was delivered",
        "returned before it is delivered",
        "goods that nobody announced",
    ],
)
def test_a_step_that_comes_too_early_or_too_late_is_impossible(history: Sequence[Commit], commit: Commit) -> None:
    with pytest.raises(ImpossibleCommitError):
        ORDER.fold(_next(history, commit))


@pytest.mark.parametrize(
    ("history", "commit", "mode"),
    [
        ((ACCEPTED,), COMMITS["called_off"], RefundMode.REFUND),
        (_CONFIRMED, COMMITS["cancelled_by_customer"], RefundMode.CALL_OFF),
        (_STARTED, COMMITS["lost"], RefundMode.CALL_OFF),
        (HISTORIES["received"][:7], COMMITS["received"], RefundMode.CALL_OFF),
    ],
    ids=["unpaid", "confirmed", "in fulfilment", "delivered"],
)
def test_a_payment_is_called_off_exactly_if_it_is_not_settled(
    history: Sequence[Commit], commit: Commit, mode: RefundMode
) -> None:
    ORDER.fold(_next(history, commit))

    with pytest.raises(ImpossibleCommitError):
        ORDER.fold(_next(history, _with_mode(commit, mode)))


def test_a_failed_refund_is_open_until_it_is_asked_for_again_under_another_id() -> None:
    order_id = "o" * 36

    assert ORDER.fold(_FAILED).open.keys() == {("failed refund", f"{order_id}-cancelled")}
    assert ORDER.fold(_ASKED_AGAIN).open.keys() == {("refund", f"{order_id}-again-cancelled")}
    assert ORDER.fold(HISTORIES["refund_asked_again"]).is_final


def test_a_failed_refund_is_asked_for_again_once() -> None:
    again = COMMITS["refund_asked_again"]
    other = again.get(RefundRequested).model_copy(update={"refund_id": f"{'o' * 36}-7"})

    with pytest.raises(ImpossibleCommitError):
        ORDER.fold(_next(_ASKED_AGAIN, replace(again, events=(other,))))


def test_a_refund_is_asked_for_by_itself_only_in_place_of_a_failed_one() -> None:
    again = COMMITS["refund_asked_again"]
    of_none = again.get(RefundRequested).model_copy(update={"retry_of": None})

    with pytest.raises(ImpossibleCommitError):
        ORDER.fold(_next(_FAILED, replace(again, events=(of_none,))))
    with pytest.raises(ImpossibleCommitError):
        ORDER.fold(_next(_FAILED[:4], again))


@pytest.mark.parametrize("closed", [RefundProcessed, RefundFailed])
def test_a_refund_is_closed_once(closed: type[RefundProcessed | RefundFailed]) -> None:
    requested = COMMITS["refund_asked_again"].get(RefundRequested)
    answers = (COMMITS["refunded"].get(RefundProcessed), COMMITS["refund_failed"].get(RefundFailed))
    events = [answer.model_copy(update={"refund_id": requested.refund_id}) for answer in answers]
    first = next(event for event in events if isinstance(event, closed))
    history = [*_ASKED_AGAIN, Commit(ACCEPTED.stream_id, 7, (first,), CAUSE)]
    ORDER.fold(history)

    for second in events:
        with pytest.raises(ImpossibleCommitError):
            ORDER.fold([*history, Commit(ACCEPTED.stream_id, 8, (second,), CAUSE)])


def test_several_returns_may_be_open_and_are_closed_each_by_its_own_id() -> None:
    history = [*_DELIVERED, *(_return(number, FIRST_RETURN + number) for number in range(2))]
    assert ORDER.fold(history).open.keys() == {("return", "return-0"), ("return", "return-1")}

    nothing = COMMITS["not_received"].get(ReturnReceived).model_copy(update={"return_id": "return-1"})
    closed = [*history, Commit(ACCEPTED.stream_id, len(history) + 1, (nothing,), CAUSE, NO_MOVE)]

    assert ORDER.fold(closed).open.keys() == {("return", "return-0")}
    with pytest.raises(ImpossibleCommitError):
        ORDER.fold(_next(closed, closed[-1]))


def _return(number: int, version: int) -> Commit:
    requested = COMMITS["returning"].get(ReturnRequested).model_copy(update={"return_id": f"return-{number}"})
    return replace(COMMITS["returning"], version=version, events=(requested,))


def test_no_return_comes_before_its_least_version() -> None:
    assert COMMITS["returning"].version == FIRST_RETURN

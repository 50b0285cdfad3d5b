"""How the commits of a stream follow one another."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from scripts.ledger.lifecycles import lifecycle_of
from services.libs.store.commit_items import commit_from_item
from services.shared.commits import Commit
from services.shared.events import event as events_of_any_kind
from services.shared.events.event import Bus, Event
from services.shared.inventory import Move
from services.shared.lifecycle import ImpossibleCommitError, Lifecycle, Obligation, Phase, State, Transition, Wait
from services.shared.order_lifecycle import CANCELLED, CONFIRMED, DECISION, ORDER, PAID, RESERVED, SETTLEMENT, UNPAID
from services.shared.sku_lifecycle import SKU, STOCKED
from tests.factories import CAUSE, NOW, PAYMENT_TIMEOUT
from tests.unit.services.every_commit import ACCEPTED, COMMITS, DECLINED, HISTORIES
from tests.unit.services.every_commit import PAID as PAID_COMMIT

_GOLDEN = Path(__file__).parents[2] / "golden" / "commits"
_GOLDEN_HISTORIES = {
    "confirmed": (ORDER, ["reserved", "paid", "confirmed"], CONFIRMED),
    "declined": (ORDER, ["reserved", "declined", "cancelled-unpaid"], CANCELLED),
    "refunded": (ORDER, ["reserved", "expired", "refunded"], CANCELLED),
    "forced": (ORDER, ["reserved-forced"], RESERVED),
    "short": (ORDER, ["refused-insufficient-stock"], CANCELLED),
    "unknown": (ORDER, ["refused-unknown-sku"], CANCELLED),
    "seeded": (SKU, ["seeded", "reseeded"], STOCKED),
}

_STATED = "-move-stated"
_GOLDEN_HISTORIES |= {
    f"{name}{_STATED}": (lifecycle, [f"{one}{_STATED}" for one in names], phase)
    for name, (lifecycle, names, phase) in _GOLDEN_HISTORIES.items()
}


def _golden(name: str) -> Commit:
    return commit_from_item(json.loads((_GOLDEN / f"{name}.json").read_text("utf-8"))["item"])


@pytest.mark.parametrize(("lifecycle", "names", "phase"), _GOLDEN_HISTORIES.values(), ids=_GOLDEN_HISTORIES.keys())
def test_every_history_that_was_ever_written_folds_to_its_end(
    lifecycle: Lifecycle, names: Sequence[str], phase: Phase
) -> None:
    history = [_golden(name) for name in names]

    state = lifecycle.fold(history)

    assert (state.phase, state.version) == (phase, len(history))
    assert state.is_final == (phase is not RESERVED)
    assert {commit.stream_id.startswith(lifecycle.prefix) for commit in history} == {True}


def test_every_golden_commit_is_of_a_history_or_a_whole_life_by_itself() -> None:
    told = {name for _, names, _ in _GOLDEN_HISTORIES.values() for name in names}
    found = {file.stem for file in _GOLDEN.glob("*.json")}

    assert told <= found
    for alone in map(_golden, found - told):
        lifecycle = lifecycle_of(alone.stream_id)
        assert lifecycle
        assert lifecycle.fold([alone]).is_final


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES.keys())
def test_whatever_the_services_write_is_a_life_that_ends(history: Sequence[Commit]) -> None:
    lifecycle = lifecycle_of(history[0].stream_id)
    assert lifecycle

    assert lifecycle.fold(history).is_final


@pytest.mark.parametrize(
    ("history", "phase"),
    [
        ((), ORDER.start),
        ((ACCEPTED,), RESERVED),
        ((ACCEPTED, PAID_COMMIT), PAID),
        ((ACCEPTED, DECLINED), UNPAID),
        ((ACCEPTED, COMMITS["expired"]), CANCELLED),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_an_order_that_waits_for_something_has_not_ended(history: Sequence[Commit], phase: Phase) -> None:
    state = ORDER.fold(history)

    assert state.phase is phase
    assert not state.is_final


def test_the_hot_path_finds_the_decision_and_the_settlement_at_their_versions() -> None:
    decisions = {commit.version for commit in (ACCEPTED, COMMITS["refused"])}
    settlements = {commit.version for commit in (PAID_COMMIT, DECLINED, COMMITS["expired"])}

    assert (decisions, settlements) == ({DECISION}, {SETTLEMENT})


def test_what_a_service_writes_is_what_it_is_declared_to_write() -> None:
    writers = {transition.names: transition.writer for transition in (*ORDER.transitions, *SKU.transitions)}

    assert writers == {
        "OrderValidated + PaymentRequested": "order-service",
        "OrderCancelled": "order-service",
        "PaymentProcessed": "payment-service",
        "PaymentFailed": "payment-service",
        "OrderCancelled + RefundRequested": "order-service",
        "OrderConfirmed": "order-service",
        "RefundProcessed": "payment-service",
        "ProductInventoryUpdated": "tools",
    }


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ((PAID_COMMIT,), "PaymentProcessed as version 2, where the stream is new at version 0"),
        ((replace(PAID_COMMIT, version=1),), "PaymentProcessed as version 1, where the stream is new"),
        ((ACCEPTED, replace(ACCEPTED, version=2)), "PaymentRequested as version 2, where the stream is reserved"),
        ((ACCEPTED, PAID_COMMIT, COMMITS["cancelled"]), "OrderCancelled as version 3, where the stream is paid"),
        ((ACCEPTED, replace(COMMITS["refunded"], version=2)), "RefundProcessed as version 2, where the stream is res"),
        ((replace(ACCEPTED, events=ACCEPTED.events[:1]),), "OrderValidated as version 1, where the stream is new"),
        ((replace(ACCEPTED, events=ACCEPTED.events[::-1]),), r"PaymentRequested \+ OrderValidated as version 1"),
        ((ACCEPTED, replace(PAID_COMMIT, version=3)), "version 3, where the stream is reserved at version 1"),
        ((ACCEPTED, ACCEPTED), "as version 1, where the stream is reserved at version 1"),
    ],
)
def test_a_commit_that_may_not_be_there_ends_the_fold(history: Sequence[Commit], message: str) -> None:
    with pytest.raises(ImpossibleCommitError, match=message):
        ORDER.fold(history)


def test_a_refund_is_made_once() -> None:
    history = HISTORIES["expired"]
    assert ORDER.fold(history[:2]).open.keys() == {("refund", "o" * 36)}

    with pytest.raises(ImpossibleCommitError, match="RefundProcessed as version 4, where the stream is cancelled"):
        ORDER.fold([*history, replace(history[2], version=4)])


def test_a_refund_that_nobody_asked_for_is_impossible() -> None:
    with pytest.raises(ImpossibleCommitError, match="RefundProcessed"):
        ORDER.fold([COMMITS["refused"], replace(COMMITS["refunded"], version=2)])


@pytest.mark.parametrize(
    ("history", "waits_for", "normal"),
    [
        ((ACCEPTED,), "its stock is reserved, it waits for its payment", PAYMENT_TIMEOUT + timedelta(minutes=5)),
        ((ACCEPTED, PAID_COMMIT), "it is paid and waits to be confirmed", timedelta(minutes=20)),
        ((ACCEPTED, DECLINED), "its payment failed and it waits to be cancelled", timedelta(minutes=20)),
        (
            (ACCEPTED, COMMITS["expired"]),
            "its payment is still to be called off",
            PAYMENT_TIMEOUT + timedelta(minutes=20),
        ),
    ],
    ids=["reserved", "paid", "unpaid", "refund"],
)
def test_an_order_is_late_once_it_has_waited_for_longer_than_is_normal(
    history: Sequence[Commit], waits_for: str, normal: timedelta
) -> None:
    state = ORDER.fold(history)

    assert state.late(NOW + normal) is None
    late = state.late(NOW + normal + timedelta(seconds=1))
    assert late
    assert (late.waits_for, late.late_after) == (waits_for, NOW + normal)


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES.keys())
def test_what_has_ended_is_never_late(history: Sequence[Commit]) -> None:
    lifecycle = lifecycle_of(history[0].stream_id)
    assert lifecycle

    assert lifecycle.fold(history).late(NOW + timedelta(days=999)) is None


def test_stock_moves_only_where_a_phase_is_entered_or_left_that_holds_it() -> None:
    moves = {name: move for name, commit in COMMITS.items() if (move := commit.stock_move.move) is not Move.NONE}

    assert moves == {
        "accepted": Move.RESERVE,
        "paid": Move.SETTLE,
        "declined": Move.RELEASE,
        "expired": Move.RELEASE,
        "seeded": Move.ADJUST,
    }


with pytest.MonkeyPatch.context() as _patched:
    # What is made up here is known to nobody else.
    _patched.setattr(events_of_any_kind, "_TYPES", {})

    class BookLent(Event):
        BUS: ClassVar[Bus] = Bus.ORDER
        title: str

    class BookReturned(Event):
        BUS: ClassVar[Bus] = Bus.ORDER
        title: str

    class FineImposed(Event):
        BUS: ClassVar[Bus] = Bus.ORDER
        number: str

    class FinePaid(Event):
        BUS: ClassVar[Bus] = Bus.ORDER
        number: str

    class FineWaived(Event):
        BUS: ClassVar[Bus] = Bus.ORDER
        number: str


_MEMBER = Phase("member")
_LOAN = Obligation(
    "loan",
    opened_by={BookLent: lambda event: event.title},
    closed_by={BookReturned: lambda event: event.title},
    wait=Wait("a book is out", timedelta(days=14)),
)
_FINE = Obligation(
    "fine",
    opened_by={FineImposed: lambda event: event.number},
    closed_by={FinePaid: lambda event: event.number, FineWaived: lambda event: event.number},
    wait=Wait("a fine is to be paid", timedelta(days=30)),
)
_READER = Lifecycle(
    prefix="reader#",
    start=_MEMBER,
    transitions=tuple(
        Transition((_MEMBER,), events, "library")
        for events in (
            (BookLent,),
            (BookLent, BookLent),
            (BookReturned,),
            (BookReturned, FineImposed),
            (FineImposed,),
            (FinePaid,),
            (FineWaived,),
        )
    ),
    obligations=(_LOAN, _FINE),
)


def _life(*commits: tuple[Event, ...]) -> State:
    """A commit a day."""
    return _READER.fold(
        Commit("reader#1", day, events, replace(CAUSE, at=NOW + timedelta(days=day)))
        for day, events in enumerate(commits, start=1)
    )


_EMMA, _IVANHOE = BookLent(title="Emma"), BookLent(title="Ivanhoe")


def test_several_things_may_be_open_at_a_time_each_by_its_id() -> None:
    state = _life((_EMMA, _IVANHOE), (FineImposed(number="Emma"),), (BookReturned(title="Emma"),))

    assert state.open.keys() == {("loan", "Ivanhoe"), ("fine", "Emma")}
    assert {(one.waits_for, one.late_after) for one in state.waits} == {
        ("a book is out", NOW + timedelta(days=15)),
        ("a fine is to be paid", NOW + timedelta(days=32)),
    }
    assert not state.is_final


def test_a_life_is_over_once_everything_that_was_open_is_closed() -> None:
    state = _life(
        (_EMMA,),
        (BookReturned(title="Emma"), FineImposed(number="1")),
        (FineImposed(number="2"),),
        (FinePaid(number="1"),),
        (FineWaived(number="2"),),
    )

    assert state.is_final
    assert state.version == 5


def test_a_life_that_has_not_begun_is_not_over() -> None:
    assert not _life().is_final


def test_what_was_closed_may_be_opened_again() -> None:
    assert _life((_EMMA,), (BookReturned(title="Emma"),), (_EMMA,)).open.keys() == {("loan", "Emma")}


@pytest.mark.parametrize(
    "commits",
    [
        [(_EMMA,), (_EMMA,)],
        [(_EMMA, _EMMA)],
        [(BookReturned(title="Emma"),)],
        [(_IVANHOE,), (BookReturned(title="Emma"),)],
        [(_EMMA,), (FinePaid(number="Emma"),)],
        [(_EMMA,), (BookReturned(title="Emma"),), (BookReturned(title="Emma"),)],
    ],
    ids=["opened twice", "opened twice at once", "never opened", "another", "of another kind", "closed twice"],
)
def test_nothing_is_opened_twice_or_closed_when_it_is_not_open(commits: Sequence[tuple[Event, ...]]) -> None:
    with pytest.raises(ImpossibleCommitError):
        _life(*commits)


def test_it_is_late_by_whichever_has_waited_for_too_long() -> None:
    state = _life((FineImposed(number="1"),), (_EMMA,))

    assert state.late(NOW + timedelta(days=16)) is None
    late = state.late(NOW + timedelta(days=17))
    assert late
    assert late.waits_for == "a book is out"


def test_a_commit_that_leads_nowhere_else_keeps_the_time_and_the_deadline_of_the_phase() -> None:
    waiting = Phase("waiting", Wait("a call", timedelta(hours=1)))
    lifecycle = Lifecycle(
        "reader#",
        _MEMBER,
        (Transition((_MEMBER,), (BookLent,), "library", waiting), Transition((waiting,), (FineImposed,), "library")),
    )
    lent = Commit("reader#1", 1, (_EMMA,), CAUSE, due_at=NOW + timedelta(hours=2))
    fined = Commit("reader#1", 2, (FineImposed(number="1"),), replace(CAUSE, at=NOW + timedelta(hours=1)))

    state = lifecycle.fold([lent, fined])

    assert (state.phase, state.version, state.since, state.due_at) == (waiting, 2, NOW, NOW + timedelta(hours=2))
    assert [one.late_after for one in state.waits] == [NOW + timedelta(hours=3)]

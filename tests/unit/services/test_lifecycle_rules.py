"""The rules by which the commits of any stream follow one another: shown by the readers of a library."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import ClassVar

import pytest

from services.shared.commits import Commit
from services.shared.events import event as events_of_any_kind
from services.shared.events.event import Bus, Event
from services.shared.lifecycle import ImpossibleCommitError, Lifecycle, Obligation, Phase, State, Transition, Wait
from tests.factories import CAUSE, NOW

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

    class LetterSent(Event):
        """Perhaps about a fine, perhaps not."""

        BUS: ClassVar[Bus] = Bus.ORDER
        imposes: str | None = None
        waives: str | None = None


_MEMBER = Phase("member")
_LOAN = Obligation(
    "loan",
    opened_by={BookLent: lambda event: event.title},
    closed_by={BookReturned: lambda event: event.title},
    wait=Wait("a book is out", timedelta(days=14)),
)
_FINE = Obligation(
    "fine",
    opened_by={FineImposed: lambda event: event.number, LetterSent: lambda event: event.imposes},
    closed_by={
        FinePaid: lambda event: event.number,
        FineWaived: lambda event: event.number,
        LetterSent: lambda event: event.waives,
    },
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
            (LetterSent,),
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


def test_an_event_without_the_id_of_an_obligation_neither_opens_nor_closes_one() -> None:
    fined = (FineImposed(number="1"),)

    assert _life(fined, (LetterSent(),)).open.keys() == {("fine", "1")}
    assert _life(fined, (LetterSent(imposes="2", waives="1"),)).open.keys() == {("fine", "2")}
    with pytest.raises(ImpossibleCommitError):
        _life(fined, (LetterSent(waives="2"),))


def test_what_has_a_deadline_of_its_own_is_late_by_that_and_the_phase_keeps_its_own() -> None:
    state = _READER.fold(
        [
            Commit("reader#1", 1, (_EMMA,), CAUSE, due_at=NOW + timedelta(days=28)),
            Commit("reader#1", 2, (_IVANHOE,), CAUSE),
        ]
    )

    assert {book: one.late_after for (_, book), one in state.open.items()} == {
        "Emma": NOW + timedelta(days=28 + 14),
        "Ivanhoe": NOW + timedelta(days=14),
    }
    assert {book: one.due_at for (_, book), one in state.open.items()} == {
        "Emma": NOW + timedelta(days=28),
        "Ivanhoe": None,
    }
    assert state.due_at is None


def test_commits_of_the_same_events_lead_elsewhere_by_their_content() -> None:
    former, banned = Phase("former"), Phase("banned")
    lifecycle = Lifecycle(
        "reader#",
        _MEMBER,
        tuple(
            Transition((_MEMBER,), (FineImposed,), "library", to, partial(_has_number, number))
            for number, to in (("1", former), ("2", banned))
        ),
    )

    def phase_after(number: str) -> Phase:
        return lifecycle.fold([Commit("reader#1", 1, (FineImposed(number=number),), CAUSE)]).phase

    assert (phase_after("1"), phase_after("2")) == (former, banned)
    with pytest.raises(ImpossibleCommitError, match="FineImposed as version 1, where the stream is member"):
        phase_after("3")


def _has_number(number: str, commit: Commit) -> bool:
    return commit.get(FineImposed).number == number

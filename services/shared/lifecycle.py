"""How the commits of a stream follow one another: declared once for each kind of stream, as data."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import product
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from services.shared.commits import Commit
from services.shared.events.event import Event

_NEVER = datetime.min.replace(tzinfo=UTC)


class Wait(NamedTuple):
    """Something that is still to happen, and for how long it is normal to wait: from the deadline if there is one."""

    waits_for: str
    normal: timedelta

    def since(self, time: datetime, due_at: datetime | None) -> "Waiting":
        return Waiting(self.waits_for, (due_at or time) + self.normal, due_at)


class Phase(NamedTuple):
    """A phase of a stream. A phase without a wait is final."""

    name: str
    wait: Wait | None = None

    def __str__(self) -> str:
        return self.name


def _any(_: Commit) -> bool:
    return True


class Transition(NamedTuple):
    """A commit that may follow one of the phases: its events, its writer, and the next phase.

    `to` is None if the phase stays the same. `when` distinguishes commits of the same events by their content.
    """

    phases: tuple[Phase, ...]
    events: tuple[type[Event], ...]
    writer: str
    to: Phase | None = None
    when: Callable[[Commit], bool] = _any

    @property
    def names(self) -> str:
        return " + ".join(event.type_name() for event in self.events)


IdOf: TypeAlias = Callable[[Any], str | None]
"""Finds the id of an obligation in an event of the type that it is declared for; None if the event is about none."""


class Obligation(NamedTuple):
    """Something that one event opens and a later one closes, such as a refund; several may be open, each by its id."""

    name: str
    opened_by: Mapping[type[Event], IdOf]
    closed_by: Mapping[type[Event], IdOf]
    wait: Wait


class Waiting(NamedTuple):
    """What a stream waits for, and the time after which the wait is longer than normal."""

    waits_for: str
    late_after: datetime
    due_at: datetime | None = None
    """When the service that owns the stream is told to look at it."""


class State(NamedTuple):
    """The state of a stream: its phase, and its open obligations."""

    phase: Phase
    version: int = 0
    since: datetime = _NEVER
    """When the phase was reached."""
    due_at: datetime | None = None
    """The deadline of the phase."""
    open: Mapping[tuple[str, str], Waiting] = MappingProxyType({})
    """The obligations that are open, by name and id."""

    @property
    def waits(self) -> tuple[Waiting, ...]:
        """Everything that it waits for."""
        wait = self.phase.wait
        own = (wait.since(self.since, self.due_at),) if wait else ()
        return (*own, *self.open.values())

    @property
    def is_final(self) -> bool:
        """Whether its life is over: it has begun, its phase is final, and nothing is open."""
        return self.version > 0 and not self.waits

    def late(self, now: datetime) -> Waiting | None:
        """Its first wait that is longer than normal."""
        return next((waiting for waiting in self.waits if now > waiting.late_after), None)


class ImpossibleCommitError(ValueError):
    """No transition of the stream's life cycle allows the commit."""

    def __init__(self, commit: Commit, state: State) -> None:
        events = " + ".join(event.type_name() for event in commit.events)
        super().__init__(
            f"{events} as version {commit.version}, where the stream is {state.phase} at version {state.version}"
        )


class Lifecycle(NamedTuple):
    """The life of the streams whose ids begin with `prefix`."""

    prefix: str
    start: Phase
    transitions: tuple[Transition, ...]
    obligations: tuple[Obligation, ...] = ()

    def fold(self, commits: Iterable[Commit]) -> State:
        """The state after these commits of a stream; raise ImpossibleCommitError at the first that may not follow."""
        state = State(self.start)
        for commit in commits:
            state = self.next_state(state, commit)
        return state

    def next_state(self, state: State, commit: Commit) -> State:
        """The state after the commit; raise ImpossibleCommitError if the commit may not follow."""
        transition = self.transition(state.phase, commit)
        if transition is None or commit.version != state.version + 1:
            raise ImpossibleCommitError(commit, state)
        opened = self._open_after(state, commit)
        state = state._replace(version=commit.version, open=opened)
        if transition.to:
            state = state._replace(phase=transition.to, since=commit.cause.at, due_at=commit.due_at)
        return state

    def transition(self, phase: Phase, commit: Commit) -> Transition | None:
        events = tuple(type(event) for event in commit.events)
        return next(
            (one for one in self.transitions if phase in one.phases and one.events == events and one.when(commit)), None
        )

    def _open_after(self, state: State, commit: Commit) -> Mapping[tuple[str, str], Waiting]:
        """Raise ImpossibleCommitError if an event closes what is not open, or opens what is."""
        still_open = dict(state.open)
        for event, one in product(commit.events, self.obligations):
            closed, opened = _id(one.closed_by, event), _id(one.opened_by, event)
            if closed and still_open.pop((one.name, closed), None) is None:
                raise ImpossibleCommitError(commit, state)
            if opened:
                if (one.name, opened) in still_open:
                    raise ImpossibleCommitError(commit, state)
                still_open[one.name, opened] = one.wait.since(commit.cause.at, commit.due_at)
        return still_open


def _id(ids: Mapping[type[Event], IdOf], event: Event) -> str | None:
    """The id of the obligation that this event is about, if it is about one."""
    return ids[type(event)](event) if type(event) in ids else None

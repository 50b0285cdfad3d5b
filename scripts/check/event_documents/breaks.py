"""The breaking changes of the events against the committed documents, and the parties that they break.

An event that PulseQueue publishes must stay within the documents, because readers rely on them: no content beyond them,
and no promised field left out. A new value of an enumeration breaks too: a reader has no branch for it. For an event
that producers outside send, all documented content must still be accepted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from scripts.check.event_documents.loosening import FIELD, REQUIRED, TYPE, VALUE, Loosening, loosenings
from scripts.check.event_documents.schemas import Schema, resolved
from scripts.check.event_documents.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Contract:
    """The traffic and schemas of the events, by the documents or by the code."""

    traffic: Mapping[str, Traffic] = field(default_factory=dict)
    schemas: Mapping[tuple[str, int], Schema] = field(default_factory=dict)
    """By event and schema version; the code has the present version only."""

    def newest(self, event: str) -> int:
        """The newest schema version, or 0 without one."""
        return max((version for name, version in self.schemas if name == event), default=0)


@dataclass(frozen=True, slots=True)
class Break:
    event: str
    whom: str
    changes: Sequence[str]

    def __str__(self) -> str:
        return "\n".join([f"{self.event} breaks {self.whom}:", *(f"  {change}" for change in self.changes)])


def find_breaks(committed: Contract, declared: Contract) -> list[Break]:
    """Compare event by event; a new event breaks no party."""
    found = []
    for event in sorted({name for name, _ in committed.schemas}):
        before, now = committed.traffic.get(event), declared.traffic.get(event)
        if for_readers := list(_for_readers(event, committed, declared)):
            found.append(Break(event, _readers(before, now), for_readers))
        if for_producers := list(_for_producers(event, committed, declared)):
            found.append(Break(event, _producers(before, now), for_producers))
    return found


def _for_readers(event: str, committed: Contract, declared: Contract) -> Iterator[str]:
    before, now = committed.traffic.get(event), declared.traffic.get(event)
    if now is None:
        yield "the event is removed"
        return
    if before and before.bus != now.bus:
        yield f"it was on the {before.bus} bus, and is on the {now.bus} bus"
    if before and before.is_published and not now.is_published:
        yield "no service sends it any more"
    if (newest := committed.newest(event)) > declared.newest(event):
        yield f"schema version {newest} is gone: {declared.newest(event)} is the newest"
    if now.is_published:
        yield from _changes(event, committed, declared, readers=True)


def _for_producers(event: str, committed: Contract, declared: Contract) -> Iterator[str]:
    before, now = committed.traffic.get(event), declared.traffic.get(event)
    if before and before.is_accepted and now is None:
        yield "the event is removed"
    elif before and before.is_accepted and now and not now.is_accepted:
        yield "it is no longer accepted from outside"
    elif before and before.is_accepted and now and before.bus != now.bus:
        yield f"it is expected on the {now.bus} bus, no longer on the {before.bus} bus"
    if now and now.is_accepted:
        yield from _changes(event, committed, declared, readers=False)


def _changes(event: str, committed: Contract, declared: Contract, *, readers: bool) -> Iterator[str]:
    """The changes within one schema version; a new version has an upcaster for its changes."""
    key = (event, declared.newest(event))
    if key not in committed.schemas:
        return
    before, now = resolved(committed.schemas[key]), resolved(declared.schemas[key])
    for change in loosenings(strict=before, loose=now) if readers else loosenings(strict=now, loose=before):
        # An optional field asks nothing of a producer.
        if readers or change.rule != FIELD or change.strict == REQUIRED:
            yield _text(change, readers=readers)


_TO_READERS = {FIELD: "is removed", REQUIRED: "may be missing", VALUE: "may be {}, which is new"}
_TO_PRODUCERS = {FIELD: "is new, and required", REQUIRED: "is required now", VALUE: "may no longer be {}"}


def _text(change: Loosening, *, readers: bool) -> str:
    if text := (_TO_READERS if readers else _TO_PRODUCERS).get(change.rule):
        return f"{change.path} {text.format(change.loose)}"
    before, now = (change.strict, change.loose) if readers else (change.loose, change.strict)
    subject = change.path if change.rule == TYPE else f"{change.path}: {change.rule}"
    was, is_now = ("not limited" if value is None else value for value in (before, now))
    return f"{subject} was {was}, is {is_now}"


def _readers(before: Traffic | None, now: Traffic | None) -> str:
    known = [traffic for traffic in (before, now) if traffic]
    services = sorted({service for traffic in known for service in traffic.receivers})
    bus = f"the {known[0].bus} bus" if known else "its bus"
    return ", ".join([*services, f"and every consumer outside that listens to {bus}"]).removeprefix("and ")


def _producers(before: Traffic | None, now: Traffic | None) -> str:
    traffic = before or now
    return f"every producer outside that sends it to the {traffic.bus if traffic else 'same'} bus"

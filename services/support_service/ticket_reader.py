"""Read many tickets: the streams of a page by few calls, most of which are short."""

from collections.abc import Mapping, Sequence

from services.libs.store.event_store import EventStore
from services.libs.store.next_commit import History

_FIRST_VERSIONS = range(1, 6)
"""Most tickets have no more. So the default page of 20 tickets takes one call of DynamoDB's 100 keys."""


def read_tickets(store: EventStore, streams: Sequence[str]) -> Mapping[str, History]:
    """The histories in the order of `streams`, perhaps without what was committed a moment ago."""
    found = store.read_versions(streams, _FIRST_VERSIONS)
    return {stream: _whole(store, stream, found[stream]) for stream in streams if stream in found}


def _whole(store: EventStore, stream: str, first: History) -> History:
    if len(first) == len(_FIRST_VERSIONS):
        return store.read(stream)
    # An eventually consistent read may miss a version before one that it has.
    return tuple(commit for place, commit in enumerate(first, start=1) if commit.version == place)

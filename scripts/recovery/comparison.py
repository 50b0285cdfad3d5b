"""Compare the live log with the one to restore, by a fingerprint of each commit."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from scripts.ledger.customers import erasure_of
from scripts.ledger.log_reader import readable_commits
from services.libs.store.dynamodb_items import Item
from services.shared.commits import Commit
from services.shared.customer_lifecycle import CUSTOMER_PREFIX
from services.shared.events.customer import CustomerErased, CustomerRegistered

Key = tuple[str, str]


@dataclass(slots=True)
class Live:
    """What the live log has and the other one has not."""

    surplus: set[Key] = field(default_factory=set)
    would_be_lost: set[Key] = field(default_factory=set)
    """The surplus without the commits that follow from the table of keys, and are written again after a restore."""
    erased: dict[str, datetime | None] = field(default_factory=dict)
    """The customers who are erased in the surplus, and since when."""

    def add(self, item: Item) -> None:
        self.surplus.add(key_of(item))
        commit = next(readable_commits([item], []), None) if key_of(item)[0].startswith(CUSTOMER_PREFIX) else None
        erased_at = erasure_of([commit] if commit else [])
        if commit and erased_at:
            self.erased[commit.stream_id.removeprefix(CUSTOMER_PREFIX)] = erased_at
        if commit is None or not _is_written_again(commit):
            self.would_be_lost.add(key_of(item))


def remembered(items: Iterable[Item], fingerprints: set[bytes]) -> Iterator[Item]:
    for item in items:
        fingerprints.add(fingerprint_of(item))
        yield item


def compare(live: Iterable[Item], missing: set[bytes]) -> Live:
    """Remove from `missing` the commits that are there as they should be; return all others there."""
    other = Live()
    for item in live:
        fingerprint = fingerprint_of(item)
        if fingerprint in missing:
            missing.remove(fingerprint)
        else:
            other.add(item)
    return other


def fingerprint_of(item: Item) -> bytes:
    """A hash of the item that does not depend on the order of its attributes."""
    # A commit has no binary attribute, which is no JSON; a foreign item may.
    text = json.dumps(item, sort_keys=True, separators=(",", ":"), default=repr)
    return hashlib.sha256(text.encode()).digest()[:16]


def key_of(item: Item) -> Key:
    return item["stream_id"]["S"], item["version"]["N"]


def _is_written_again(commit: Commit) -> bool:
    """An erasure, as of its tombstone; and a registration without a profile, as of its key."""
    registered = commit.find(CustomerRegistered)
    return commit.find(CustomerErased) is not None or (registered is not None and registered.sealed_profile is None)

"""Compare the business counters with the commits that they count."""

from collections.abc import Iterator, Mapping

from scripts.ledger.audit.findings import Difference
from scripts.ledger.log_reader import Ledger
from services.libs.store.ledger_counters import LedgerCounters, UnreadableCountersError


def read_counters(counters: LedgerCounters) -> Mapping[str, int] | str:
    """Read the counters; where they cannot be read, give the reason as a text."""
    try:
        return counters.read()
    except UnreadableCountersError as error:
        return str(error)


def counter_differences(ledger: Ledger, counters: Mapping[str, int] | str) -> Iterator[Difference]:
    if isinstance(counters, str):
        yield Difference("counter", "all", "numbers", counters)
        return
    for name in sorted(ledger.counters.keys() | counters.keys()):
        if ledger.counters[name] != counters.get(name, 0):
            yield Difference("counter", name, str(ledger.counters[name]), str(counters.get(name, 0)))

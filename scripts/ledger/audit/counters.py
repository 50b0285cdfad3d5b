"""Compare the business counters with the commits that they count."""

from collections.abc import Iterator, Mapping

from scripts.ledger.audit.findings import Difference
from scripts.ledger.log_reader import Ledger
from services.libs.store.ledger_counters import LedgerCounters, UnreadableCountersError

Counters = Mapping[str, int]


def read_counters(counters: LedgerCounters) -> Counters | UnreadableCountersError:
    try:
        return counters.read()
    except UnreadableCountersError as error:
        return error


def counter_differences(
    ledger: Ledger, before: Counters | UnreadableCountersError, after: Counters | UnreadableCountersError
) -> Iterator[Difference]:
    """Compare with the counters as they were before and after the log was read.

    Counters never fall, and a commit is counted in its own transaction: the log's count lies between the two.
    """
    if isinstance(before, UnreadableCountersError) or isinstance(after, UnreadableCountersError):
        reason = before if isinstance(before, UnreadableCountersError) else after
        yield Difference("counter", "all", "numbers", str(reason))
        return
    for name in sorted(ledger.counters.keys() | before.keys() | after.keys()):
        counted, least, most = ledger.counters[name], before.get(name, 0), after.get(name, 0)
        if not least <= counted <= most:
            yield Difference("counter", name, f"{counted}", f"{most}" if least == most else f"{least} to {most}")

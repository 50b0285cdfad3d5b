from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.libs.store.dynamodb_items import to_item
from services.libs.store.ledger_counters import CounterWriter, LedgerCounters, UnreadableCountersError
from services.shared.faults import DependencyError
from services.shared.json_types import Json
from tests.factories import NOW
from tests.unit.conftest import METRICS_TABLE, Aws

_LATER = NOW + timedelta(hours=2)


def _count(aws: Aws, writer: CounterWriter, at: datetime = NOW, **added: int) -> None:
    series = {f"{name}|status=success": count for name, count in added.items()}
    aws.dynamodb.transact_write_items(TransactItems=[{"Update": writer.update(series, at)}])


def _items(aws: Aws) -> int:
    return aws.dynamodb.scan(TableName=METRICS_TABLE)["Count"]


@pytest.fixture
def counters(aws: Aws) -> LedgerCounters:
    return LedgerCounters(aws.dynamodb, METRICS_TABLE)


def test_the_counters_of_all_environments_are_added_up_and_nothing_else(aws: Aws, counters: LedgerCounters) -> None:
    for _ in range(2):
        _count(aws, CounterWriter(METRICS_TABLE), a=2, b=1)
    aws.dynamodb.put_item(TableName=METRICS_TABLE, Item=to_item({"id": "sweep#1", "a|status=success": 99}))

    assert counters.read() == Counter({"a|status=success": 4, "b|status=success": 2})


def test_items_that_are_idle_become_one_and_the_sum_stays(aws: Aws, counters: LedgerCounters) -> None:
    for _ in range(3):
        _count(aws, CounterWriter(METRICS_TABLE), a=2, b=1)
    _count(aws, CounterWriter(METRICS_TABLE), at=_LATER, a=5)
    before = counters.read()

    assert counters.fold(idle_since=NOW + timedelta(seconds=1)) == 3

    assert counters.read() == before
    assert _items(aws) == 2
    assert counters.fold(idle_since=NOW + timedelta(seconds=1)) == 0


def test_a_series_without_a_label_is_folded_and_replaced_as_the_others(aws: Aws, counters: LedgerCounters) -> None:
    for _ in range(2):
        update = CounterWriter(METRICS_TABLE).update({"a": 2, "b|status=success": 1}, NOW)
        aws.dynamodb.transact_write_items(TransactItems=[{"Update": update}])

    assert counters.fold(idle_since=_LATER) == 2
    assert counters.read() == Counter({"a": 4, "b|status=success": 2})

    counters.replace({"a": 7})
    assert counters.read() == Counter({"a": 7})


def test_what_was_written_at_the_very_time_is_not_idle(aws: Aws, counters: LedgerCounters) -> None:
    _count(aws, CounterWriter(METRICS_TABLE), a=2)

    assert counters.fold(idle_since=NOW) == 0
    assert counters.fold(idle_since=NOW + timedelta(milliseconds=1)) == 1


def test_whoever_writes_again_after_it_was_folded_loses_nothing(aws: Aws, counters: LedgerCounters) -> None:
    writer = CounterWriter(METRICS_TABLE)
    _count(aws, writer, a=2)
    counters.fold(idle_since=_LATER)

    _count(aws, writer, a=3)
    assert counters.read() == Counter({"a|status=success": 5})

    counters.fold(idle_since=_LATER)
    assert counters.read() == Counter({"a|status=success": 5})
    assert _items(aws) == 1


def test_what_is_written_while_it_is_folded_is_not_lost(
    aws: Aws, counters: LedgerCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other writes a new series under an old time: neither a time nor the values that were read tell of it."""
    writer = CounterWriter(METRICS_TABLE)
    _count(aws, writer, a=2)
    transact = aws.dynamodb.transact_write_items

    def write_first(**request: Any) -> Mapping[str, Any]:  # noqa: ANN401 - handed on
        monkeypatch.setattr(aws.dynamodb, "transact_write_items", transact)
        _count(aws, writer, b=1)
        return transact(**request)

    monkeypatch.setattr(aws.dynamodb, "transact_write_items", write_first)

    assert counters.fold(idle_since=_LATER) == 0
    assert counters.read() == Counter({"a|status=success": 2, "b|status=success": 1})


def test_a_reading_that_a_folding_disturbed_is_made_again(
    aws: Aws, counters: LedgerCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scan saw the folded item before, and the others after it had been folded: it found nothing of them."""
    _count(aws, CounterWriter(METRICS_TABLE), a=2)
    items = counters._items  # noqa: SLF001 - to come in between
    torn = iter([True])

    def torn_scan() -> Any:  # noqa: ANN401
        if next(torn, False):
            LedgerCounters(aws.dynamodb, METRICS_TABLE).fold(idle_since=_LATER)
            return iter(())
        return items()

    monkeypatch.setattr(counters, "_items", torn_scan)

    assert counters.read() == Counter({"a|status=success": 2})


def test_a_reading_that_is_disturbed_for_ever_is_a_fault(
    counters: LedgerCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    foldings = iter(range(100))
    monkeypatch.setattr(counters, "_foldings", lambda: next(foldings))

    with pytest.raises(DependencyError, match="folded"):
        counters.read()


def test_counters_can_be_replaced_as_a_whole(aws: Aws, counters: LedgerCounters) -> None:
    for _ in range(25):
        _count(aws, CounterWriter(METRICS_TABLE), a=2, wrong=1)

    counters.replace({"a|status=success": 7})

    assert counters.read() == Counter({"a|status=success": 7})
    assert _items(aws) == 1


@pytest.mark.parametrize(
    ("item", "spoilt"),
    [
        ({"id": "counters#1", "writes": 1, "a|status=success": "x"}, r"a\|status=success of counters#1"),
        ({"id": "counters#folded", "foldings": "x"}, "foldings of counters#folded"),
    ],
)
def test_an_item_that_cannot_be_read_is_named_and_replaced_with_the_rest(
    aws: Aws, counters: LedgerCounters, item: dict[str, Json], spoilt: str
) -> None:
    _count(aws, CounterWriter(METRICS_TABLE), a=2)
    aws.dynamodb.put_item(TableName=METRICS_TABLE, Item=to_item(item))
    with pytest.raises(UnreadableCountersError, match=f"{spoilt} cannot be read: KeyError"):
        counters.read()

    counters.replace({"a|status=success": 7})

    assert counters.read() == Counter({"a|status=success": 7})
    assert _items(aws) == 1


def test_an_item_without_its_time_is_never_folded_and_is_replaced_with_the_rest(
    aws: Aws, counters: LedgerCounters
) -> None:
    aws.dynamodb.put_item(
        TableName=METRICS_TABLE, Item=to_item({"id": "counters#1", "writes": 1, "a|status=success": 3})
    )
    with pytest.raises(UnreadableCountersError, match="updated_at of counters#1 cannot be read"):
        counters.fold(NOW)

    counters.replace({"a|status=success": 7})

    assert counters.read() == Counter({"a|status=success": 7})
    assert _items(aws) == 1

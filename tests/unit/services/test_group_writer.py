"""The group writer over a store that answers as it is told."""

from collections.abc import Collection, Mapping, Sequence

import pytest

from services.libs.store import event_store
from services.libs.store.event_store import (
    ContentionError,
    EventStore,
    GroupRefusedError,
    StockRefusedError,
    TransactionFaultError,
)
from services.libs.store.group_writer import Decide, GroupWriter, Outcome
from services.order_service.domain import decide_all
from services.shared.cancel_reasons import CancelReason
from services.shared.commits import Commit
from services.shared.events.order import OrderCancelled
from services.shared.faults import OutOfTimeError
from services.shared.inventory import StockItem
from tests.factories import CAUSE, PAYMENT_TIMEOUT, decide, inventory, placed_order, stock_item

_SKU = "prod-001"


class _Store(EventStore):
    """Fails as it is told: at each write the next of `answers`, or whenever a commit of `at_fault` is written."""

    def __init__(self, *answers: Exception | None, at_fault: Mapping[str, Exception] | None = None) -> None:
        self._answers = iter(answers)
        self._at_fault = at_fault or {}
        self.groups: list[list[str]] = []

    def append_group(self, commits: Sequence[Commit]) -> None:
        self.groups.append([commit.stream_id.removeprefix("order#") for commit in commits])
        fault = next(self._answers, None) or next(
            (self._at_fault[commit.stream_id] for commit in commits if commit.stream_id in self._at_fault), None
        )
        if fault:
            raise fault


class _Orders:
    """Orders of one unit, decided on the stock; it notes what it was told."""

    def __init__(self, *order_ids: str, sku: str = _SKU) -> None:
        self._placed = [(placed_order(order_id, {sku: 1}), CAUSE) for order_id in order_ids]
        self.available: list[int | None] = []
        self.done: list[set[str]] = []

    def __call__(self, stock: Mapping[str, StockItem], done: Collection[str]) -> dict[str, Outcome]:
        self.available.append(stock[_SKU].available if _SKU in stock else None)
        self.done.append(set(done))
        left = [(order, cause) for order, cause in self._placed if order.stream_id not in done]
        decided = decide_all(left, stock, PAYMENT_TIMEOUT)
        return {order.stream_id: outcome for (order, _), outcome in zip(left, decided, strict=True)}


def _commit(order_id: str) -> Commit:
    return decide(placed_order(order_id, {_SKU: 1}), _stock(99))


def _fixed(*order_ids: str) -> Decide:
    """Decide always the same, whatever the stock is."""
    commits = {commit.stream_id: commit for commit in map(_commit, order_ids)}
    return lambda _, done: {stream: commit for stream, commit in commits.items() if stream not in done}


def _stock(units: int) -> dict[str, StockItem]:
    return inventory(stock_item(_SKU, stock=units))


def _refused(units: int | None = None) -> GroupRefusedError:
    return GroupRefusedError({}, {_SKU: None if units is None else stock_item(_SKU, stock=units)})


def _kinds(outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    return {stream.removeprefix("order#"): type(outcome).__name__ for stream, outcome in outcomes.items()}


def _reason(outcome: Outcome) -> CancelReason | None:
    assert isinstance(outcome, Commit)
    cancelled = outcome.find(OrderCancelled)
    return cancelled.reason if cancelled else None


@pytest.fixture
def _two_per_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two commits, one SKU, the counters and the deadline."""
    monkeypatch.setattr(event_store, "_MAX_ITEMS_PER_TRANSACTION", 5)


def test_what_is_written_is_what_was_decided() -> None:
    store = _Store()

    outcomes = GroupWriter(store).write(_fixed("a", "b"))

    assert outcomes == {"order#a": _commit("a"), "order#b": _commit("b")}
    assert store.groups == [["a", "b"]]


def test_where_nothing_is_decided_nothing_is_written() -> None:
    store = _Store()

    assert GroupWriter(store).write(lambda *_: {}) == {}
    assert store.groups == []


@pytest.mark.usefixtures("_two_per_group")
def test_after_each_group_the_rest_is_decided_on_the_stock_that_it_has_left() -> None:
    store, orders = _Store(), _Orders("a", "b", "c", "d", "e")

    outcomes = GroupWriter(store).write(orders, _stock(3))

    assert store.groups == [["a", "b"], ["c", "d"], ["e"]]
    assert orders.available == [3, 1, 0, 0]
    assert [len(done) for done in orders.done] == [0, 2, 4, 5]
    assert [_reason(outcome) for outcome in outcomes.values()] == [None] * 3 + [CancelReason.INSUFFICIENT_STOCK] * 2


def test_a_version_that_another_wrote_stands_and_the_others_are_written() -> None:
    existing = _commit("b")
    store = _Store(GroupRefusedError({"order#b": existing}, {}))

    outcomes = GroupWriter(store).write(_fixed("a", "b", "c"))

    assert outcomes["order#b"] is existing
    assert store.groups == [["a", "b", "c"], ["a", "c"]]
    assert _kinds(outcomes) == dict.fromkeys("abc", "Commit")


def test_however_often_another_is_faster_that_is_no_change_of_the_stock() -> None:
    store = _Store(*(GroupRefusedError({f"order#{name}": _commit(name)}, {}) for name in "abcde"))

    outcomes = GroupWriter(store).write(_fixed(*"abcdef"))

    assert _kinds(outcomes) == dict.fromkeys("abcdef", "Commit")
    assert store.groups[-1] == ["f"]


def test_what_the_stock_refuses_is_decided_again_on_the_stock_that_stands_there() -> None:
    store, orders = _Store(_refused(1)), _Orders("a", "b")

    outcomes = GroupWriter(store).write(orders, _stock(2))

    assert orders.available == [2, 1, 0]
    assert [_reason(outcome) for outcome in outcomes.values()] == [None, CancelReason.INSUFFICIENT_STOCK]


def test_a_sku_that_is_gone_is_unknown_to_the_next_decision() -> None:
    store, orders = _Store(_refused()), _Orders("a")

    outcomes = GroupWriter(store).write(orders, _stock(2))

    assert orders.available == [2, None, None]
    assert _reason(outcomes["order#a"]) is CancelReason.UNKNOWN_SKU


def test_of_what_is_decided_the_same_again_only_the_one_at_fault_is_refused() -> None:
    store = _Store(at_fault={"order#b": _refused(0)})

    outcomes = GroupWriter(store).write(_fixed("a", "b", "c"))

    assert _kinds(outcomes) == {"a": "Commit", "b": "StockRefusedError", "c": "Commit"}
    refusal = outcomes["order#b"]
    assert isinstance(refusal, StockRefusedError)
    assert refusal.found == _stock(0)
    assert store.groups == [["a", "b", "c"], ["a", "b", "c"], ["a"], ["b"], ["b"], ["c"]]


def test_each_of_many_that_the_stock_refuses_whatever_it_is_is_told_so() -> None:
    ids = "abcdef"

    outcomes = GroupWriter(_Store(at_fault={f"order#{name}": _refused(0) for name in ids})).write(_fixed(*ids))

    assert _kinds(outcomes) == dict.fromkeys(ids, "StockRefusedError")


def test_under_four_decisions_the_stock_may_change() -> None:
    ids = "abcde"

    outcomes = GroupWriter(_Store(*(_refused(units) for units in (4, 3, 2, 1)))).write(_Orders(*ids), _stock(5))

    assert [_reason(outcome) for outcome in outcomes.values()] == [None] + [CancelReason.INSUFFICIENT_STOCK] * 4


def test_orders_whose_stock_changes_under_five_decisions_are_handed_back() -> None:
    ids = "abcde"
    store = _Store(*(_refused(units) for units in (4, 3, 2, 1, 0)))

    outcomes = GroupWriter(store).write(_Orders(*ids), _stock(5))

    assert _kinds(outcomes) == dict.fromkeys(ids, "ContentionError")
    assert len(store.groups) == 5


@pytest.mark.usefixtures("_two_per_group")
def test_the_refusals_of_a_group_that_was_written_are_not_held_against_the_next() -> None:
    """Five in all, of which no group has as many."""
    store = _Store(_refused(1), _refused(9), None, _refused(1), _refused(9), _refused(1))

    outcomes = GroupWriter(store).write(_Orders("a", "b", "c", "d"), _stock(9))

    assert [_reason(outcome) for outcome in outcomes.values()] == [None] * 3 + [CancelReason.INSUFFICIENT_STOCK]


def test_of_a_faulty_transaction_only_the_commit_at_fault_fails() -> None:
    fault = TransactionFaultError("ValidationError")
    store = _Store(at_fault={"order#b": fault})

    outcomes = GroupWriter(store).write(_fixed("a", "b", "c"))

    assert _kinds(outcomes) == {"a": "Commit", "b": "TransactionFaultError", "c": "Commit"}
    assert outcomes["order#b"] is fault
    assert store.groups == [["a", "b", "c"], ["a"], ["b"], ["c"]]


@pytest.mark.usefixtures("_two_per_group")
def test_contention_fails_its_own_group_only_and_that_has_taken_no_stock() -> None:
    store, orders = _Store(ContentionError()), _Orders("a", "b", "c")

    outcomes = GroupWriter(store).write(orders, _stock(2))

    assert _kinds(outcomes) == {"a": "ContentionError", "b": "ContentionError", "c": "Commit"}
    assert orders.available == [2, 2, 1]
    assert _reason(outcomes["order#c"]) is None


@pytest.mark.usefixtures("_two_per_group")
def test_what_there_is_no_time_for_is_not_begun_and_what_was_written_stays() -> None:
    store, seconds = _Store(), iter([10.0, 1.0])

    outcomes = GroupWriter(store).write(_fixed("a", "b", "c", "d"), seconds_left=lambda: next(seconds))

    assert _kinds(outcomes) == {"a": "Commit", "b": "Commit", "c": "OutOfTimeError", "d": "OutOfTimeError"}
    assert isinstance(outcomes["order#d"], OutOfTimeError)
    assert store.groups == [["a", "b"]]


def test_what_is_decided_against_is_an_outcome_and_is_not_written() -> None:
    refusal, store = ValueError("no"), _Store()

    def decided(_: Mapping[str, StockItem], done: Collection[str]) -> dict[str, Outcome]:
        both: dict[str, Outcome] = {"order#a": refusal, "order#b": _commit("b")}
        return {stream: outcome for stream, outcome in both.items() if stream not in done}

    outcomes = GroupWriter(store).write(decided)

    assert outcomes == {"order#a": refusal, "order#b": _commit("b")}
    assert store.groups == [["b"]]

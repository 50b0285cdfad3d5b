"""Many scrape at once: one reads the metrics, and no counter falls from one page to the next."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics_service.exposition import Values
from services.metrics_service.page_store import KeptPage, PageStore
from services.metrics_service.shared_page import SharedPage
from services.shared.faults import DependencyError, SecondsLeft
from tests.factories import NOW
from tests.unit.conftest import METRICS_TABLE, Aws

_SECOND = timedelta(seconds=1)
_VALUES = Values({"a_total": 3, "b_sum": 0.1 + 0.2}, {"stock_quantity": {"prod-001": 10}, "age": {"": 1.5}})


class _Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def seconds_left(self, seconds: float) -> SecondsLeft:
        end = self.now + timedelta(seconds=seconds)

        def left() -> float:
            return (end - self.now).total_seconds()

        return left


class _Metrics:
    """One counter, which grows by one before each reading."""

    def __init__(self) -> None:
        self.count = 0
        self.during: list[Callable[[], object]] = []
        """Events of the next readings: each happens between a reading and its end."""

    def read(self, *_: object) -> Values:
        self.count += 1
        values = Values({"a_total": self.count})
        if self.during:
            self.during.pop(0)()
        return values


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def metrics() -> _Metrics:
    return _Metrics()


@pytest.fixture
def store(aws: Aws) -> PageStore:
    return PageStore(aws.dynamodb, METRICS_TABLE)


@pytest.fixture
def page(store: PageStore, metrics: _Metrics, clock: _Clock) -> SharedPage:
    return SharedPage(store, metrics.read, clock, clock.sleep)


def _shown(page: SharedPage, *, newly_read: bool = False) -> float:
    return page.values(newly_read=newly_read).sums["a_total"]


def test_a_page_is_kept_as_it_was_read(store: PageStore) -> None:
    kept = KeptPage(1, NOW, _VALUES)

    assert store.save(kept)

    assert store.latest() == kept


def test_a_page_is_saved_only_after_the_one_that_it_was_read_after(store: PageStore) -> None:
    assert store.save(KeptPage(1, NOW, _VALUES))

    assert not store.save(KeptPage(1, NOW, Values({"a_total": 9})))
    assert not store.save(KeptPage(3, NOW, Values({"a_total": 9})))
    assert store.latest() == KeptPage(1, NOW, _VALUES)


def test_a_turn_is_one_readers_until_it_ends(store: PageStore) -> None:
    assert store.take_turn(NOW, 5 * _SECOND)

    assert not store.take_turn(NOW + 4 * _SECOND, 5 * _SECOND)
    assert store.take_turn(NOW + 5 * _SECOND, 5 * _SECOND)


def test_a_page_and_a_turn_of_a_clock_that_was_ahead_hold_nobody_up(
    page: SharedPage, store: PageStore, clock: _Clock
) -> None:
    ahead = NOW + timedelta(hours=1)
    store.take_turn(ahead, 5 * _SECOND)
    store.save(KeptPage(1, ahead, Values({"a_total": 0})))

    assert _shown(page) == 1
    assert clock.now == NOW


def test_readers_within_a_few_seconds_share_a_page(page: SharedPage, metrics: _Metrics, clock: _Clock) -> None:
    shown = []
    for _ in range(5):
        shown.append(_shown(page))
        clock.sleep(1)

    assert shown == [1] * 5
    assert _shown(page) == metrics.count == 2


def test_a_reader_that_asks_for_new_values_gets_them(page: SharedPage, clock: _Clock) -> None:
    _shown(page)

    assert [_shown(page, newly_read=True) for _ in range(3)] == [2, 3, 4]
    assert clock.now == NOW
    assert _shown(page) == 4


def test_a_reader_waits_for_the_one_whose_turn_it_is(metrics: _Metrics, store: PageStore, clock: _Clock) -> None:
    store.take_turn(NOW, 5 * _SECOND)
    sleeps = []

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        sleeps.append(seconds)
        if len(sleeps) == 3:
            store.save(KeptPage(1, clock.now, Values({"a_total": 7})))

    assert _shown(SharedPage(store, metrics.read, clock, sleep)) == 7
    assert len(sleeps) == 3
    assert metrics.count == 0


def test_a_reader_that_died_in_its_turn_is_waited_for_some_seconds(
    page: SharedPage, store: PageStore, clock: _Clock
) -> None:
    store.take_turn(NOW, 5 * _SECOND)

    assert _shown(page) == 1
    assert clock.now - NOW == 5 * _SECOND


def test_a_reader_whose_time_is_over_says_that_others_are_reading(
    store: PageStore, metrics: _Metrics, clock: _Clock
) -> None:
    store.take_turn(NOW, 5 * _SECOND)

    def sleep_while_others_take_each_turn(seconds: float) -> None:
        clock.sleep(seconds)
        store.take_turn(clock.now, 5 * _SECOND)

    with pytest.raises(DependencyError, match="no page was ready in time"):
        SharedPage(store, metrics.read, clock, sleep_while_others_take_each_turn).values(clock.seconds_left(20))

    assert timedelta(seconds=18) < clock.now - NOW < timedelta(seconds=19)


def test_a_page_that_cannot_be_read_whole_is_none_and_the_next_reader_waits_its_turn(
    page: SharedPage, metrics: _Metrics, store: PageStore, clock: _Clock
) -> None:
    def fail() -> None:
        raise DependencyError("the inventory cannot be read")

    metrics.during = [fail]

    with pytest.raises(DependencyError, match="the inventory"):
        page.values()

    assert store.latest() is None
    assert _shown(page) == 2
    assert clock.now - NOW == 5 * _SECOND


def test_a_reader_that_is_overtaken_shows_the_page_of_the_faster_one(
    page: SharedPage, metrics: _Metrics, clock: _Clock
) -> None:
    shown = []

    def be_overtaken() -> None:
        clock.sleep(6)
        shown.append(_shown(page))

    metrics.during = [be_overtaken]

    shown.append(_shown(page))

    assert shown == [2, 2]


@given(data=st.data())
def test_no_counter_falls_whoever_overtakes_whom(data: st.DataObject) -> None:
    clock, metrics, store = _Clock(), _Metrics(), _Memory()
    page = SharedPage(store, metrics.read, clock, clock.sleep)
    ended: list[float] = []

    def read(depth: int) -> None:
        at_least = max(ended, default=0)
        clock.sleep(data.draw(st.integers(0, 7)))
        metrics.during = []
        if depth:
            metrics.during = [overtake(depth - 1)]
        shown = _shown(page, newly_read=data.draw(st.booleans()))
        assert shown >= at_least
        ended.append(shown)

    def overtake(depth: int) -> Callable[[], None]:
        def read_some() -> None:
            for _ in range(data.draw(st.integers(0, 2))):
                read(depth)

        return read_some

    for _ in range(4):
        read(depth=3)


class _Memory(PageStore):
    """A page store without a table."""

    def __init__(self) -> None:
        self._latest: KeptPage | None = None
        self._turn_ends = NOW

    def latest(self) -> KeptPage | None:
        return self._latest

    def save(self, page: KeptPage) -> bool:
        if page.version != (self._latest.version if self._latest else 0) + 1:
            return False
        self._latest = page
        return True

    def take_turn(self, now: datetime, length: timedelta) -> bool:
        if now < self._turn_ends:
            return False
        self._turn_ends = now + length
        return True

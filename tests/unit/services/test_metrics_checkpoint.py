"""The totals behind every operational counter: they never fall, and nothing that came in time is missing."""

from collections import defaultdict
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.metrics_service.domain import FIRST_READING, LATEST_ARRIVAL, LONGEST_READING, Checkpoint
from tests.factories import NOW

_MINUTE = timedelta(minutes=1)


def _unix(time: datetime) -> int:
    return int(time.timestamp())


def _minute(time: datetime) -> int:
    return _unix(time) // 60 * 60


def _read(checkpoint: Checkpoint, now: datetime, sums: dict[int, float]) -> Checkpoint:
    """Read what CloudWatch, which holds `sums` of one series, answers for the span."""
    since, until = checkpoint.span(now)
    answer = {minute: value for minute, value in sums.items() if _unix(since) <= minute < _unix(until)}
    return checkpoint.advanced({"a": answer}, {}, now)


def test_a_sum_that_was_read_twice_counts_once() -> None:
    sums = {_minute(NOW): 5.0}

    once = _read(Checkpoint.first(NOW), NOW, sums)
    twice = _read(once, NOW + _MINUTE, sums)

    assert (once.totals(), twice.totals()) == ({"a": 5}, {"a": 5})
    assert (once.version, twice.version) == (1, 2)


def test_what_comes_late_is_added_to_its_minute() -> None:
    sums = {_minute(NOW): 5.0}
    before = _read(Checkpoint.first(NOW), NOW, sums)

    sums[_minute(NOW)] = 7.0
    after = _read(before, NOW + timedelta(minutes=10), sums)

    assert after.totals() == {"a": 7}


def test_an_answer_that_lacks_what_was_there_before_takes_nothing_away() -> None:
    before = _read(Checkpoint.first(NOW), NOW, {_minute(NOW): 5.0})

    after = _read(before, NOW + _MINUTE, {})

    assert after.totals() == {"a": 5}


def test_an_answer_that_says_less_of_a_minute_than_before_takes_nothing_away() -> None:
    before = _read(Checkpoint.first(NOW), NOW, {_minute(NOW): 5.0})

    after = _read(before, NOW + _MINUTE, {_minute(NOW): 3.0, _minute(NOW + _MINUTE): 1.0})

    assert after.totals() == {"a": 6}


def test_a_settled_minute_is_kept_and_no_longer_read() -> None:
    before = _read(Checkpoint.first(NOW), NOW, {_minute(NOW): 5.0})

    after = _read(before, NOW + LATEST_ARRIVAL + _MINUTE, {_minute(NOW): 5.0})

    since, _ = after.span(NOW + LATEST_ARRIVAL + _MINUTE)
    assert after.totals() == {"a": 5}
    assert after.recent == {}
    assert _unix(since) > _minute(NOW)


def test_a_clock_that_is_behind_makes_no_settled_minute_count_again() -> None:
    sums = {_minute(NOW): 5.0}
    settled = _read(Checkpoint.first(NOW), NOW + LATEST_ARRIVAL + _MINUTE, sums)

    behind = _read(settled, NOW, sums)
    after = _read(behind, NOW + LATEST_ARRIVAL + _MINUTE, sums)

    assert behind.settled_until == settled.settled_until
    assert [one.totals() for one in (settled, behind, after)] == [{"a": 5}] * 3


def test_the_minute_that_is_under_way_is_read_too() -> None:
    _, until = Checkpoint.first(NOW).span(NOW)

    assert _unix(until) == _minute(NOW) + 60


def test_the_first_reading_goes_back_some_hours() -> None:
    since, _ = Checkpoint.first(NOW).span(NOW)

    assert _unix(since) == _minute(NOW - FIRST_READING)


def test_after_a_long_break_some_hours_are_read_at_a_time_and_nothing_is_skipped() -> None:
    sums = {_minute(NOW + timedelta(hours=hour)): 1.0 for hour in range(100)}
    checkpoint = _read(Checkpoint.first(NOW), NOW, sums)

    later = NOW + timedelta(hours=100)
    totals = []
    for _ in range(20):
        since, until = checkpoint.span(later)
        assert until - since <= LONGEST_READING
        checkpoint = _read(checkpoint, later, sums)
        totals.append(checkpoint.totals()["a"])
        assert checkpoint.read_at == min(later, until).timestamp()

    assert totals == sorted(totals)
    assert totals[-1] == 100


@given(
    arrivals=st.lists(
        st.tuples(
            st.integers(0, 90),  # the minute that it belongs to
            st.integers(0, 13),  # how many minutes later CloudWatch has it
            st.floats(0, 20, allow_nan=False),
        ),
        max_size=40,
    ),
    readings=st.lists(st.integers(0, 110), max_size=30),
)
def test_totals_never_fall_and_end_with_all_that_came_in_time(
    arrivals: list[tuple[int, int, float]], readings: list[int]
) -> None:
    checkpoint = Checkpoint.first(NOW)
    seen = [0.0]
    for reading in [*sorted(readings), 120]:
        sums: dict[int, float] = defaultdict(float)
        for minute, late, value in arrivals:
            if minute + late <= reading:
                sums[_minute(NOW + minute * _MINUTE)] += value
        checkpoint = _read(checkpoint, NOW + reading * _MINUTE, sums)
        seen.append(checkpoint.totals().get("a", 0))

    assert seen == sorted(seen)
    assert abs(seen[-1] - sum(value for _, _, value in arrivals)) < 1e-6

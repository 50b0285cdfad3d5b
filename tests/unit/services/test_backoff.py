import random
from collections.abc import Callable

import pytest

from services.libs.runtime.backoff import Backoff


def _paused(take: Callable[[Backoff], object], **settings: float) -> list[float]:
    pauses: list[float] = []
    take(Backoff(attempts=6, first_pause_seconds=0.1, sleep=pauses.append, **settings))
    return [round(pause, 3) for pause in pauses]


def test_all_attempts_are_numbered() -> None:
    assert list(Backoff(attempts=3, first_pause_seconds=0, sleep=lambda _: None).tries()) == [0, 1, 2]


def test_an_attempt_that_is_the_last_needed_is_followed_by_no_pause() -> None:
    assert _paused(lambda backoff: next(backoff.tries())) == []


@pytest.mark.usefixtures("longest_jitter")
def test_the_pauses_between_the_attempts_are_twice_as_long_each_time() -> None:
    assert _paused(lambda backoff: list(backoff.tries())) == [0.1, 0.2, 0.4, 0.8, 1.6]


@pytest.mark.usefixtures("longest_jitter")
def test_no_pause_is_longer_than_the_longest() -> None:
    assert _paused(lambda backoff: list(backoff.tries()), longest_pause_seconds=0.5) == [0.1, 0.2, 0.4, 0.5, 0.5]


@pytest.mark.usefixtures("longest_jitter")
def test_after_very_many_failures_a_pause_is_the_longest() -> None:
    assert _paused(lambda backoff: backoff.pause(99)) == [10.0]


def test_a_pause_is_anything_up_to_its_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda shortest, longest: (shortest + longest) / 2)

    assert _paused(lambda backoff: list(backoff.tries())) == [0.05, 0.1, 0.2, 0.4, 0.8]
